// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorSource;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.BuildState;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.StageRecord;
import dev.arbalest.ssd.input.DenseLayout;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.IdTable;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GraphBuilder;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Builds an index from a source of vectors: store the vectors, train the codec, encode, build the
 * graph, commit. Every file is durable before the manifest that names it appears, and before {@code
 * build.json} says that an unfinished build can go on from it.
 */
public final class IndexBuilder {
  private final VectorSource input;
  private final Ids ids;
  private final BuildSpec options;
  private final ProgressListener listener;
  private final IndexDirectory directory;
  private final Workers workers;
  private final BuildPlan plan;
  private final StoredVectors vectors;
  private final Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(Manifest.Part.class);
  private final StageClock clock;
  private BuildState state;

  private IndexBuilder(
      VectorSource input,
      Ids ids,
      BuildSpec options,
      ProgressListener listener,
      BuildPlan plan,
      IndexDirectory directory,
      Workers workers)
      throws IOException {
    this.input = input;
    this.ids = ids;
    this.options = options;
    this.listener = listener;
    this.plan = plan;
    this.directory = directory;
    this.workers = workers;
    this.vectors = new StoredVectors(input, options, directory, workers, listener);
    this.clock = new StageClock(listener);
    this.state = new BuildState(directory.nextGeneration(), job(), files, null);
    if (options.resume()) {
      resume();
    }
  }

  /**
   * What a build committed.
   *
   * @param seconds wall time
   * @param stageSeconds wall time of each stage, in order
   */
  public record Outcome(Manifest manifest, double seconds, Map<String, Double> stageSeconds) {}

  /** Builds an index into a directory. */
  public static Outcome build(
      Path path, VectorSource input, Ids ids, BuildOptions wanted, ProgressListener listener)
      throws IOException {
    DenseLayout.requireInRange(input.name(), "the source", input.count(), input.dimension());
    BuildSpec options = AutomaticCodec.resolve(wanted, input.count(), input.dimension());
    if (ids.size() != input.count()) {
      throw new BadInputException(
          ids.size() + " ids for the " + input.count() + " vectors of " + input.name());
    }
    if (options.prefixDimension() > input.dimension()) {
      throw new BadInputException(
          "code dimension "
              + options.prefixDimension()
              + " is longer than the vectors of "
              + input.name()
              + ", which have "
              + input.dimension());
    }
    options.codec().requireFits(prefixDimension(input, options));
    BuildPlan plan = BuildPlan.of(input, prefixDimension(input, options), options);
    listener.note(plan.describe());
    long start = System.nanoTime();
    try (IndexDirectory directory = IndexDirectory.openForWriting(path, options.resume());
        Workers workers = Workers.start(options.threads())) {
      IndexBuilder builder =
          new IndexBuilder(input, ids, options, listener, plan, directory, workers);
      Manifest manifest;
      try {
        manifest = builder.writeFiles();
        String left = directory.commit(manifest);
        if (!left.isEmpty()) {
          listener.note(left);
        }
      } catch (Throwable e) {
        directory.rollBack(e);
        throw e;
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      Map<String, Double> stages = builder.clock.end();
      StageRecord.write(path, stages);
      return new Outcome(manifest, seconds, stages);
    }
  }

  private static int prefixDimension(VectorSource input, BuildSpec options) {
    return options.prefixDimension() == 0 ? input.dimension() : options.prefixDimension();
  }

  private int prefixDimension() {
    return prefixDimension(input, options);
  }

  /** All that the bytes of the index depend on, and the state of the input file. */
  private String job() throws IOException {
    BuildParameters graph = options.graph();
    return String.join(
        ", ",
        input.count() + " x " + input.dimension(),
        "input " + input.version(),
        "storage " + options.storage().label(),
        "metric " + options.metric().label(),
        "codec " + options.codec(),
        "dimensions " + prefixDimension(),
        "degree " + graph.degree(),
        "list " + graph.searchListSize(),
        "alpha " + graph.alpha(),
        "fast " + graph.fast(),
        "seed " + graph.seed(),
        "vectors " + plan.vectors(),
        "ids " + ids.type().label() + " " + Integer.toHexString(ids.checksum()));
  }

  private void resume() throws IOException {
    Optional<BuildState> found = directory.unfinished();
    if (found.isEmpty()) {
      listener.note("nothing to resume in " + directory.path() + ": building from the beginning");
      return;
    }
    if (!found.get().job().equals(state.job())) {
      throw new BadInputException(
          "the unfinished build in "
              + directory.path()
              + " is another ("
              + found.get().job()
              + ") than this ("
              + state.job()
              + "); repeat its options and memory, or build without resuming to start over");
    }
    state = found.get();
    files.putAll(state.files());
    listener.note(
        "resuming: "
            + files.size()
            + " of "
            + Manifest.Part.values().length
            + " files complete"
            + (state.graph() == null
                ? ""
                : ", graph at pass "
                    + (state.graph().position().pass() + 1)
                    + ", node "
                    + state.graph().position().inserted()));
  }

  /** Records the completed stages, so that a later build can resume after them. */
  private void saveState() throws IOException {
    state = state.with(files);
    directory.save(state);
  }

  private Manifest writeFiles() throws IOException {
    boolean resident = plan.vectors() == BuildPlan.Vectors.RESIDENT;
    int count = input.count();
    long rowBytes = 4L * input.dimension();
    long residentBytes = resident ? count * rowBytes : 1;
    try (NativeMemory copies = NativeMemory.allocate(residentBytes)) {
      clock.begin("store", count);
      MemorySegment target = resident ? copies.segment() : MemorySegment.NULL;
      if (files.containsKey(Manifest.Part.SUMS)) {
        vectors.load(files, target);
      } else {
        files.putAll(vectors.store(target));
        saveState();
      }
      if (resident) {
        F32Rows rows = new F32Rows(copies.segment(), 0, rowBytes, count, prefixDimension());
        return encodeAndLink(BuildVectors.inMemory(rows, vectors.geometry()));
      }
      Path path = directory.path().resolve(stored().name());
      try (FileMapping mapping = FileMapping.open(path)) {
        return encodeAndLink(
            BuildVectors.mapped(mapping, vectors.geometry(), count, prefixDimension()));
      }
    }
  }

  private Manifest.Entry stored() {
    return java.util.Objects.requireNonNull(files.get(Manifest.Part.VECTORS));
  }

  /** Makes codes and graph of the stored vectors, or of a prefix of each. */
  private Manifest encodeAndLink(BuildVectors stored) throws IOException {
    try (SlabPool slabs = new SlabPool();
        CodeTraining training =
            new CodeTraining(options, plan, vectors.geometry(), workers, listener)) {
      clock.begin("train", 1);
      training.trainAll(stored);
      listener.advanced(1);
      clock.begin("encode", stored.count());
      CodedDistances.Narrow narrow = training.narrow();
      boolean needsLift = narrow != null && options.metric() == Metric.DOT;
      float @Nullable [] lift = needsLift ? new float[stored.count()] : null;
      try (SlabPool.Lease memory = slabs.lease()) {
        training.encode(stored, lift, memory);
      }
      if (!files.containsKey(Manifest.Part.CODEC)) {
        writeIds(stored.count());
        writeCodes(training.ofIndex(), stored.count());
        saveState();
      }
      CodeTraining.Coded walk = training.ofWalk();
      MemorySegment walkCodes = walk.codes().segment();
      try (SlabPool.Lease memory = slabs.lease()) {
        if (narrow != null) {
          if (lift != null) {
            ExactDistances.liftFromSquaredNorms(lift);
          }
          return link(
              CodedDistances.narrow(stored.count(), lift, walk.codec(), walkCodes, narrow, memory));
        }
        F32Rows rows = java.util.Objects.requireNonNull(stored.inPlace());
        ExactDistances exact = ExactDistances.of(rows, options.metric(), workers);
        return link(new CodedDistances(exact, walk.codec(), walkCodes, memory));
      }
    }
  }

  private Manifest link(CodedDistances distances) throws IOException {
    clock.begin("graph", (long) BuildParameters.PASSES * distances.count());
    GraphCheckpointFiles checkpoints =
        new GraphCheckpointFiles(directory, workers, state, options.checkpointSeconds());
    try (Graph graph =
        GraphBuilder.build(distances, options.graph(), workers, listener::advanced, checkpoints)) {
      clock.begin("commit", 1);
      put(
          Manifest.Part.GRAPH,
          FileHeader.Kind.GRAPH,
          graph.segment(),
          graph.nodeCount(),
          graph.maxDegree(),
          graph.entryPoint());
      listener.advanced(1);
      return new Manifest(
          directory.nextGeneration(),
          input.dimension(),
          options.storage(),
          options.metric(),
          distances.count(),
          distances.count(),
          ids.type(),
          graph.entryPoint(),
          options.codec(),
          prefixDimension(),
          options.graph(),
          graph.maxDegree(),
          Manifest.Checkpoint.built(directory.nextGeneration()),
          files);
    }
  }

  private void writeIds(int count) throws IOException {
    long textBytes = ids.textBytes();
    try (IdTable table = new IdTable(ids.type(), count, textBytes);
        IdMap seen = new IdMap(table, count)) {
      for (int row = 0; row < count; row++) {
        table.set(row, ids, row);
        if (!seen.add(row)) {
          throw new BadInputException(
              "id " + ids.describe(row) + " occurs twice, last in row " + row);
        }
      }
      put(Manifest.Part.IDS, FileHeader.Kind.IDS, table.values().asSlice(0, 8L * count));
      if (ids.type() == IdType.UTF8) {
        put(Manifest.Part.TEXTS, FileHeader.Kind.TEXTS, table.texts(), textBytes);
      }
    }
  }

  private void writeCodes(CodeTraining.Coded coded, int count) throws IOException {
    Codec codec = coded.codec();
    put(
        Manifest.Part.CODES,
        FileHeader.Kind.CODES,
        coded.codes().segment(),
        count,
        codec.codeBytes());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    codec.write(new DataOutputStream(bytes));
    try (NativeMemory memory = NativeMemory.allocate(bytes.size())) {
      MemorySegment.copy(
          bytes.toByteArray(), 0, memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes.size());
      put(Manifest.Part.CODEC, FileHeader.Kind.CODEC, memory.segment());
    }
  }

  private void put(Manifest.Part part, FileHeader.Kind kind, MemorySegment payload, long... numbers)
      throws IOException {
    files.put(part, directory.write(part, kind, payload, workers, numbers));
  }
}
