package dev.arbalest.ssd;

import dev.arbalest.cache.MemoryBudget;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.pq.ScalarQuantizer;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GraphBuilder;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Builds an index from a file of vectors: store the vectors, train the codec, encode, build the
 * graph, commit. Every file is durable before the manifest that names it appears.
 */
final class IndexBuilder {
  /** Heap, code and thread stacks of the JVM, staging buffers: what no part below counts. */
  static final long BASE_BYTES = 256L << 20;

  /** Staging memory of a worker. */
  private static final long STAGING_BYTES = 4L << 20;

  private static final CodecSpec SQ8 = CodecSpec.parse("sq8");

  /**
   * What a build searches on: one bit per dimension. On 100,000 vectors of 1536 dimensions the
   * graph took 0.37 of the time of searches on vectors, 0.84 of those on two bits, and its recall
   * was the highest of the three: candidates that are a little wrong are more diverse.
   */
  private static final CodecSpec WALK = CodecSpec.rabitq1();

  private final VectorInput input;
  private final BuildOptions options;
  private final ProgressListener listener;
  private final Map<String, Double> stageSeconds = new LinkedHashMap<>();
  private Vectors vectors = Vectors.PAGED;
  private long stageStart;
  private String stage = "";

  private IndexBuilder(VectorInput input, BuildOptions options, ProgressListener listener) {
    this.input = input;
    this.options = options;
    this.listener = listener;
  }

  static BuildReport build(
      Path path, VectorInput input, BuildOptions options, ProgressListener listener)
      throws IOException {
    IndexBuilder builder = new IndexBuilder(input, options, listener);
    builder.plan();
    long start = System.nanoTime();
    try (IndexDirectory directory = IndexDirectory.openForWriting(path);
        Workers workers = Workers.start(options.threads())) {
      Manifest manifest;
      try {
        manifest = builder.writeFiles(directory, workers);
        directory.commit(manifest);
      } catch (Throwable e) {
        directory.rollBack(e);
        throw e;
      }
      builder.endStage();
      double seconds = (System.nanoTime() - start) / 1e9;
      return new BuildReport(manifest, seconds, builder.stageSeconds);
    }
  }

  /** What stands for the vectors while the graph is built. */
  private enum Vectors {
    /** Themselves, in memory. */
    RESIDENT("in memory"),
    /** One-byte codes in memory; the vectors are read once. */
    NARROW("as one-byte codes in memory"),
    /** Themselves, through the page cache. */
    PAGED("read through the page cache");

    private final String description;

    Vectors(String description) {
      this.description = description;
    }
  }

  /** Decides what is kept in memory. */
  private void plan() {
    F32Rows rows = input.rows();
    int count = rows.count();
    if (options.codeDimension() > rows.dimension()) {
      throw new BadInputException(
          "--dimensions "
              + options.codeDimension()
              + " is longer than the vectors of "
              + input.path()
              + ", which have "
              + rows.dimension());
    }
    options.codec().requireFits(codeDimension());
    MemoryBudget budget = required(count, codeDimension(), options);
    budget.check();
    long vectorBytes = (long) count * new VectorFile(rows.dimension()).slotBytes();
    long narrowBytes = (long) count * SQ8.codeBytesAtMost(codeDimension());
    if (budget.addIfFits("vectors", vectorBytes)) {
      vectors = Vectors.RESIDENT;
    } else if (budget.addIfFits("one-byte codes", narrowBytes)) {
      vectors = Vectors.NARROW;
    } else {
      vectors = Vectors.PAGED;
    }
    listener.note(
        String.format(
            Locale.ROOT,
            "memory plan: %s of %s; vectors %s",
            budget.parts().stream()
                .map(part -> part.what() + " " + mebibytes(part.bytes()))
                .collect(Collectors.joining(" + ")),
            mebibytes(budget.limitBytes()),
            vectors.description));
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }

  /** What a build cannot do without. */
  static MemoryBudget required(int count, int codeDimension, BuildOptions options) {
    MemoryBudget budget = new MemoryBudget(options.memoryBytes());
    budget.require("base", BASE_BYTES + STAGING_BYTES * options.threads());
    budget.require("checksums", 4L * count);
    budget.require("order", (options.metric() == Metric.DOT ? 8L : 4L) * count);
    // The graph grows with slack and is then copied.
    BuildParameters graph = options.graph();
    budget.require(
        "graph",
        Graph.byteSize(count, graph.slackDegree()) + Graph.byteSize(count, graph.degree()));
    budget.require("codes", (long) count * options.codec().codeBytesAtMost(codeDimension));
    if (!options.codec().equals(WALK)) {
      budget.require("codes of the walk", (long) count * WALK.codeBytesAtMost(codeDimension));
    }
    return budget;
  }

  private int codeDimension() {
    return options.codeDimension() == 0 ? input.rows().dimension() : options.codeDimension();
  }

  private void begin(String name, long total) {
    endStage();
    stage = name;
    stageStart = System.nanoTime();
    listener.stage(name, total);
  }

  private void endStage() {
    if (!stage.isEmpty()) {
      stageSeconds.merge(stage, (System.nanoTime() - stageStart) / 1e9, Double::sum);
      stage = "";
    }
  }

  private Manifest writeFiles(IndexDirectory directory, Workers workers) throws IOException {
    boolean resident = vectors == Vectors.RESIDENT;
    F32Rows rows = input.rows();
    int count = rows.count();
    VectorFile geometry = new VectorFile(rows.dimension());
    Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(Manifest.Part.class);
    long residentBytes = resident ? (long) count * geometry.slotBytes() : 1;
    try (NativeMemory sums = NativeMemory.allocate(4L * count);
        NativeMemory copies = NativeMemory.allocate(residentBytes)) {
      begin("store", count);
      Path vectorPath = directory.newFile(Manifest.Part.VECTORS);
      int headerChecksum =
          VectorFileWriter.write(
              vectorPath,
              input,
              options.metric(),
              sums.segment(),
              resident ? copies.segment() : MemorySegment.NULL,
              workers,
              listener::advanced);
      files.put(
          Manifest.Part.VECTORS,
          new Manifest.Entry(
              vectorPath.getFileName().toString(), geometry.fileBytes(count), headerChecksum));
      put(files, directory, Manifest.Part.SUMS, FileHeader.Kind.SUMS, sums.segment(), workers);
      if (resident) {
        F32Rows stored =
            new F32Rows(copies.segment(), 0, geometry.slotBytes(), count, codeDimension());
        return encodeAndLink(directory, workers, files, stored, (_, _) -> {});
      }
      try (FileMapping mapping = FileMapping.open(vectorPath)) {
        F32Rows stored =
            new F32Rows(
                mapping.segment(),
                geometry.offset(0),
                geometry.slotBytes(),
                count,
                codeDimension());
        return encodeAndLink(directory, workers, files, stored, (_, _) -> {});
      }
    }
  }

  /** Told which rows have been encoded. */
  private interface Encoded {
    void rows(int from, int to);
  }

  /** A codec and the codes made with it; closing frees the codes. */
  private record Coded(Codec codec, NativeMemory codes) implements AutoCloseable {
    @Override
    public void close() {
      codes.close();
    }
  }

  /** Makes codes and graph of the stored vectors, or of a prefix of each. */
  private Manifest encodeAndLink(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      F32Rows stored,
      Encoded encoded)
      throws IOException {
    writeIds(directory, workers, files, stored.count());
    List<Coded> coded = new ArrayList<>();
    try {
      begin("train", 1);
      coded.add(train(options.codec(), options.metric(), stored, workers));
      Coded walk = coded.getFirst();
      if (!options.codec().equals(WALK)) {
        walk = train(WALK, options.metric(), stored, workers);
        coded.add(walk);
      }
      CodedDistances.Narrow narrow = null;
      if (vectors == Vectors.NARROW) {
        Coded bytes = train(SQ8, Metric.L2, stored, workers);
        coded.add(bytes);
        narrow =
            new CodedDistances.Narrow((ScalarQuantizer) bytes.codec(), bytes.codes().segment());
      }
      listener.advanced(1);
      encode(coded, workers, stored, encoded);
      writeCodes(directory, workers, files, coded.getFirst(), stored.count());
      ExactDistances exact = ExactDistances.of(stored, options.metric(), workers);
      try (CodedDistances distances =
          new CodedDistances(exact, walk.codec(), walk.codes().segment(), narrow)) {
        return link(directory, workers, files, distances);
      }
    } finally {
      coded.forEach(Coded::close);
    }
  }

  private Manifest link(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      CodedDistances distances)
      throws IOException {
    begin("graph", (long) options.graph().passes() * distances.count());
    try (Graph graph =
        GraphBuilder.build(distances, options.graph(), workers, listener::advanced)) {
      begin("commit", 1);
      put(
          files,
          directory,
          Manifest.Part.GRAPH,
          FileHeader.Kind.GRAPH,
          graph.segment(),
          workers,
          graph.nodeCount(),
          graph.maxDegree(),
          graph.entryPoint());
      listener.advanced(1);
      return new Manifest(
          directory.nextGeneration(),
          input.rows().dimension(),
          options.metric(),
          distances.count(),
          graph.entryPoint(),
          options.codec(),
          codeDimension(),
          options.graph(),
          files);
    }
  }

  private void writeIds(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      int count)
      throws IOException {
    try (NativeMemory ids = NativeMemory.allocate(8L * count)) {
      for (int row = 0; row < count; row++) {
        ids.segment().setAtIndex(FileHeader.LONG, row, row);
      }
      put(files, directory, Manifest.Part.IDS, FileHeader.Kind.IDS, ids.segment(), workers);
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the list it is added to
  private Coded train(CodecSpec spec, Metric metric, F32Rows stored, Workers workers)
      throws IOException {
    Codec codec = Codec.train(spec, metric, stored, options.graph().seed(), workers);
    return new Coded(codec, NativeMemory.allocate((long) codec.codeBytes() * stored.count()));
  }

  /** Encodes with every codec in one pass over the vectors. */
  private void encode(List<Coded> coded, Workers workers, F32Rows stored, Encoded encoded)
      throws IOException {
    begin("encode", stored.count());
    CodeEncoder[][] encoders = new CodeEncoder[workers.size()][coded.size()];
    for (CodeEncoder[] ofWorker : encoders) {
      java.util.Arrays.setAll(ofWorker, i -> coded.get(i).codec().newEncoder());
    }
    workers.forRanges(
        stored.count(),
        256,
        (worker, from, to) -> {
          for (int i = 0; i < coded.size(); i++) {
            encoders[worker][i].encode(stored, from, to, coded.get(i).codes().segment());
          }
          encoded.rows(from, to);
          synchronized (coded) {
            listener.advanced(to - from);
          }
        });
  }

  private static void writeCodes(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      Coded coded,
      int count)
      throws IOException {
    Codec codec = coded.codec();
    put(
        files,
        directory,
        Manifest.Part.CODES,
        FileHeader.Kind.CODES,
        coded.codes().segment(),
        workers,
        count,
        codec.codeBytes());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    codec.write(new DataOutputStream(bytes));
    try (NativeMemory memory = NativeMemory.allocate(bytes.size())) {
      MemorySegment.copy(
          bytes.toByteArray(), 0, memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes.size());
      put(files, directory, Manifest.Part.CODEC, FileHeader.Kind.CODEC, memory.segment(), workers);
    }
  }

  private static void put(
      Map<Manifest.Part, Manifest.Entry> files,
      IndexDirectory directory,
      Manifest.Part part,
      FileHeader.Kind kind,
      MemorySegment payload,
      Workers workers,
      long... numbers)
      throws IOException {
    Path path = directory.newFile(part);
    BlockFile.Written written = BlockFile.write(path, kind, payload, workers, numbers);
    files.put(
        part,
        new Manifest.Entry(path.getFileName().toString(), written.bytes(), written.checksum()));
  }
}
