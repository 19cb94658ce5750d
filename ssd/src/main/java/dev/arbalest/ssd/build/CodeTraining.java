// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.ElementType;
import dev.arbalest.ProgressListener;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.pq.ScalarQuantizer;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Trains the codecs of a build, and encodes its vectors with them. */
final class CodeTraining implements AutoCloseable {
  /** Most vectors copied to train on where they do not all fit. */
  private static final int SAMPLE_ROWS = 65_536;

  private static final int MIN_SAMPLE_ROWS = 4096;

  /** Vectors encoded together. */
  private static final int WINDOW = 256;

  private final BuildSpec options;
  private final BuildPlan plan;

  /** Bytes of a sampled vector, as of a stored one of floats. */
  private final int sampledBytes;

  private final Workers workers;
  private final ProgressListener listener;
  private final List<Coded> coded = new ArrayList<>();

  CodeTraining(
      BuildSpec options,
      BuildPlan plan,
      VectorFile geometry,
      Workers workers,
      ProgressListener listener) {
    this.options = options;
    this.plan = plan;
    this.sampledBytes = new VectorFile(geometry.dimension(), ElementType.F32).slotBytes();
    this.workers = workers;
    this.listener = listener;
  }

  /** A codec and the codes made with it; closing frees the codes. */
  record Coded(Codec codec, NativeMemory codes) implements AutoCloseable {
    @Override
    public void close() {
      codes.close();
    }
  }

  /** The index's codec and codes. */
  Coded ofIndex() {
    return coded.getFirst();
  }

  /** The codec and codes that searches of the build walk by. */
  Coded ofWalk() {
    return options.codec().equals(BuildPlan.WALK) ? coded.getFirst() : coded.get(1);
  }

  /** What stands for vectors that do not fit in memory, or null. */
  CodedDistances.@Nullable Narrow narrow() {
    return coded.getLast().codec() instanceof ScalarQuantizer bytes
            && plan.vectors() == BuildPlan.Vectors.NARROW
        ? new CodedDistances.Narrow(bytes, coded.getLast().codes().segment())
        : null;
  }

  /**
   * Trains the index's codec, then the codec of the walk unless it is the same, then the one that
   * stands for the vectors where those do not fit; those are then not trained on, but a copy of
   * some.
   */
  void trainAll(BuildVectors stored) throws IOException {
    int size = stored.isMapped() ? sampleRows(stored) : 0;
    try (NativeMemory memory = NativeMemory.allocate(1 + 4L * stored.dimension() * size)) {
      F32Rows rows =
          stored.isMapped()
              ? sample(stored, memory, size)
              : java.util.Objects.requireNonNull(stored.inPlace());
      coded.add(train(options.codec(), options.metric(), rows, stored.count()));
      if (!options.codec().equals(BuildPlan.WALK)) {
        coded.add(train(BuildPlan.WALK, options.metric(), rows, stored.count()));
      }
      if (plan.vectors() == BuildPlan.Vectors.NARROW) {
        coded.add(train(BuildPlan.NARROW, Metric.L2, rows, stored.count()));
      }
    }
  }

  /** As many as fit where graph and codes will be, which nothing has been written to yet. */
  private int sampleRows(BuildVectors stored) {
    long room = plan.bytesOfVectors() / 2;
    long rows = Math.clamp(room / sampledBytes, MIN_SAMPLE_ROWS, SAMPLE_ROWS);
    return (int) Math.min(stored.count(), rows);
  }

  /** Copies rows at even distances. */
  private F32Rows sample(BuildVectors stored, NativeMemory memory, int size) throws IOException {
    long bytes = 4L * stored.dimension();
    workers.forRanges(
        size,
        64,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            int row = (int) ((long) i * stored.count() / size);
            stored.copy(row, memory.segment(), i * bytes);
          }
        });
    return new F32Rows(memory.segment(), 0, bytes, size, stored.dimension());
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the list it is added to
  private Coded train(CodecSpec spec, Metric metric, F32Rows rows, int count) throws IOException {
    Codec codec = Codec.train(spec, metric, rows, options.graph().seed(), workers);
    return new Coded(codec, NativeMemory.allocate((long) codec.codeBytes() * count));
  }

  /**
   * Encodes with every codec in one pass over the vectors.
   *
   * @param squaredNorms receives those of all vectors, null if they are not needed
   */
  void encode(BuildVectors stored, float @Nullable [] squaredNorms, SegmentAllocator memory)
      throws IOException {
    CodeEncoder[][] encoders = new CodeEncoder[workers.size()][coded.size()];
    MemorySegment[] buffers = new MemorySegment[workers.size()];
    for (int worker = 0; worker < workers.size(); worker++) {
      java.util.Arrays.setAll(encoders[worker], i -> coded.get(i).codec().newEncoder(memory));
      buffers[worker] = memory.allocate(stored.windowBytes(WINDOW), 64);
    }
    workers.forRanges(
        stored.count(),
        WINDOW,
        (worker, from, to) -> {
          F32Rows window = stored.window(from, to, buffers[worker]);
          for (int i = 0; i < coded.size(); i++) {
            Codec codec = coded.get(i).codec();
            MemorySegment codes =
                coded.get(i).codes().segment().asSlice((long) from * codec.codeBytes());
            encoders[worker][i].encode(window, 0, to - from, codes);
          }
          for (int row = 0; squaredNorms != null && row < to - from; row++) {
            squaredNorms[from + row] = ExactDistances.squaredNorm(window, row);
          }
          stored.release(from, to);
          synchronized (coded) {
            listener.advanced(to - from);
          }
        });
  }

  @Override
  public void close() {
    coded.forEach(Coded::close);
  }
}
