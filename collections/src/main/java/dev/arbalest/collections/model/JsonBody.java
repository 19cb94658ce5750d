// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A JSON object of a request. Members that are vectors are read as floats where they stand ({@link
 * FloatArrays}); the others become nodes.
 */
public final class JsonBody {
  /** Reads one value after the other from a parser. */
  public static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private final ObjectNode members;
  private final Map<String, float[]> vectors;

  private JsonBody(ObjectNode members, Map<String, float[]> vectors) {
    this.members = members;
    this.vectors = vectors;
  }

  /** A body, which may be empty: then it has no members. */
  public static JsonBody parse(byte[] json) {
    if (json.length == 0) {
      return new JsonBody(JSON.createObjectNode(), Map.of());
    }
    JsonText.requireText(json);
    try (JsonParser parser = JSON.createParser(json)) {
      requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      JsonBody body = object(parser, json);
      if (parser.nextToken() != null) {
        throw CollectionException.invalid("the request has something behind its JSON object");
      }
      return body;
    } catch (JacksonException e) {
      throw malformed(e);
    }
  }

  public static CollectionException malformed(JacksonException e) {
    return new CollectionException(
        CollectionException.Kind.INVALID,
        "the request is no JSON that can be understood: " + e.getOriginalMessage(),
        0,
        e);
  }

  public static void requireToken(@Nullable JsonToken found, JsonToken expected) {
    if (found != expected) {
      throw CollectionException.invalid("expected " + expected + " in the request, found " + found);
    }
  }

  /** The object a parser has just entered, up to its end. */
  public static JsonBody object(JsonParser parser, byte[] json) {
    ObjectNode members = JSON.createObjectNode();
    Map<String, float[]> vectors = new HashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = String.valueOf(parser.currentName());
      JsonToken value = parser.nextToken();
      boolean isVector =
          value == JsonToken.START_ARRAY
              && (name.equals("vector") || name.equals("query"))
              && hasNumbers(parser, json);
      if (isVector) {
        vectors.put(name, floats(parser, json));
      } else {
        JsonNode node = read(parser);
        members.set(name, node);
      }
    }
    return new JsonBody(members, vectors);
  }

  /** An object that is a part of a body. */
  public static JsonBody of(JsonNode node, String what) {
    if (!(node instanceof ObjectNode object)) {
      throw CollectionException.invalid(what + " is an object, found " + JsonText.shorten(node));
    }
    return new JsonBody(object, Map.of());
  }

  /**
   * Refuses members of other names than these: whoever sent one expects it to make a difference.
   *
   * @param what the request is, for messages
   */
  public void allow(String what, Set<String> names) {
    allow(members, what, names);
    for (String name : vectors.keySet()) {
      if (!names.contains(name)) {
        throw unknown(what, name, names);
      }
    }
  }

  /** The same of a part of a request. Members that are null count as not there. */
  public static void allow(JsonNode node, String what, Set<String> names) {
    for (Map.Entry<String, JsonNode> member : node.properties()) {
      if (!names.contains(member.getKey()) && !member.getValue().isNull()) {
        throw unknown(what, member.getKey(), names);
      }
    }
  }

  private static CollectionException unknown(String what, String name, Set<String> names) {
    return CollectionException.invalid(
        what
            + " has no field \""
            + name
            + "\" here; it may have "
            + String.join(", ", new TreeSet<>(names)));
  }

  /** The value a parser is at. */
  public static JsonNode read(JsonParser parser) {
    JsonNode node = JSON.readTree(parser);
    JsonText.requireNumbers(node);
    return node;
  }

  /** Whether the array that a parser has just entered does not begin with a list or a text. */
  public static boolean hasNumbers(JsonParser parser, byte[] json) {
    int at = (int) parser.currentTokenLocation().getByteOffset() + 1;
    while (at < json.length && json[at] <= ' ') {
      at++;
    }
    return at < json.length && json[at] != '[' && json[at] != '"';
  }

  /** The numbers of the array that a parser has just entered, behind which it then is. */
  public static float[] floats(JsonParser parser, byte[] json) {
    int from = (int) parser.currentTokenLocation().getByteOffset();
    Floats floats = new Floats();
    int count = FloatArrays.parse(json, from, floats);
    parser.skipChildren();
    return Arrays.copyOf(floats.values, count);
  }

  private static final class Floats implements FloatArrays.Sink {
    private static final int MOST = 65_536;
    private float[] values = new float[1536];

    @Override
    public void accept(int index, float value) {
      if (index == values.length) {
        if (index >= MOST) {
          throw CollectionException.invalid("a vector has at most " + MOST + " components");
        }
        values = Arrays.copyOf(values, 2 * index);
      }
      values[index] = value;
    }
  }

  /** A member that is no vector, or a missing node. */
  public JsonNode get(String name) {
    JsonNode node = members.get(name);
    return node == null ? MissingNode.getInstance() : node;
  }

  /** A member that is a vector, or null. */
  public float @Nullable [] vector(String name) {
    return vectors.get(name);
  }

  /** A vector inside a node: an array of numbers. */
  public static float[] toVector(JsonNode node) {
    if (!node.isArray()) {
      throw CollectionException.invalid(
          "a vector is an array of numbers, found " + node.getNodeType());
    }
    float[] vector = new float[node.size()];
    for (int i = 0; i < vector.length; i++) {
      if (!node.get(i).isNumber()) {
        throw CollectionException.invalid(
            "a vector is an array of numbers; component " + i + " is " + node.get(i));
      }
      vector[i] = (float) node.get(i).asDouble(Double.NaN); // too large: refused as infinite
    }
    return vector;
  }

  /** Whether a member is there and not null. */
  public boolean has(String name) {
    JsonNode node = get(name);
    return vectors.containsKey(name) || !(node.isMissingNode() || node.isNull());
  }

  /** Refuses a member whose omission would change the answer. */
  public void refuse(String name, String reason) {
    if (has(name)) {
      throw CollectionException.invalid("\"" + name + "\" is not supported: " + reason);
    }
  }

  /** A Boolean, Long, Double or String. */
  public static Object value(JsonNode node) {
    if (node.isBoolean()) {
      return node.booleanValue();
    }
    if (node.isIntegralNumber() && node.canConvertToLong()) {
      return node.longValue();
    }
    if (node.isNumber()) {
      return node.doubleValue();
    }
    if (node.isString()) {
      return node.stringValue();
    }
    throw CollectionException.invalid(
        "a field is compared with a text, a number, true or false, found "
            + JsonText.shorten(node));
  }

  /** A whole number in a range. */
  public int integer(String name, int otherwise, int least, int most) {
    return integer(get(name), name, otherwise, least, most);
  }

  /** The same of a node, missing or null for {@code otherwise}. */
  public static int integer(JsonNode node, String name, int otherwise, int least, int most) {
    return (int) integer(node, name, (long) otherwise, least, most);
  }

  /** The same of a long. */
  public static long integer(JsonNode node, String name, long otherwise, long least, long most) {
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    boolean isWhole = node.isIntegralNumber() && node.canConvertToLong();
    if (!isWhole || node.longValue() < least || node.longValue() > most) {
      throw CollectionException.invalid(
          name + " must be a whole number in [" + least + ", " + most + "], found " + node);
    }
    return node.longValue();
  }

  /** A share, missing or null for 0. */
  public static double share(JsonNode node, String name) {
    if (node.isMissingNode() || node.isNull()) {
      return 0;
    }
    if (!node.isNumber() || !(node.doubleValue() >= 0 && node.doubleValue() <= 1)) {
      throw CollectionException.invalid(name + " must be a number in [0, 1], found " + node);
    }
    return node.doubleValue();
  }

  /** True or false, missing or null for false. */
  public static boolean flag(JsonNode node, String name) {
    if (node.isMissingNode() || node.isNull()) {
      return false;
    }
    if (!node.isBoolean()) {
      throw CollectionException.invalid(name + " must be true or false, found " + node);
    }
    return node.booleanValue();
  }
}
