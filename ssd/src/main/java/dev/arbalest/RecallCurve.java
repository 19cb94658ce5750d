// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.DirectFile;
import dev.arbalest.ssd.format.CheckedJson;
import dev.arbalest.ssd.store.IndexDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The recall that search parameters reach on one index, measured when it was built, or by {@link
 * Tuner}, and stored as {@code tuning.json} beside its files. Searches with default parameters take
 * the list it says they need.
 *
 * @param generation in which the index was built
 * @param k neighbours asked for
 * @param queries that were measured with
 * @param nearDuplicates share of the queries that were vectors of the index with {@code k} others
 *     nearly equal to them
 * @param points by rising recall, each the cheapest that reaches it
 * @param defaults what searches with default parameters do
 */
public record RecallCurve(
    long generation,
    int k,
    int queries,
    double nearDuplicates,
    List<Point> points,
    Point defaults) {
  /** Name of the file in the index directory. */
  public static final String FILE_NAME = "tuning.json";

  /** Its name until it is complete. */
  public static final String TEMPORARY = FILE_NAME + ".new";

  private static final String FORMAT = "arbalest-tuning";
  private static final int FORMAT_VERSION = 2;

  /** Recall that default parameters shall reach. */
  static final double WANTED = 0.98;

  /** Recall below which a user is warned. */
  private static final double WARNING = 0.95;

  /** Share of near-duplicates above which a user is warned. */
  private static final double MANY_DUPLICATES = 0.5;

  /**
   * Parameters and what they gave.
   *
   * @param searchListSize L
   * @param confidence of reading
   * @param scan whether all codes are compared because the graph finds too little
   * @param recall mean share of the true neighbours found
   * @param standardError of {@code recall}, over the queries
   * @param reads mean vectors read
   * @param scored mean codes scored
   */
  public record Point(
      int searchListSize,
      double confidence,
      boolean scan,
      double recall,
      double standardError,
      double reads,
      double scored) {}

  /**
   * Mean recall of some searches.
   *
   * @param recall mean share of the true neighbours that the searches found, in [0, 1]
   * @param standardError of {@code recall}
   * @param samples searches that were checked, at least 1
   */
  public record Estimate(double recall, double standardError, int samples) {}

  /** Copies the points. */
  public RecallCurve {
    points = List.copyOf(points);
  }

  /**
   * The cheapest parameters that reached a recall.
   *
   * @param target in (0, 1]
   * @throws BadInputException if none did
   */
  public SearchParameters parameters(double target) {
    if (!(target > 0 && target <= 1)) {
      throw new BadInputException("recall must be in (0, 1]: " + target);
    }
    for (Point point : points) {
      if (point.recall() >= target) {
        return parameters(point);
      }
    }
    throw new BadInputException(
        String.format(
            Locale.ROOT,
            "recall %s was not reached when this index was tuned (at most %.4f); ask for less, or"
                + " give a list and a confidence instead",
            target,
            points.isEmpty() ? 0 : points.getLast().recall()));
  }

  private SearchParameters parameters(Point point) {
    return parameters(k, point.searchListSize(), point.confidence());
  }

  /** Default parameters if the list is at least theirs, otherwise with exactly this list. */
  static SearchParameters parameters(int k, int list, double confidence) {
    SearchParameters defaults = SearchParameters.forK(k);
    double factor = list / (double) defaults.searchListSize();
    SearchParameters parameters =
        factor < 1 ? defaults.withList(list) : defaults.adapted(factor, confidence);
    return parameters.withConfidence(confidence);
  }

  /** How much longer than otherwise the list of default parameters is. */
  double listFactor() {
    return defaults.searchListSize() / (double) SearchParameters.forK(k).searchListSize();
  }

  /** The recall of default parameters in one line. */
  public String summary() {
    return String.format(
        Locale.ROOT,
        "recall@%d of searches with defaults: %.4f +/- %.4f on %d queries, %.1f vectors read, %s",
        k,
        defaults.recall(),
        defaults.standardError(),
        queries,
        defaults.reads(),
        defaults.scan()
            ? "all codes compared"
            : "list "
                + defaults.searchListSize()
                + ", "
                + Math.round(defaults.scored())
                + " codes"
                + (defaults.confidence() == SearchParameters.DEFAULT_CONFIDENCE
                    ? ""
                    : ", confidence " + defaults.confidence()));
  }

  /** What is wrong with the recall of default parameters and what helps; empty if nothing is. */
  public Optional<String> warning() {
    if (defaults.recall() < WARNING) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "searches with defaults find only %.4f of the %d nearest: the codes of this codec"
                  + " cannot tell these vectors apart; build with --codec rabitq:4, rabitq:8 or f16",
              defaults.recall(),
              k));
    }
    if (defaults.scan()) {
      return Optional.of(
          "the graph does not lead to the nearest of these vectors, so every search compares all"
              + " codes; see whether --metric is right, or build with a larger --degree and --list");
    }
    if (nearDuplicates > MANY_DUPLICATES) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "most vectors have %d others nearly equal to them: this recall says only that searches"
                  + " find those; measure other queries by recall --queries, and build with --codec"
                  + " rabitq:4 or f16 if they find less",
              k));
    }
    return Optional.empty();
  }

  /** Replaces the curve of an index. */
  void write(Path directory) throws IOException {
    ObjectNode root = CheckedJson.newObject();
    root.put("format", FORMAT);
    root.put("format_version", FORMAT_VERSION);
    root.put("generation", generation);
    root.put("k", k);
    root.put("queries", queries);
    root.put("near_duplicates", nearDuplicates);
    ArrayNode array = root.putArray("points");
    for (Point point : points) {
      put(point, array.addObject());
    }
    put(defaults, root.putObject("defaults"));
    Path temporary = directory.resolve(TEMPORARY);
    Files.write(temporary, CheckedJson.seal(root));
    try (DirectFile file = DirectFile.open(temporary, DirectFile.Mode.READ)) {
      file.sync();
    }
    Files.move(
        temporary,
        directory.resolve(FILE_NAME),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
    DirectFile.syncDirectory(directory);
  }

  private static void put(Point point, ObjectNode node) {
    node.put("list", point.searchListSize());
    node.put("confidence", point.confidence());
    node.put("scan", point.scan());
    node.put("recall", point.recall());
    node.put("standard_error", point.standardError());
    node.put("reads", point.reads());
    node.put("scored", point.scored());
  }

  /** Version 1 has no standard errors: then the largest that a mean of such shares can have. */
  private static Point point(JsonNode node, int queries) {
    double recall = node.path("recall").doubleValue();
    JsonNode error = node.path("standard_error");
    return new Point(
        node.path("list").intValue(),
        node.path("confidence").doubleValue(),
        node.path("scan").asBoolean(false),
        recall,
        error.isMissingNode() ? Math.sqrt(recall * (1 - recall) / queries) : error.doubleValue(),
        node.path("reads").doubleValue(),
        node.path("scored").doubleValue());
  }

  /**
   * Reads the curve of an index, if it has one since it was built.
   *
   * @throws CorruptIndexException if the file is damaged or foreign
   */
  public static Optional<RecallCurve> read(Path directory) throws IOException {
    return read(directory, IndexDirectory.readManifest(directory).checkpoint().base());
  }

  /** The same, for the generation in which the index was built. */
  static Optional<RecallCurve> read(Path directory, long generation) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    ObjectNode root;
    try {
      root = CheckedJson.read(path, RecallCurve::requireFormat);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      int queries = root.path("queries").intValue();
      List<Point> points = new ArrayList<>();
      if (root.path("points").isEmpty()) {
        throw new IllegalArgumentException("it has no points");
      }
      for (JsonNode node : root.path("points")) {
        points.add(point(node, queries));
      }
      Point defaults =
          root.path("format_version").asInt() == 1
              ? defaultsOf(points, SearchParameters.forK(root.path("k").intValue()))
              : point(root.path("defaults"), queries);
      RecallCurve curve =
          new RecallCurve(
              root.path("generation").longValue(),
              root.path("k").intValue(),
              queries,
              root.path("near_duplicates").asDouble(0),
              points,
              defaults);
      return curve.generation() == generation ? Optional.of(curve) : Optional.empty();
    } catch (IllegalArgumentException | JacksonException e) {
      throw new CorruptIndexException(path, "unreadable: " + CheckedJson.firstLine(e));
    }
  }

  /**
   * Version 1 did not say what default parameters reached: about what the cheapest point does that
   * keeps and reads as many candidates, or, if shorter lists found nearly all, what the best does.
   */
  private static Point defaultsOf(List<Point> points, SearchParameters wanted) {
    Point like = points.getLast();
    for (Point point : points.reversed()) {
      if (point.searchListSize() >= wanted.searchListSize()
          && point.confidence() >= wanted.confidence()) {
        like = point;
      }
    }
    return new Point(
        wanted.searchListSize(),
        wanted.confidence(),
        false,
        like.recall(),
        like.standardError(),
        like.reads(),
        like.scored());
  }

  private static void requireFormat(Path path, ObjectNode root) throws CorruptIndexException {
    if (!root.path("format").asString("").equals(FORMAT)
        || root.path("format_version").asInt(-1) < 1
        || root.path("format_version").asInt(-1) > FORMAT_VERSION) {
      throw new CorruptIndexException(
          path, "not a recall curve this build can read; remove it and tune again");
    }
  }
}
