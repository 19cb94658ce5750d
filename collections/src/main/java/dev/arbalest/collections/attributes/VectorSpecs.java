// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** The vectors of a collection as its settings have them. Stateless. */
final class VectorSpecs {
  private static final JsonMapper JSON = JsonMapper.shared();

  private VectorSpecs() {}

  static String json(List<VectorSpec> vectors) {
    ArrayNode all = JSON.createArrayNode();
    for (VectorSpec spec : vectors) {
      all.addObject()
          .put("number", spec.number())
          .put("name", spec.name())
          .put("kind", spec.kind().name().toLowerCase(Locale.ROOT))
          .put("dimension", spec.dimension())
          .put("metric", spec.metric().label())
          .put("idf", spec.idf());
    }
    return all.toString();
  }

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException if a member is none that {@link #json} wrote
   */
  static List<VectorSpec> parse(String json) {
    List<VectorSpec> vectors = new ArrayList<>();
    for (JsonNode node : JSON.readTree(json)) {
      vectors.add(
          new VectorSpec(
              node.path("number").asInt(),
              node.path("name").asString(""),
              VectorSpec.Kind.valueOf(node.path("kind").asString("").toUpperCase(Locale.ROOT)),
              node.path("dimension").asInt(),
              Metric.parse(node.path("metric").asString("")),
              node.path("idf").asBoolean()));
    }
    return vectors;
  }
}
