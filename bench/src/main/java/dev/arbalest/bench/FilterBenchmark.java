// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchPlan;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Searches within sets of vectors beside plain searches of the same index. */
@Command(
    name = "filter",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Searches within sets of vectors: shares chosen at random, an intersection of two, the vectors",
      "nearest to each query, those nearest to another vector far from it, and those farthest from",
      "it. Prints recall, reads and the rate beside that of plain searches, which run before and",
      "after each case."
    })
public final class FilterBenchmark implements Callable<Integer> {
  private static final int TILE = 256;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path directory;

  @Option(names = "--input", required = true, description = "File the index was built from.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--count", defaultValue = "100", description = "Queries used. ${DEFAULT-VALUE}.")
  private int count;

  @Option(names = "--k", defaultValue = "10", description = "Neighbours. ${DEFAULT-VALUE}.")
  private int k;

  @Option(
      names = "--shares",
      split = ",",
      defaultValue = "0.5,0.2,0.1,0.01,0.001,0.0001",
      description = "Shares of random sets. ${DEFAULT-VALUE}.")
  private List<Double> shares;

  @Option(
      names = "--near-shares",
      split = ",",
      defaultValue = "0.1,0.01",
      description = "Shares of sets near and far from queries. ${DEFAULT-VALUE}.")
  private List<Double> nearShares;

  @Option(names = "--rounds", defaultValue = "3", description = "Passes over the queries.")
  private int rounds;

  @Option(names = "--list", defaultValue = "0", description = "Search list; 0 for the default.")
  private int list;

  @Option(names = "--plot", description = "SVG file for a plot of recall, reads and rate.")
  private @Nullable Path plot;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean isJson;

  private FilterBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new FilterBenchmark()).execute(arguments));
  }

  /** One kind of sets: the same for all queries, or one per query. */
  private record Case(String name, double share, List<PointSet> sets) {
    PointSet set(int query) {
      return sets.get(query % sets.size());
    }
  }

  @Override
  public Integer call() throws IOException {
    JsonMapper json = new JsonMapper();
    ObjectNode root = json.createObjectNode();
    ArrayNode cases = root.putArray("cases");
    OpenOptions opening = OpenOptions.defaults().withWarmUpMillis(10_000);
    try (Arena arena = Arena.ofConfined();
        VectorInput base = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries);
        Index index = Index.open(directory, opening, ProgressListener.NONE)) {
      int queryCount = Math.min(count, asked.rows().count());
      float[][] vectors = new float[queryCount][asked.rows().dimension()];
      for (int query = 0; query < queryCount; query++) {
        asked.rows().copyRow(query, vectors[query]);
      }
      float[][] distances = distances(base.rows(), vectors, index.metric(), arena);
      double plain = plainRate(index, vectors);
      print(
          "%-22s %8s %8s %8s %8s %8s %8s %8s %10s%n",
          "set", "share", "recall", "reads", "hops", "codes", "through", "scans", "ratio");
      float[][] pivots = pivots(base.rows(), distances);
      float[][] toPivots = distances(base.rows(), pivots, index.metric(), arena);
      List<Case> all = new ArrayList<>(cases(index, distances, toPivots));
      all.addFirst(new Case("all", 1, List.of(index.pointSet((_, _) -> true))));
      for (Case one : all) {
        double before = plainRate(index, vectors);
        ObjectNode figures = run(index, vectors, distances, one, json);
        double after = plainRate(index, vectors);
        double ratio = figures.path("qps").asDouble() / ((before + after) / 2);
        figures.put("plain_qps", (before + after) / 2);
        figures.put("ratio", ratio);
        cases.add(figures);
        print(
            "%-22s %8.4f %8.4f %8.1f %8.1f %8.0f %8.0f %8.2f %10.2f%n",
            one.name(),
            one.share(),
            figures.path("recall").asDouble(),
            figures.path("reads").asDouble(),
            figures.path("hops").asDouble(),
            figures.path("codes").asDouble(),
            figures.path("looked_through").asDouble(),
            figures.path("scans").asDouble(),
            ratio);
      }
      root.put("plain_qps", plain);
      root.put("vectors", index.count());
      root.put("queries", queryCount);
    }
    if (isJson) {
      System.out.println(root);
    }
    if (plot != null) {
      List<FilterPlot.Row> rows = new ArrayList<>();
      for (JsonNode one : cases) {
        rows.add(
            new FilterPlot.Row(
                String.format(
                    Locale.ROOT,
                    "%s, %.4g %%",
                    one.path("set").asString(),
                    100 * one.path("share").asDouble()),
                one.path("recall").asDouble(),
                one.path("reads").asDouble(),
                one.path("ratio").asDouble()));
      }
      Files.writeString(plot, FilterPlot.svg(rows));
    }
    return 0;
  }

  @com.google.errorprone.annotations.FormatMethod
  private void print(String format, Object... values) {
    if (!isJson) {
      System.out.printf(Locale.ROOT, format, values);
    }
  }

  /** Exact distances of every query to every vector. */
  private static float[][] distances(F32Rows base, float[][] vectors, Metric metric, Arena arena) {
    int dimension = base.dimension();
    float[][] distances = new float[vectors.length][base.count()];
    MemorySegment asked = arena.allocate(4L * dimension * vectors.length, 64);
    for (int query = 0; query < vectors.length; query++) {
      MemorySegment.copy(
          vectors[query], 0, asked, F32Rows.FLOAT, 4L * dimension * query, dimension);
    }
    MemorySegment rows = arena.allocate(4L * dimension * TILE, 64);
    long[] offsets = new long[TILE];
    Arrays.setAll(offsets, i -> 4L * dimension * i);
    float[] row = new float[dimension];
    float[] tile = new float[TILE];
    for (int from = 0; from < base.count(); from += TILE) {
      int size = Math.min(TILE, base.count() - from);
      for (int i = 0; i < size; i++) {
        base.copyRow(from + i, row);
        if (metric == Metric.COSINE) {
          double norm = 0;
          for (float component : row) {
            norm += (double) component * component;
          }
          norm = Math.sqrt(norm);
          for (int j = 0; j < dimension; j++) {
            row[j] = (float) (row[j] / norm);
          }
        }
        MemorySegment.copy(row, 0, rows, F32Rows.FLOAT, offsets[i], dimension);
      }
      for (int query = 0; query < vectors.length; query++) {
        F32Distance.stored(
            metric, asked, 4L * dimension * query, rows, offsets, 0, size, dimension, tile, 0);
        System.arraycopy(tile, 0, distances[query], from, size);
      }
    }
    return distances;
  }

  /** For each query a vector that is farther from it than most. */
  private static float[][] pivots(F32Rows base, float[][] distances) {
    SplittableRandom random = new SplittableRandom(4);
    float[][] pivots = new float[distances.length][base.dimension()];
    for (int query = 0; query < pivots.length; query++) {
      float[] sorted = distances[query].clone();
      Arrays.sort(sorted);
      float median = sorted[sorted.length / 2];
      int row = random.nextInt(base.count());
      for (int tries = 0; tries < 1000 && distances[query][row] < median; tries++) {
        row = random.nextInt(base.count());
      }
      base.copyRow(row, pivots[query]);
    }
    return pivots;
  }

  private List<Case> cases(Index index, float[][] distances, float[][] toPivots) {
    List<Case> cases = new ArrayList<>();
    for (double share : shares) {
      cases.add(new Case("random", share, List.of(random(index, share, 1))));
    }
    PointSet fifth = random(index, 0.2, 2);
    cases.add(new Case("random and random", 0.04, List.of(fifth.and(random(index, 0.2, 3)))));
    for (double share : nearShares) {
      cases.add(new Case("nearest", share, ranked(index, distances, 0, share)));
      cases.add(new Case("near another vector", share, ranked(index, toPivots, 0, share)));
      cases.add(new Case("farthest", share, ranked(index, distances, 1 - share, 1)));
    }
    return cases;
  }

  private static PointSet random(Index index, double share, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return index.pointSet((_, _) -> random.nextDouble() < share);
  }

  /** For each query the vectors whose rank by distance lies between two shares of all. */
  private static List<PointSet> ranked(Index index, float[][] distances, double from, double to) {
    List<PointSet> sets = new ArrayList<>();
    for (float[] own : distances) {
      float[] sorted = own.clone();
      Arrays.sort(sorted);
      float low = sorted[(int) Math.min(sorted.length - 1, from * sorted.length)];
      float high = sorted[(int) Math.min(sorted.length - 1, to * sorted.length)];
      int kept = 0;
      long[] ids = new long[own.length];
      for (int id = 0; id < own.length; id++) {
        if (own[id] >= low && own[id] <= high) {
          ids[kept++] = id;
        }
      }
      sets.add(index.pointSet(Ids.of(Arrays.copyOf(ids, kept))));
    }
    return sets;
  }

  private SearchParameters parameters() {
    SearchParameters parameters = SearchParameters.forK(k);
    return list > 0 ? parameters.withList(list) : parameters;
  }

  private double plainRate(Index index, float[][] vectors) throws IOException {
    SearchResult result = new SearchResult();
    long start = System.nanoTime();
    for (int round = 0; round < rounds; round++) {
      for (float[] vector : vectors) {
        index.search(vector, parameters(), result);
      }
    }
    return 1e9 * rounds * vectors.length / (System.nanoTime() - start);
  }

  private ObjectNode run(
      Index index, float[][] vectors, float[][] distances, Case one, JsonMapper json)
      throws IOException {
    ObjectNode figures = json.createObjectNode();
    SearchResult result = new SearchResult();
    for (int round = 0; round < rounds; round++) { // compiles what is not yet, and plans
      for (int query = 0; query < vectors.length; query++) {
        index.search(vectors[query], parameters(), one.set(query), result);
      }
    }
    long reads = 0;
    long hops = 0;
    long codes = 0;
    long through = 0;
    long scans = 0;
    double expected = 0;
    long[][] found = new long[vectors.length][];
    long nanos = 0;
    for (int round = 0; round < rounds; round++) {
      for (int query = 0; query < vectors.length; query++) {
        long start = System.nanoTime();
        index.search(vectors[query], parameters(), one.set(query), result);
        nanos += System.nanoTime() - start;
        reads += result.reads();
        hops += result.hops();
        codes += result.scored();
        through += result.lookedThrough();
        scans += result.plan() == SearchPlan.SET_SCAN ? 1 : 0;
        expected += result.expectedNanos();
        long[] ids = new long[result.size()];
        result.copyIds(ids, 0);
        found[query] = ids;
      }
    }
    double searches = (double) rounds * vectors.length;
    figures.put("set", one.name());
    figures.put("share", one.share());
    figures.put("recall", recall(distances, one, found));
    figures.put("reads", reads / searches);
    figures.put("hops", hops / searches);
    figures.put("codes", codes / searches);
    figures.put("looked_through", through / searches);
    figures.put("scans", scans / searches);
    figures.put("expected_us", expected / searches / 1e3);
    figures.put("qps", 1e9 * searches / nanos);
    return figures;
  }

  /** Share of the true neighbours within the set that were found. */
  private double recall(float[][] distances, Case one, long[][] found) {
    long hits = 0;
    long all = 0;
    @Nullable PointSet known = null;
    boolean[] members = new boolean[distances[0].length];
    for (int query = 0; query < found.length; query++) {
      if (one.set(query) != known) {
        known = one.set(query);
        for (int id = 0; id < members.length; id++) {
          members[id] = known.contains(Ids.of(id), 0);
        }
      }
      float[] own = distances[query];
      float[] inside = new float[own.length];
      int size = 0;
      for (int id = 0; id < own.length; id++) {
        if (members[id]) {
          inside[size++] = own[id];
        }
      }
      Arrays.sort(inside, 0, size);
      int wanted = Math.min(k, size);
      if (wanted == 0) {
        continue;
      }
      float limit = inside[wanted - 1];
      int hit = 0;
      for (long id : found[query]) {
        hit += members[(int) id] && own[(int) id] <= limit ? 1 : 0;
      }
      hits += Math.min(hit, wanted);
      all += wanted;
    }
    return all == 0 ? 1 : hits / (double) all;
  }
}
