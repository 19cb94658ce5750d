package dev.arbalest.ssd;

import dev.arbalest.cache.MemoryBudget;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GraphBuilder;
import dev.arbalest.vamana.NodeDistances;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Builds an index from a file of vectors: store the vectors, train the codec, encode, build the
 * graph, commit. Every file is durable before the manifest that names it appears.
 */
final class IndexBuilder {
  /** Heap, code and thread stacks of the JVM, staging buffers: what no part below counts. */
  static final long BASE_BYTES = 256L << 20;

  /** Staging memory of a worker. */
  private static final long STAGING_BYTES = 4L << 20;

  private final VectorInput input;
  private final BuildOptions options;
  private final ProgressListener listener;
  private final Map<String, Double> stageSeconds = new LinkedHashMap<>();
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
    boolean resident = builder.plan();
    long start = System.nanoTime();
    try (IndexDirectory directory = IndexDirectory.openForWriting(path);
        Workers workers = Workers.start(options.threads())) {
      Manifest manifest;
      try {
        manifest = builder.writeFiles(directory, workers, resident);
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

  /** Decides what is kept in memory; returns whether the vectors are. */
  private boolean plan() {
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
    long vectors = (long) count * new VectorFile(rows.dimension()).slotBytes();
    boolean resident = budget.addIfFits("vectors", vectors);
    listener.note(
        String.format(
            Locale.ROOT,
            "memory plan: %.1f of %.1f MiB; vectors %s",
            budget.plannedBytes() / 1048576.0,
            budget.limitBytes() / 1048576.0,
            resident ? "in memory" : "read through the page cache"));
    return resident;
  }

  /** What a build cannot do without. */
  static MemoryBudget required(int count, int codeDimension, BuildOptions options) {
    MemoryBudget budget = new MemoryBudget(options.memoryBytes());
    budget.require("base", BASE_BYTES + STAGING_BYTES * options.threads());
    budget.require("checksums", 4L * count);
    budget.require("order", (options.metric() == Metric.DOT ? 8L : 4L) * count);
    // The graph grows with slack and is then copied; codes are written and gone by then.
    BuildParameters graph = options.graph();
    long graphBytes =
        Graph.byteSize(count, graph.slackDegree()) + Graph.byteSize(count, graph.degree());
    long codeBytes = (long) count * options.codec().codeBytesAtMost(codeDimension);
    budget.require(graphBytes > codeBytes ? "graph" : "codes", Math.max(graphBytes, codeBytes));
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

  private Manifest writeFiles(IndexDirectory directory, Workers workers, boolean resident)
      throws IOException {
    F32Rows rows = input.rows();
    int count = rows.count();
    VectorFile geometry = new VectorFile(rows.dimension());
    Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(Manifest.Part.class);
    long residentBytes = resident ? (long) count * geometry.slotBytes() : 1;
    try (NativeMemory sums = NativeMemory.allocate(4L * count);
        NativeMemory vectors = NativeMemory.allocate(residentBytes)) {
      begin("store", count);
      Path vectorPath = directory.newFile(Manifest.Part.VECTORS);
      int headerChecksum =
          VectorFileWriter.write(
              vectorPath,
              input,
              options.metric(),
              sums.segment(),
              resident ? vectors.segment() : MemorySegment.NULL,
              workers,
              listener::advanced);
      files.put(
          Manifest.Part.VECTORS,
          new Manifest.Entry(
              vectorPath.getFileName().toString(), geometry.fileBytes(count), headerChecksum));
      put(files, directory, Manifest.Part.SUMS, FileHeader.Kind.SUMS, sums.segment(), workers);
      if (resident) {
        F32Rows stored =
            new F32Rows(vectors.segment(), 0, geometry.slotBytes(), count, codeDimension());
        return encodeAndLink(directory, workers, files, stored);
      }
      try (FileMapping mapping = FileMapping.open(vectorPath)) {
        F32Rows stored =
            new F32Rows(
                mapping.segment(),
                geometry.offset(0),
                geometry.slotBytes(),
                count,
                codeDimension());
        return encodeAndLink(directory, workers, files, stored);
      }
    }
  }

  /** Makes codes and graph of the stored vectors, or of a prefix of each. */
  private Manifest encodeAndLink(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      F32Rows stored)
      throws IOException {
    writeIds(directory, workers, files, stored.count());
    encode(directory, workers, files, stored);
    int passes = options.graph().passes();
    begin("graph", (long) passes * stored.count());
    NodeDistances distances = NodeDistances.of(stored, options.metric(), workers);
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
          stored.count(),
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

  private void encode(
      IndexDirectory directory,
      Workers workers,
      Map<Manifest.Part, Manifest.Entry> files,
      F32Rows stored)
      throws IOException {
    begin("train", 1);
    Codec codec =
        Codec.train(options.codec(), options.metric(), stored, options.graph().seed(), workers);
    listener.advanced(1);
    begin("encode", stored.count());
    try (NativeMemory codes = NativeMemory.allocate((long) codec.codeBytes() * stored.count())) {
      CodeEncoder[] encoders = new CodeEncoder[workers.size()];
      java.util.Arrays.setAll(encoders, worker -> codec.newEncoder());
      workers.forRanges(
          stored.count(),
          256,
          (worker, from, to) -> {
            encoders[worker].encode(stored, from, to, codes.segment());
            synchronized (codec) {
              listener.advanced(to - from);
            }
          });
      put(
          files,
          directory,
          Manifest.Part.CODES,
          FileHeader.Kind.CODES,
          codes.segment(),
          workers,
          stored.count(),
          codec.codeBytes());
    }
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
