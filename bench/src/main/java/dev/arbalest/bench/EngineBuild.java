// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.Index;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.store.PartLoader;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GreedySearch;
import dev.arbalest.vector.F32Rows;
import io.github.jbellis.jvector.graph.GraphIndexBuilder;
import io.github.jbellis.jvector.graph.GraphSearcher;
import io.github.jbellis.jvector.graph.ImmutableGraphIndex;
import io.github.jbellis.jvector.graph.ListRandomAccessVectorValues;
import io.github.jbellis.jvector.graph.RandomAccessVectorValues;
import io.github.jbellis.jvector.graph.SearchResult;
import io.github.jbellis.jvector.graph.similarity.BuildScoreProvider;
import io.github.jbellis.jvector.graph.similarity.DefaultSearchScoreProvider;
import io.github.jbellis.jvector.quantization.ProductQuantization;
import io.github.jbellis.jvector.util.Bits;
import io.github.jbellis.jvector.vector.VectorSimilarityFunction;
import io.github.jbellis.jvector.vector.VectorizationProvider;
import io.github.jbellis.jvector.vector.types.VectorFloat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.Stream;

/**
 * One engine's build in a process of its own, so that its peak of resident memory is its own:
 * prints {@code seconds trainAndEncodeSeconds peakBytes recall recall ...}, a recall@10 for each
 * list size, the graph being searched with exact distances.
 */
final class EngineBuild {
  private static final int K = 10;

  private final VectorInput input;
  private final VectorInput queries;
  private final GroundTruth truth;
  private final int threads;
  private final int degree;
  private final int buildList;
  private final int[] lists;

  private EngineBuild(
      VectorInput input,
      VectorInput queries,
      GroundTruth truth,
      int threads,
      int degree,
      int buildList,
      int[] lists) {
    this.input = input;
    this.queries = queries;
    this.truth = truth;
    this.threads = threads;
    this.degree = degree;
    this.buildList = buildList;
    this.lists = lists;
  }

  /**
   * Arguments: arbalest|jvector, vectors, queries, ground truth, threads, degree, list, fast,
   * lists...
   */
  public static void main(String[] a) throws IOException {
    int[] lists = new int[a.length - 8];
    for (int i = 0; i < lists.length; i++) {
      lists[i] = Integer.parseInt(a[8 + i]);
    }
    try (VectorInput input = VectorInput.open(Path.of(a[1]));
        VectorInput queries = VectorInput.open(Path.of(a[2]))) {
      EngineBuild side =
          new EngineBuild(
              input,
              queries,
              GroundTruth.read(Path.of(a[3])),
              Integer.parseInt(a[4]),
              Integer.parseInt(a[5]),
              Integer.parseInt(a[6]),
              lists);
      if (a[0].equals("arbalest")) {
        side.arbalest(Boolean.parseBoolean(a[7]));
      } else {
        side.jvector();
      }
    }
  }

  private void arbalest(boolean fast) throws IOException {
    Path directory = Files.createTempDirectory("arbalest-compare");
    try {
      BuildParameters graph = new BuildParameters(degree, buildList, 1.2f, fast, 1);
      BuildOptions options =
          BuildOptions.builder()
              .degree(graph.degree())
              .buildList(graph.searchListSize())
              .alpha(graph.alpha())
              .fast(graph.fast())
              .seed(graph.seed())
              .threads(threads)
              .build();
      BuildReport report =
          Index.build(directory.resolve("index"), input, options, ProgressListener.NONE);
      long peak = SystemFacts.peakResidentBytes();
      double before =
          report.stageSeconds().getOrDefault("train", 0.0)
              + report.stageSeconds().getOrDefault("encode", 0.0);
      Path index = directory.resolve("index");
      try (Workers workers = Workers.start(1);
          Graph built =
              new PartLoader(index, Manifest.read(index), workers, ProgressListener.NONE).graph()) {
        print(report.seconds(), before, peak, list -> recall(built, list));
      }
    } finally {
      delete(directory);
    }
  }

  private double recall(Graph graph, int list) {
    F32Rows rows = input.rows();
    F32Rows asked = queries.rows();
    GreedySearch search = new GreedySearch(graph, list);
    long[] offsets = new long[graph.maxDegree() + 1];
    int hits = 0;
    for (int query = 0; query < asked.count(); query++) {
      long queryOffset = asked.offset(query);
      CandidateList found =
          search.search(
              (nodes, count, limit, out) -> {
                for (int i = 0; i < count; i++) {
                  offsets[i] = rows.offset(nodes[i]);
                }
                F32Distance.squaredL2(
                    asked.memory(),
                    queryOffset,
                    rows.memory(),
                    offsets,
                    0,
                    count,
                    rows.dimension(),
                    out,
                    0);
              },
              list);
      long[] ids = new long[K];
      java.util.Arrays.fill(ids, -1);
      for (int rank = 0; rank < Math.min(K, found.size()); rank++) {
        ids[rank] = found.node(rank);
      }
      hits += truth.hits(query, ids, K);
    }
    return (double) hits / K / asked.count();
  }

  private void jvector() throws IOException {
    ListRandomAccessVectorValues values = heapVectors(input.rows());
    ListRandomAccessVectorValues asked = heapVectors(queries.rows());
    int dimension = input.rows().dimension();
    VectorSimilarityFunction l2 = VectorSimilarityFunction.EUCLIDEAN;
    try (ForkJoinPool pool = new ForkJoinPool(threads)) {
      long start = System.nanoTime();
      ProductQuantization quantization =
          ProductQuantization.compute(values, dimension / 8, 256, true, -1, pool, pool);
      if (quantization.encodeAll(values, pool).count() != values.size()) {
        throw new IllegalStateException("JVector did not encode every vector");
      }
      double before = (System.nanoTime() - start) / 1e9;
      BuildScoreProvider scores = BuildScoreProvider.randomAccessScoreProvider(values, l2);
      try (GraphIndexBuilder builder =
          new GraphIndexBuilder(
              scores, dimension, degree, buildList, 1.2f, 1.2f, false, true, pool, pool)) {
        ImmutableGraphIndex graph = builder.build(values);
        double seconds = (System.nanoTime() - start) / 1e9;
        print(
            seconds,
            before,
            SystemFacts.peakResidentBytes(),
            list -> recall(graph, values, asked, list));
      }
    }
  }

  private double recall(
      ImmutableGraphIndex graph,
      RandomAccessVectorValues values,
      RandomAccessVectorValues asked,
      int list)
      throws IOException {
    int hits = 0;
    try (GraphSearcher searcher = new GraphSearcher(graph)) {
      for (int query = 0; query < asked.size(); query++) {
        DefaultSearchScoreProvider scores =
            DefaultSearchScoreProvider.exact(
                asked.getVector(query), VectorSimilarityFunction.EUCLIDEAN, values);
        SearchResult result = searcher.search(scores, K, list, 0f, 0f, Bits.ALL);
        long[] ids = new long[K];
        java.util.Arrays.fill(ids, -1);
        for (int rank = 0; rank < Math.min(K, result.getNodes().length); rank++) {
          ids[rank] = result.getNodes()[rank].node;
        }
        hits += truth.hits(query, ids, K);
      }
    }
    return (double) hits / K / asked.size();
  }

  /** Copies rows for JVector, which must have its vector instructions for a fair comparison. */
  static ListRandomAccessVectorValues heapVectors(F32Rows rows) {
    requireVectorInstructions();
    List<VectorFloat<?>> vectors = new ArrayList<>(rows.count());
    for (int row = 0; row < rows.count(); row++) {
      float[] values = new float[rows.dimension()];
      rows.copyRow(row, values);
      vectors.add(
          VectorizationProvider.getInstance().getVectorTypeSupport().createFloatVector(values));
    }
    return new ListRandomAccessVectorValues(vectors, rows.dimension());
  }

  static void requireVectorInstructions() {
    String provider = VectorizationProvider.getInstance().getClass().getSimpleName();
    if (!provider.equals("PanamaVectorizationProvider")) {
      throw new IllegalStateException("JVector runs without vector instructions: " + provider);
    }
  }

  /** Recall at a list size. */
  private interface RecallAt {
    double list(int size) throws IOException;
  }

  private void print(double seconds, double before, long peak, RecallAt recall) throws IOException {
    StringBuilder line = new StringBuilder();
    line.append(String.format(Locale.ROOT, "%.3f %.3f %d", seconds, before, peak));
    for (int list : lists) {
      line.append(String.format(Locale.ROOT, " %.4f", recall.list(list)));
    }
    System.out.println(line);
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
