// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.RecallCurve;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What is known of the recall of an index, as JSON. */
final class RecallJson {
  private RecallJson() {}

  /** Adds {@code recall}: null if it was not measured. */
  static void put(Optional<RecallCurve> measured, ObjectNode root) {
    if (measured.isEmpty()) {
      root.putNull("recall");
      return;
    }
    RecallCurve curve = measured.get();
    ObjectNode recall = root.putObject("recall");
    recall.put("k", curve.k());
    recall.put("queries", curve.queries());
    put(curve.defaults(), recall.putObject("defaults"));
    curve.warning().ifPresent(warning -> recall.put("warning", warning));
  }

  /** Adds the points of a curve. */
  static void putPoints(RecallCurve curve, ObjectNode root) {
    ArrayNode points = root.putArray("points");
    for (RecallCurve.Point point : curve.points()) {
      put(point, points.addObject());
    }
    put(curve.defaults(), root.putObject("defaults"));
  }

  /** Adds what some parameters gave. */
  static void put(RecallCurve.Point point, ObjectNode node) {
    node.put("recall", point.recall());
    node.put("standard_error", point.standardError());
    node.put("list", point.searchListSize());
    node.put("confidence", point.confidence());
    node.put("scan", point.scan());
    node.put("reads", point.reads());
    node.put("scored", point.scored());
  }
}
