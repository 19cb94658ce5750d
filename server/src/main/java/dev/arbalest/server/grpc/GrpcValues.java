// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import io.qdrant.client.grpc.JsonWithInt.ListValue;
import io.qdrant.client.grpc.JsonWithInt.NullValue;
import io.qdrant.client.grpc.JsonWithInt.Struct;
import io.qdrant.client.grpc.JsonWithInt.Value;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Payloads as messages and as JSON. Stateless. */
final class GrpcValues {
  private static final int MAX_DEPTH = 100;

  private GrpcValues() {}

  /** A payload as JSON. */
  static ObjectNode json(Map<String, Value> fields) {
    return object(fields, 0);
  }

  private static ObjectNode object(Map<String, Value> fields, int depth) {
    if (depth > MAX_DEPTH) {
      throw CollectionException.invalid("a payload is nested at most " + MAX_DEPTH + " deep");
    }
    ObjectNode object = JsonBody.JSON.createObjectNode();
    fields.forEach((name, value) -> object.set(name, json(value, depth)));
    return object;
  }

  private static JsonNode json(Value value, int depth) {
    JsonNodeFactory nodes = JsonBody.JSON.getNodeFactory();
    return switch (value.getKindCase()) {
      case NULL_VALUE, KIND_NOT_SET -> nodes.nullNode();
      case DOUBLE_VALUE -> {
        if (!Double.isFinite(value.getDoubleValue())) {
          throw CollectionException.invalid(
              "a payload has the number " + value.getDoubleValue() + ", which JSON cannot have");
        }
        yield nodes.numberNode(value.getDoubleValue());
      }
      case INTEGER_VALUE -> nodes.numberNode(value.getIntegerValue());
      case STRING_VALUE -> nodes.stringNode(value.getStringValue());
      case BOOL_VALUE -> nodes.booleanNode(value.getBoolValue());
      case STRUCT_VALUE -> object(value.getStructValue().getFieldsMap(), depth + 1);
      case LIST_VALUE -> {
        ArrayNode array = JsonBody.JSON.createArrayNode();
        if (depth > MAX_DEPTH) {
          throw CollectionException.invalid("a payload is nested at most " + MAX_DEPTH + " deep");
        }
        value.getListValue().getValuesList().forEach(one -> array.add(json(one, depth + 1)));
        yield array;
      }
    };
  }

  /** A payload as messages. */
  static Map<String, Value> values(JsonNode object) {
    Map<String, Value> fields = new LinkedHashMap<>();
    object.properties().forEach(field -> fields.put(field.getKey(), value(field.getValue())));
    return fields;
  }

  private static Value value(JsonNode node) {
    Value.Builder value = Value.newBuilder();
    if (node.isBoolean()) {
      value.setBoolValue(node.booleanValue());
    } else if (node.isIntegralNumber() && node.canConvertToLong()) {
      value.setIntegerValue(node.longValue());
    } else if (node.isNumber()) {
      value.setDoubleValue(node.doubleValue());
    } else if (node.isString()) {
      value.setStringValue(node.stringValue());
    } else if (node.isObject()) {
      value.setStructValue(Struct.newBuilder().putAllFields(values(node)));
    } else if (node.isArray()) {
      ListValue.Builder list = ListValue.newBuilder();
      node.forEach(one -> list.addValues(value(one)));
      value.setListValue(list);
    } else {
      value.setNullValue(NullValue.NULL_VALUE);
    }
    return value.build();
  }
}
