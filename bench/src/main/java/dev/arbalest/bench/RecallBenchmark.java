// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BuildOptions;
import dev.arbalest.Index;
import dev.arbalest.ProgressListener;
import dev.arbalest.RecallCurve;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.Tuner;
import dev.arbalest.VectorInput;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Recall of default parameters on vectors of every kind, metric and codec. */
@Command(
    name = "recall",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Builds an index of every kind of vectors, metric and codec, and searches it with default",
      "parameters. Prints recall@k beside exact distances in double precision, where a vector as near",
      "as the k-th counts as found, the vectors read, the codes compared and the time of a search.",
      "With --targets it tunes each index on its own vectors, and prints the recall that the curve",
      "promises for each target beside the recall that other queries then have."
    })
public final class RecallBenchmark implements Callable<Integer> {
  /** Distances that differ by less, relative to the k-th, are ties of single precision. */
  private static final double TIE = 1e-5;

  private static final double COSINE_TIE = 1e-6;

  /** Vectors of the index that it is tuned on. */
  private static final int TUNING_QUERIES = 1000;

  @Option(names = "--count", defaultValue = "4000", description = "Vectors. ${DEFAULT-VALUE}.")
  private int count;

  @Option(names = "--queries", defaultValue = "50", description = "Queries. ${DEFAULT-VALUE}.")
  private int queries;

  @Option(names = "--k", defaultValue = "10", description = "Neighbours. ${DEFAULT-VALUE}.")
  private int k;

  @Option(names = "--kind", description = "Only kinds whose name contains this text.")
  private String kind = "";

  @Option(
      names = "--metrics",
      split = ",",
      defaultValue = "l2,dot,cosine",
      description = "${DEFAULT-VALUE}.")
  private List<String> metrics;

  @Option(
      names = "--codecs",
      split = ",",
      defaultValue = "saq:2,rabitq:1,rabitq:4,pq:16,sq8",
      description = "${DEFAULT-VALUE}. Codecs that do not fit a dimension are left out.")
  private List<String> codecs;

  @Option(names = "--targets", split = ",", description = "Recalls to ask for, as 0.9,0.95.")
  private List<Double> targets = List.of();

  @Option(names = "--below", description = "Print only cases of less recall than this.")
  private double below = 2;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean isJson;

  private RecallBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new RecallBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    ObjectNode root = new JsonMapper().createObjectNode();
    ArrayNode cases = root.putArray("cases");
    Path folder = Files.createTempDirectory("recall");
    try {
      for (Map.Entry<String, HardVectors.Kind> entry : HardVectors.all().entrySet()) {
        if (!entry.getKey().contains(kind)) {
          continue;
        }
        HardVectors.Data data = entry.getValue().make(count, queries, new SplittableRandom(7));
        for (String metric : metrics) {
          Metric parsed = Metric.parse(metric);
          double[][] distances = distances(data, parsed);
          for (String codec : codecs) {
            run(folder.resolve("index"), entry.getKey(), data, parsed, codec, distances, cases);
          }
        }
      }
    } finally {
      delete(folder);
    }
    if (isJson) {
      System.out.println(root);
    }
    return 0;
  }

  private void run(
      Path directory,
      String name,
      HardVectors.Data data,
      Metric metric,
      String codec,
      double[][] distances,
      ArrayNode cases)
      throws IOException {
    ObjectNode figures = cases.addObject();
    figures.put("kind", name);
    figures.put("metric", metric.toString());
    figures.put("codec", codec);
    figures.put("vectors", data.rows().length);
    try {
      if (!build(directory, data, metric, codec)) {
        cases.remove(cases.size() - 1);
        return;
      }
      try (Index index = Index.open(directory)) {
        search(index, SearchParameters.forK(Math.min(k, index.count())), data, distances, figures);
      }
      if (!targets.isEmpty()) {
        compareTargets(directory, data, distances, figures.putArray("targets"));
      }
    } catch (IllegalArgumentException e) {
      figures.put("refused", e.getMessage());
    } finally {
      delete(directory);
    }
    if (isJson || figures.path("recall").asDouble(-1) >= below) {
      return;
    }
    System.out.printf(
        Locale.ROOT,
        "%-28s %-7s %-9s %7.4f %8.1f reads %9.0f codes %8.0f us  %s%n",
        name,
        metric,
        codec,
        figures.path("recall").asDouble(Double.NaN),
        figures.path("reads").asDouble(),
        figures.path("codes").asDouble(),
        figures.path("us").asDouble(),
        figures.path("refused").asString(figures.path("plan").asString("")));
    for (JsonNode target : figures.path("targets")) {
      System.out.printf(
          Locale.ROOT,
          "  asked for %.2f: promised %6.4f, found %6.4f, %.0f codes%n",
          target.path("asked").asDouble(),
          target.path("promised").asDouble(Double.NaN),
          target.path("recall").asDouble(Double.NaN),
          target.path("codes").asDouble(Double.NaN));
    }
  }

  /** Promised and achieved recall of the parameters that a tuned index gives for each target. */
  private void compareTargets(
      Path directory, HardVectors.Data data, double[][] distances, ArrayNode compared)
      throws IOException {
    RecallCurve curve =
        Tuner.tune(
            directory,
            null,
            k,
            TUNING_QUERIES,
            Runtime.getRuntime().availableProcessors(),
            ProgressListener.NONE);
    try (Index index = Index.open(directory)) {
      for (double target : targets) {
        ObjectNode figures = compared.addObject().put("asked", target);
        Optional<RecallCurve.Point> point =
            curve.points().stream().filter(p -> p.recall() >= target).findFirst();
        if (point.isPresent()) {
          figures.put("promised", point.get().recall());
          search(index, index.parametersFor(k, target), data, distances, figures);
        }
      }
    }
  }

  /** Builds an index unless the codec does not fit the dimension. */
  private static boolean build(Path directory, HardVectors.Data data, Metric metric, String codec)
      throws IOException {
    int dimension = data.rows()[0].length;
    if ((codec.startsWith("saq") && dimension < 64)
        || (codec.startsWith("pq:") && Integer.parseInt(codec.substring(3)) > dimension)) {
      return false;
    }
    BuildOptions options = BuildOptions.builder().metric(metric).codec(codec).build();
    try (VectorInput input = VectorInput.of(data.rows())) {
      var _ = Index.build(directory, input, options, ProgressListener.NONE);
    }
    return true;
  }

  private static void search(
      Index index,
      SearchParameters parameters,
      HardVectors.Data data,
      double[][] distances,
      ObjectNode figures)
      throws IOException {
    SearchResult result = new SearchResult();
    int wanted = parameters.k();
    long hits = 0;
    long reads = 0;
    long codes = 0;
    long nanos = 0;
    for (int query = 0; query < data.queries().length; query++) {
      long start = System.nanoTime();
      index.search(data.queries()[query], parameters, result);
      nanos += System.nanoTime() - start;
      reads += result.reads();
      codes += result.scored();
      hits += hits(result, distances[query], wanted, index.metric());
    }
    double all = data.queries().length;
    figures.put("recall", hits / all / wanted);
    figures.put("reads", reads / all);
    figures.put("codes", codes / all);
    figures.put("us", nanos / all / 1e3);
    figures.put("plan", String.valueOf(result.plan()));
  }

  private static int hits(SearchResult result, double[] exact, int k, Metric metric) {
    double[] sorted = exact.clone();
    Arrays.sort(sorted);
    double kth = sorted[k - 1];
    double limit = kth + Math.abs(kth) * TIE + (metric == Metric.COSINE ? COSINE_TIE : 0);
    int hits = 0;
    for (int rank = 0; rank < result.size(); rank++) {
      hits += exact[(int) result.id(rank)] <= limit ? 1 : 0;
    }
    return hits;
  }

  private static double[][] distances(HardVectors.Data data, Metric metric) {
    double[][] distances = new double[data.queries().length][data.rows().length];
    for (int query = 0; query < distances.length; query++) {
      for (int row = 0; row < data.rows().length; row++) {
        distances[query][row] = distance(data.queries()[query], data.rows()[row], metric);
      }
    }
    return distances;
  }

  private static double distance(float[] a, float[] b, Metric metric) {
    double dot = 0;
    double squaredA = 0;
    double squaredB = 0;
    double squares = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = (double) a[i] - b[i];
      dot += (double) a[i] * b[i];
      squaredA += (double) a[i] * a[i];
      squaredB += (double) b[i] * b[i];
      squares += difference * difference;
    }
    return switch (metric) {
      case L2 -> squares;
      case DOT -> -dot;
      case COSINE -> 1 - dot / Math.sqrt(squaredA * squaredB);
    };
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
