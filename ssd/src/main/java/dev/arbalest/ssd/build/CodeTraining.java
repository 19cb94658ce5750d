// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.ProgressListener;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.pq.ScalarQuantizer;
import dev.arbalest.ssd.format.VectorFile;
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

  /** More than the kernel maps around a page that is read. */
  private static final long READ_AROUND_BYTES = 256L << 10;

  private final BuildSpec options;
  private final BuildPlan plan;
  private final int slotBytes;
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
    this.slotBytes = geometry.slotBytes();
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
  void trainAll(F32Rows stored, @Nullable FileMapping mapping) throws IOException {
    int size = mapping == null ? 0 : sampleRows(stored.count());
    try (NativeMemory memory = NativeMemory.allocate(1L + (long) size * slotBytes)) {
      F32Rows rows = mapping == null ? stored : sample(stored, mapping, memory, size);
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
  private int sampleRows(int count) {
    long room = plan.bytesOfVectors() / 2;
    long rows = Math.clamp(room / slotBytes, MIN_SAMPLE_ROWS, SAMPLE_ROWS);
    return (int) Math.min(count, rows);
  }

  /** Copies rows at even distances. */
  private F32Rows sample(F32Rows stored, FileMapping mapping, NativeMemory memory, int size)
      throws IOException {
    long bytes = 4L * stored.dimension();
    workers.forRanges(
        size,
        64,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            long offset = stored.offset((int) ((long) i * stored.count() / size));
            MemorySegment.copy(mapping.segment(), offset, memory.segment(), i * bytes, bytes);
            // The kernel maps pages around each it reads: they count too.
            long start = Math.max(0, offset - READ_AROUND_BYTES);
            mapping.release(start, offset + bytes + READ_AROUND_BYTES - start);
          }
        });
    return new F32Rows(memory.segment(), 0, bytes, size, stored.dimension());
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the list it is added to
  private Coded train(CodecSpec spec, Metric metric, F32Rows rows, int count) throws IOException {
    Codec codec = Codec.train(spec, metric, rows, options.graph().seed(), workers);
    return new Coded(codec, NativeMemory.allocate((long) codec.codeBytes() * count));
  }

  /** Encodes with every codec in one pass over the vectors. */
  void encode(F32Rows stored, @Nullable FileMapping mapping, SegmentAllocator memory)
      throws IOException {
    CodeEncoder[][] encoders = new CodeEncoder[workers.size()][coded.size()];
    for (CodeEncoder[] ofWorker : encoders) {
      java.util.Arrays.setAll(ofWorker, i -> coded.get(i).codec().newEncoder(memory));
    }
    workers.forRanges(
        stored.count(),
        256,
        (worker, from, to) -> {
          for (int i = 0; i < coded.size(); i++) {
            encoders[worker][i].encode(stored, from, to, coded.get(i).codes().segment());
          }
          if (mapping != null) {
            mapping.release(stored.offset(from), (to - from) * stored.strideBytes());
          }
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
