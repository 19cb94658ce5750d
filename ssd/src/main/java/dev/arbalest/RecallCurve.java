// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.DirectFile;
import dev.arbalest.ssd.format.CheckedJson;
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
 * The recall that search parameters reach on one index, measured by {@link Tuner} and stored as
 * {@code tuning.json} beside its files. A rebuilt index needs a new measurement.
 *
 * @param generation in which the index was built
 * @param k neighbours asked for
 * @param queries that were measured with
 * @param points by rising recall, each the cheapest that reaches it
 */
public record RecallCurve(long generation, int k, int queries, List<Point> points) {
  /** Name of the file in the index directory. */
  public static final String FILE_NAME = "tuning.json";

  private static final String FORMAT = "arbalest-tuning";
  private static final int FORMAT_VERSION = 1;

  /**
   * Parameters and what they gave.
   *
   * @param searchListSize L
   * @param confidence of reading
   * @param recall mean share of the true neighbours found
   * @param reads mean vectors read
   * @param scored mean codes scored
   */
  public record Point(
      int searchListSize, double confidence, double recall, double reads, double scored) {}

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
        int list = point.searchListSize();
        return SearchParameters.forK(k).withList(list).withConfidence(point.confidence());
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

  /** Replaces the curve of an index. */
  void write(Path directory) throws IOException {
    ObjectNode root = CheckedJson.newObject();
    root.put("format", FORMAT);
    root.put("format_version", FORMAT_VERSION);
    root.put("generation", generation);
    root.put("k", k);
    root.put("queries", queries);
    ArrayNode array = root.putArray("points");
    for (Point point : points) {
      ObjectNode node = array.addObject();
      node.put("list", point.searchListSize());
      node.put("confidence", point.confidence());
      node.put("recall", point.recall());
      node.put("reads", point.reads());
      node.put("scored", point.scored());
    }
    Path temporary = directory.resolve(FILE_NAME + ".new");
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

  /**
   * Reads the curve of an index, if it has one since it was built.
   *
   * @throws CorruptIndexException if the file is damaged or foreign
   */
  static Optional<RecallCurve> read(Path directory, long generation) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    ObjectNode root;
    try {
      root = CheckedJson.read(path, RecallCurve::requireFormat);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      List<Point> points = new ArrayList<>();
      for (JsonNode node : root.path("points")) {
        points.add(
            new Point(
                node.path("list").intValue(),
                node.path("confidence").doubleValue(),
                node.path("recall").doubleValue(),
                node.path("reads").doubleValue(),
                node.path("scored").doubleValue()));
      }
      RecallCurve curve =
          new RecallCurve(
              root.path("generation").longValue(),
              root.path("k").intValue(),
              root.path("queries").intValue(),
              points);
      return curve.generation() == generation ? Optional.of(curve) : Optional.empty();
    } catch (IllegalArgumentException | JacksonException e) {
      throw new CorruptIndexException(path, "unreadable: " + CheckedJson.firstLine(e));
    }
  }

  private static void requireFormat(Path path, ObjectNode root) throws CorruptIndexException {
    if (!root.path("format").asString("").equals(FORMAT)
        || root.path("format_version").asInt(-1) != FORMAT_VERSION) {
      throw new CorruptIndexException(
          path, "not a recall curve this build can read; remove it and tune again");
    }
  }
}
