// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BuildOptions;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vector.F32Rows;
import io.github.jbellis.jvector.disk.ReaderSupplier;
import io.github.jbellis.jvector.disk.ReaderSupplierFactory;
import io.github.jbellis.jvector.graph.GraphIndexBuilder;
import io.github.jbellis.jvector.graph.GraphSearcher;
import io.github.jbellis.jvector.graph.ListRandomAccessVectorValues;
import io.github.jbellis.jvector.graph.SearchResult;
import io.github.jbellis.jvector.graph.disk.OnDiskGraphIndex;
import io.github.jbellis.jvector.graph.similarity.BuildScoreProvider;
import io.github.jbellis.jvector.graph.similarity.DefaultSearchScoreProvider;
import io.github.jbellis.jvector.quantization.ImmutablePQVectors;
import io.github.jbellis.jvector.quantization.PQVectors;
import io.github.jbellis.jvector.quantization.ProductQuantization;
import io.github.jbellis.jvector.util.Bits;
import io.github.jbellis.jvector.vector.VectorSimilarityFunction;
import io.github.jbellis.jvector.vector.VectorizationProvider;
import io.github.jbellis.jvector.vector.types.VectorFloat;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.HdrHistogram.Histogram;

/**
 * One engine's searches of a stored index, in a process of its own: {@code prepare ENGINE INPUT
 * DIRECTORY} builds it, {@code search ENGINE DIRECTORY QUERIES GROUND_TRUTH THREADS SECONDS
 * WARM|CAPPED RECALL LIST,LIST,...} takes the first list that reaches the recall and prints {@code
 * list recall qps p50us p99us anonymousBytes}.
 */
final class EngineSearch {
  private static final int K = 10;
  private static final int RECALL_QUERIES = 1000;
  private static final int DEGREE = 64;
  private static final int BUILD_LIST = 100;
  private static final VectorSimilarityFunction L2 = VectorSimilarityFunction.EUCLIDEAN;

  private EngineSearch() {}

  public static void main(String[] a) throws IOException {
    if (a[0].equals("prepare")) {
      prepare(a[1], Path.of(a[2]), Path.of(a[3]));
      return;
    }
    Path directory = Path.of(a[2]);
    boolean warm = a[7].equals("warm");
    try (VectorInput queries = VectorInput.open(Path.of(a[3]))) {
      GroundTruth truth = GroundTruth.read(Path.of(a[4]));
      int threads = Integer.parseInt(a[5]);
      readOrDrop(directory, warm);
      int[] lists = Arrays.stream(a[9].split(",", -1)).mapToInt(Integer::parseInt).toArray();
      try (Engine engine = open(a[1], directory, warm, threads)) {
        run(
            engine,
            queries.rows(),
            truth,
            threads,
            Double.parseDouble(a[6]),
            Double.parseDouble(a[8]),
            lists);
      }
    }
  }

  /** An opened index. */
  private interface Engine extends AutoCloseable {
    /** A searcher of one thread. */
    Searcher searcher() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Searches. */
  private interface Searcher extends AutoCloseable {
    void search(float[] query, int list, long[] ids) throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Brings files into the page cache, or out of it. */
  private static void readOrDrop(Path directory, boolean warm) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        if (warm) {
          try (var in = Files.newInputStream(file)) {
            long unused = in.transferTo(java.io.OutputStream.nullOutputStream());
            assert unused >= 0;
          }
        } else {
          try (DirectFile opened = DirectFile.open(file, DirectFile.Mode.READ)) {
            opened.dropCache();
          }
        }
      }
    }
  }

  private static void run(
      Engine engine,
      F32Rows queries,
      GroundTruth truth,
      int threads,
      double seconds,
      double wanted,
      int[] lists)
      throws IOException {
    double recall = 0;
    int list = 0;
    try (Searcher searcher = engine.searcher()) {
      float[] query = new float[queries.dimension()];
      for (int candidate : lists) {
        list = candidate;
        long[] ids = new long[K];
        long hits = 0;
        int asked = Math.min(RECALL_QUERIES, queries.count());
        for (int i = 0; i < asked; i++) {
          queries.copyRow(i, query);
          Arrays.fill(ids, -1);
          searcher.search(query, list, ids);
          hits += truth.hits(i, ids, K);
        }
        recall = (double) hits / K / asked;
        if (recall >= wanted) {
          break;
        }
      }
    }
    Histogram all = new Histogram(3);
    AtomicInteger next = new AtomicInteger();
    int chosen = list;
    long start = System.nanoTime();
    long end = start + (long) (seconds * 1e9);
    try (Workers workers = Workers.start(threads)) {
      workers.forRanges(
          threads,
          1,
          (worker, from, to) -> {
            Histogram mine = new Histogram(3);
            float[] query = new float[queries.dimension()];
            long[] ids = new long[K];
            try (Searcher searcher = engine.searcher()) {
              while (System.nanoTime() < end) {
                queries.copyRow(Math.floorMod(next.getAndIncrement(), queries.count()), query);
                long before = System.nanoTime();
                searcher.search(query, chosen, ids);
                mine.recordValue(System.nanoTime() - before);
              }
            }
            synchronized (all) {
              all.add(mine);
            }
          });
    }
    double elapsed = (System.nanoTime() - start) / 1e9;
    System.out.println(
        String.format(
            Locale.ROOT,
            "%d %.4f %.1f %.1f %.1f %d",
            list,
            recall,
            all.getTotalCount() / elapsed,
            all.getValueAtPercentile(50) / 1e3,
            all.getValueAtPercentile(99) / 1e3,
            SystemFacts.anonymousBytes()));
  }

  private static void prepare(String name, Path input, Path directory) throws IOException {
    Path done = directory.resolve("prepared");
    if (Files.exists(done)) {
      return;
    }
    Files.createDirectories(directory);
    try (VectorInput vectors = VectorInput.open(input)) {
      if (name.equals("arbalest")) {
        BuildOptions options =
            BuildOptions.builder()
                .degree(DEGREE)
                .buildList(BUILD_LIST)
                .alpha(1.2f)
                .fast(false)
                .seed(1)
                .build();
        var report =
            Index.build(directory.resolve("index"), vectors, options, ProgressListener.NONE);
        System.err.println("arbalest: built in " + report.seconds() + " s");
      } else {
        prepareJVector(vectors.rows(), directory);
      }
    }
    Files.createFile(done);
  }

  private static void prepareJVector(F32Rows rows, Path directory) throws IOException {
    ListRandomAccessVectorValues values = EngineBuild.heapVectors(rows);
    int dimension = rows.dimension();
    try (ForkJoinPool pool = new ForkJoinPool(Runtime.getRuntime().availableProcessors())) {
      ProductQuantization quantization =
          ProductQuantization.compute(values, dimension / 8, 256, true, -1, pool, pool);
      PQVectors codes = PQVectors.encodeAndBuild(quantization, values.size(), values, pool);
      try (DataOutputStream out =
          new DataOutputStream(
              new BufferedOutputStream(Files.newOutputStream(directory.resolve("pq"))))) {
        codes.write(out, OnDiskGraphIndex.CURRENT_VERSION);
      }
      BuildScoreProvider scores = BuildScoreProvider.randomAccessScoreProvider(values, L2);
      try (GraphIndexBuilder builder =
          new GraphIndexBuilder(
              scores, dimension, DEGREE, BUILD_LIST, 1.2f, 1.2f, false, true, pool, pool)) {
        OnDiskGraphIndex.write(builder.build(values), values, directory.resolve("graph"));
      }
    }
  }

  private static Engine open(String name, Path directory, boolean warm, int threads)
      throws IOException {
    return name.equals("arbalest")
        ? new Arbalest(directory.resolve("index"), warm, threads)
        : new JVector(directory);
  }

  private static final class Arbalest implements Engine {
    private final Index index;

    @SuppressWarnings("MustBeClosedChecker") // closed by close()
    Arbalest(Path directory, boolean warm, int threads) throws IOException {
      index =
          Index.open(
              directory,
              OpenOptions.defaults()
                  .withReader(warm ? ReaderKind.MMAP : ReaderKind.AUTO)
                  .withSearchThreads(threads + 1),
              ProgressListener.NONE);
    }

    @Override
    public Searcher searcher() {
      dev.arbalest.SearchResult result = new dev.arbalest.SearchResult();
      return new Searcher() {
        @Override
        public void search(float[] query, int list, long[] ids) throws IOException {
          index.search(query, SearchParameters.forK(K).withList(list), result);
          result.copyIds(ids, 0);
        }

        @Override
        public void close() {
          // Contexts belong to the index.
        }
      };
    }

    @Override
    public void close() throws IOException {
      index.close();
    }
  }

  private static final class JVector implements Engine {
    private final ReaderSupplier graphFile;
    private final OnDiskGraphIndex graph;
    private final ImmutablePQVectors codes;

    JVector(Path directory) throws IOException {
      EngineBuild.requireVectorInstructions();
      try (ReaderSupplier pq = ReaderSupplierFactory.open(directory.resolve("pq"));
          var reader = pq.get()) {
        codes = PQVectors.load(reader);
      }
      graphFile = ReaderSupplierFactory.open(directory.resolve("graph"));
      graph = OnDiskGraphIndex.load(graphFile);
    }

    @Override
    public Searcher searcher() {
      GraphSearcher searcher = new GraphSearcher(graph);
      OnDiskGraphIndex.View view = (OnDiskGraphIndex.View) searcher.getView();
      return new Searcher() {
        @Override
        public void search(float[] query, int list, long[] ids) {
          VectorFloat<?> vector =
              VectorizationProvider.getInstance().getVectorTypeSupport().createFloatVector(query);
          SearchResult found =
              searcher.search(
                  new DefaultSearchScoreProvider(
                      codes.precomputedScoreFunctionFor(vector, L2), view.rerankerFor(vector, L2)),
                  K,
                  list,
                  0f,
                  0f,
                  Bits.ALL);
          for (int rank = 0; rank < Math.min(K, found.getNodes().length); rank++) {
            ids[rank] = found.getNodes()[rank].node;
          }
        }

        @Override
        public void close() throws IOException {
          searcher.close();
        }
      };
    }

    @Override
    public void close() throws IOException {
      graph.close();
      graphFile.close();
    }
  }

  /** Engines that can be compared. */
  static List<String> engines() {
    return List.of("arbalest", "jvector");
  }
}
