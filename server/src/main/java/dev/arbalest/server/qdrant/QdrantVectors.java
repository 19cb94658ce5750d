// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Vectors, and what they are, as Qdrant's clients send and expect them. Stateless. */
final class QdrantVectors {
  private static final String SIZE = "size";
  private static final String DISTANCE = "distance";
  private static final String MULTIVECTOR = "multivector_config";
  private static final String MODIFIER = "modifier";
  private static final String DATATYPE = "datatype";

  private static final Set<String> VECTOR_OPTIONS =
      Set.of(
          SIZE,
          DISTANCE,
          "hnsw_config",
          "quantization_config",
          "on_disk",
          "memory",
          DATATYPE,
          MULTIVECTOR);

  private QdrantVectors() {}

  /** A list of components, a list of such lists, or an object with indices and values. */
  static PointVector of(JsonNode node) {
    if (node.isArray() && !node.isEmpty() && node.get(0).isArray()) {
      List<float[]> parts = new ArrayList<>();
      node.forEach(part -> parts.add(JsonBody.toVector(part)));
      return new PointVector.Multi(parts);
    }
    if (node.isArray()) {
      return new PointVector.Dense(JsonBody.toVector(node));
    }
    if (node.has("indices") || node.has("values")) {
      return sparse(node);
    }
    if (isToEmbed(node)) {
      throw toEmbed(node);
    }
    throw CollectionException.invalid(
        "a vector is a list of numbers, a list of such lists, or an object with indices and values,"
            + " found "
            + JsonText.shorten(node));
  }

  static boolean isToEmbed(JsonNode node) {
    return node.has("text") || node.has("image") || node.has("object");
  }

  static CollectionException toEmbed(JsonNode node) {
    return CollectionException.invalid(
        "the server has no embedding model: send the vector instead of "
            + JsonText.shorten(node)
            + ", or rank by words with \"using\": \"bm25\"");
  }

  private static PointVector sparse(JsonNode node) {
    JsonBody.allow(node, "a sparse vector", Set.of("indices", "values"));
    JsonNode indices = node.path("indices");
    JsonNode values = node.path("values");
    if (!indices.isArray() || !values.isArray()) {
      throw CollectionException.invalid(
          "a sparse vector needs \"indices\" and \"values\", two lists");
    }
    int[] terms = new int[indices.size()];
    for (int i = 0; i < terms.length; i++) {
      JsonNode index = indices.get(i);
      if (!index.isIntegralNumber()) {
        throw CollectionException.invalid(
            "an index must be a whole number in [0, 4294967295], found " + index);
      }
      terms[i] = (int) JsonBody.integer(index, "an index", 0L, 0, 0xffffffffL);
    }
    return new PointVector.Sparse(terms, JsonBody.toVector(values));
  }

  /** Writes a vector of a point. */
  static void put(ObjectNode target, String name, PointVector vector) {
    switch (vector) {
      case PointVector.Dense dense -> put(target.putArray(name), dense.components());
      case PointVector.Multi multi -> {
        ArrayNode parts = target.putArray(name);
        multi.parts().forEach(part -> put(parts.addArray(), part));
      }
      case PointVector.Sparse sparse -> {
        ObjectNode node = target.putObject(name);
        ArrayNode indices = node.putArray("indices");
        for (int index : sparse.indices()) {
          indices.add(Integer.toUnsignedLong(index));
        }
        put(node.putArray("values"), sparse.values());
      }
    }
  }

  static void put(ArrayNode target, float[] components) {
    for (float component : components) {
      target.add(component);
    }
  }

  /** The vectors that a request to make a collection asks for. */
  static List<VectorSpec> specs(JsonNode dense, JsonNode sparse) {
    List<VectorSpec> specs = new ArrayList<>();
    boolean isOne = dense.has(SIZE) && !dense.path(SIZE).isObject();
    boolean isNone = dense.isMissingNode() || dense.isNull();
    if (isOne) {
      specs.add(dense("", dense));
    } else if (dense.isObject()) {
      dense.properties().forEach(named -> specs.add(dense(named.getKey(), named.getValue())));
    } else if (!isNone) {
      throw CollectionException.invalid(
          "\"vectors\" needs \"size\" and \"distance\", or names with these, found "
              + JsonText.shorten(dense));
    }
    if (!sparse.isMissingNode() && !sparse.isNull() && !sparse.isObject()) {
      throw CollectionException.invalid(
          "\"sparse_vectors\" is an object with names, found " + JsonText.shorten(sparse));
    }
    sparse.properties().forEach(named -> specs.add(sparse(named.getKey(), named.getValue())));
    if (specs.isEmpty()) {
      throw CollectionException.invalid(
          "a collection needs \"vectors\" with \"size\" and \"distance\", or"
              + " \"sparse_vectors\"");
    }
    return specs;
  }

  /** A vector that is added to a collection: {@code {"dense": {...}}} or {@code sparse}. */
  static VectorSpec added(String name, JsonBody body) {
    body.allow("a vector", Set.of("dense", "sparse"));
    if (body.has("dense") == body.has("sparse")) {
      throw CollectionException.invalid("a vector is \"dense\" or \"sparse\": send one of them");
    }
    return body.has("dense") ? dense(name, body.get("dense")) : sparse(name, body.get("sparse"));
  }

  private static VectorSpec dense(String name, JsonNode node) {
    String what = name.isEmpty() ? "vectors" : "vector \"" + name + '"';
    JsonBody options = JsonBody.of(node, what);
    options.allow(what, VECTOR_OPTIONS);
    requireFloats(options);
    if (!node.path(SIZE).isIntegralNumber()) {
      throw CollectionException.invalid(
          what + " needs \"size\" and \"distance\", found " + JsonText.shorten(node));
    }
    int size = options.integer(SIZE, 0, Integer.MIN_VALUE, Integer.MAX_VALUE);
    JsonNode distance = options.get(DISTANCE);
    Metric metric =
        metric(distance.isMissingNode() ? "Cosine" : QdrantRequests.text(distance, DISTANCE));
    if (!options.has(MULTIVECTOR)) {
      return VectorSpec.dense(name, size, metric);
    }
    JsonBody multi = JsonBody.of(options.get(MULTIVECTOR), MULTIVECTOR);
    multi.allow(MULTIVECTOR, Set.of("comparator"));
    String comparator = QdrantRequests.text(multi.get("comparator"), "comparator");
    if (!comparator.equals("max_sim")) {
      throw CollectionException.invalid("comparator is max_sim, found \"" + comparator + '"');
    }
    return VectorSpec.multi(name, size, metric);
  }

  private static VectorSpec sparse(String name, JsonNode node) {
    if (node.isNull()) {
      return VectorSpec.sparse(name, false);
    }
    String what = "sparse vector \"" + name + '"';
    JsonBody options = JsonBody.of(node, what);
    options.allow(what, Set.of("index", MODIFIER, DATATYPE));
    requireFloats(options);
    if (options.has("index")) {
      JsonBody index = JsonBody.of(options.get("index"), "index");
      index.allow("index", Set.of("full_scan_threshold", "on_disk", "memory", DATATYPE));
      requireFloats(index);
    }
    String text =
        options.has(MODIFIER) ? QdrantRequests.text(options.get(MODIFIER), MODIFIER) : "none";
    return switch (text) {
      case "none" -> VectorSpec.sparse(name, false);
      case "idf" -> VectorSpec.sparse(name, true);
      default ->
          throw CollectionException.invalid("modifier is none or idf, found \"" + text + '"');
    };
  }

  private static void requireFloats(JsonBody options) {
    String datatype =
        options.has(DATATYPE) ? QdrantRequests.text(options.get(DATATYPE), DATATYPE) : "float32";
    if (!datatype.equals("float32")) {
      throw CollectionException.invalid(
          "datatype is float32, found \"" + datatype + "\": vectors are kept as they are sent");
    }
  }

  private static Metric metric(String distance) {
    return switch (distance) {
      case "Cosine" -> Metric.COSINE;
      case "Dot" -> Metric.DOT;
      case "Euclid" -> Metric.L2;
      default ->
          throw CollectionException.invalid(
              "distance must be Cosine, Dot or Euclid, found \"" + distance + '"');
    };
  }

  private static String distance(Metric metric) {
    return switch (metric) {
      case COSINE -> "Cosine";
      case DOT -> "Dot";
      case L2 -> "Euclid";
    };
  }

  /** Describes the vectors of a collection. */
  static void describe(ObjectNode parameters, List<VectorSpec> specs) {
    List<VectorSpec> dense =
        specs.stream().filter(spec -> spec.kind() != VectorSpec.Kind.SPARSE).toList();
    ObjectNode vectors = parameters.putObject("vectors");
    if (dense.size() == 1 && dense.getFirst().name().isEmpty()) {
      describe(vectors, dense.getFirst());
    } else {
      dense.forEach(spec -> describe(vectors.putObject(spec.name()), spec));
    }
    for (VectorSpec spec : specs) {
      if (spec.kind() == VectorSpec.Kind.SPARSE) {
        parameters
            .withObjectProperty("sparse_vectors")
            .putObject(spec.name())
            .put(MODIFIER, spec.idf() ? "idf" : "none");
      }
    }
  }

  private static void describe(ObjectNode target, VectorSpec spec) {
    target.put(SIZE, spec.dimension()).put(DISTANCE, distance(spec.metric()));
    if (spec.kind() == VectorSpec.Kind.MULTI) {
      target.putObject(MULTIVECTOR).put("comparator", "max_sim");
    }
  }

  /** The members of an object, in their order. */
  static Map<String, JsonNode> byName(JsonNode node) {
    Map<String, JsonNode> named = new java.util.LinkedHashMap<>();
    node.properties().forEach(member -> named.put(member.getKey(), member.getValue()));
    return named;
  }
}
