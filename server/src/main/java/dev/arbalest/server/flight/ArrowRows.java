// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.IdType;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.Scores;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.UInt4Vector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Schemas of collections and of search replies, and writing points into batches of them. */
final class ArrowRows {
  private static final String PAYLOAD = "payload";

  /** Marks the column that has all attributes. */
  private static final String WHOLE = "arbalest.attributes";

  /** The type a column was sent as, if it comes back as another. */
  private static final String SENT = "arbalest.sent";

  private static final ArrowType INT64 = new ArrowType.Int(64, true);
  private static final ArrowType UINT64 = new ArrowType.Int(64, false);
  private static final ArrowType FLOAT32 =
      new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);

  private ArrowRows() {}

  /**
   * Columns of a collection: those a client sent first and those added since, with types that
   * attributes come back as; otherwise id, vector and the attributes as a JSON text.
   */
  static Schema schema(CollectionSettings settings) throws IOException {
    List<Field> fields = new ArrayList<>();
    boolean isText = settings.idType() == IdType.UTF8;
    fields.add(Field.nullable(ArrowPoints.ID, isText ? ArrowType.Utf8.INSTANCE : INT64));
    fields.add(
        new Field(
            "vector",
            FieldType.nullable(new ArrowType.FixedSizeList(settings.dimension())),
            List.of(Field.nullable("item", FLOAT32))));
    String sent = settings.schema();
    if (sent == null) {
      fields.add(
          new Field(
              PAYLOAD,
              new FieldType(true, ArrowType.Utf8.INSTANCE, null, Map.of(WHOLE, "json")),
              null));
    } else {
      fields.addAll(Schema.fromJSON(sent).getFields());
    }
    return new Schema(fields, Map.of("arbalest.metric", metric(settings.metric())));
  }

  private static String metric(Metric metric) {
    return switch (metric) {
      case L2 -> "euclidean";
      case COSINE -> "cosine";
      case DOT -> "dot_product";
    };
  }

  /**
   * Attribute columns after a client sent some: those kept and those it adds.
   *
   * @param kept attribute columns so far as JSON, or null
   * @param sent attribute columns
   * @throws CollectionException if a column has another type than before
   */
  static String merge(@Nullable String kept, List<Field> sent) {
    List<Field> fields = new ArrayList<>();
    if (kept != null) {
      try {
        fields.addAll(Schema.fromJSON(kept).getFields());
      } catch (IOException e) {
        throw new CollectionException(
            CollectionException.Kind.INTERNAL, "the collection's schema cannot be read", 0, e);
      }
    }
    for (Field field : sent) {
      Field known = returned(field);
      Field before =
          fields.stream().filter(f -> f.getName().equals(field.getName())).findFirst().orElse(null);
      if (before == null) {
        fields.add(known);
      } else if (!typeSent(before).equals(typeSent(known))) {
        throw CollectionException.invalid(
            "schema mismatch: column "
                + field.getName()
                + " is "
                + typeSent(before)
                + ", found "
                + field.getType());
      }
    }
    return new Schema(fields).toJson();
  }

  /** A column of a reply; its metadata names the type the client sent, if that differs. */
  private static Field returned(Field sent) {
    ArrowType type = returnedAs(sent.getType());
    Map<String, String> metadata =
        type.equals(sent.getType()) ? null : Map.of(SENT, sent.getType().toString());
    return new Field(sent.getName(), new FieldType(true, type, null, metadata), null);
  }

  private static String typeSent(Field kept) {
    return kept.getMetadata().getOrDefault(SENT, kept.getType().toString());
  }

  /** Numbers, truth values and texts come back as such, the rest as text of JSON. */
  private static ArrowType returnedAs(ArrowType type) {
    return switch (type) {
      case ArrowType.Int number when number.getBitWidth() >= 32 -> number;
      case ArrowType.Int _ -> new ArrowType.Int(32, true);
      case ArrowType.FloatingPoint number ->
          number.getPrecision() == FloatingPointPrecision.DOUBLE ? number : FLOAT32;
      case ArrowType.Bool flag -> flag;
      default -> ArrowType.Utf8.INSTANCE;
    };
  }

  /** Writes points into a batch of a collection's columns. */
  static void fill(VectorSchemaRoot root, List<Point> points) {
    root.allocateNew();
    for (FieldVector column : root.getFieldVectors()) {
      for (int row = 0; row < points.size(); row++) {
        Point point = points.get(row);
        if (column.getName().equals(ArrowPoints.ID)) {
          setId(column, row, point.id());
        } else if (column instanceof FixedSizeListVector list) {
          setVector(list, row, point.dense(""));
        }
      }
    }
    for (int row = 0; row < points.size(); row++) {
      setAttributes(root, row, points.get(row).payload());
    }
    root.setRowCount(points.size());
  }

  private static void setId(FieldVector column, int row, PointId id) {
    if (column instanceof VarCharVector texts) {
      texts.setSafe(row, id.toString().getBytes(StandardCharsets.UTF_8));
    } else {
      ((BigIntVector) column).setSafe(row, id.number());
    }
  }

  private static void setVector(FixedSizeListVector list, int row, float @Nullable [] vector) {
    if (vector == null) {
      list.setNull(row);
      return;
    }
    Float4Vector components = (Float4Vector) list.getDataVector();
    for (int i = 0; i < vector.length; i++) {
      components.setSafe(row * vector.length + i, vector[i]);
    }
    list.setNotNull(row);
  }

  private static void setAttributes(VectorSchemaRoot root, int row, @Nullable String payload) {
    if (payload == null) {
      return;
    }
    JsonNode attributes = null;
    for (FieldVector column : root.getFieldVectors()) {
      String name = column.getName();
      boolean isKey = name.equals(ArrowPoints.ID) || column instanceof FixedSizeListVector;
      if (isKey) {
        continue;
      }
      boolean isWhole = column.getField().getMetadata().containsKey(WHOLE);
      if (isWhole && column instanceof VarCharVector texts) {
        texts.setSafe(row, payload.getBytes(StandardCharsets.UTF_8));
        continue;
      }
      attributes = attributes == null ? JsonBody.JSON.readTree(payload) : attributes;
      JsonNode value = attributes.path(name);
      if (!value.isMissingNode() && !value.isNull()) {
        set(column, row, value);
      }
    }
  }

  private static void set(FieldVector column, int row, JsonNode value) {
    switch (column) {
      case BigIntVector numbers -> numbers.setSafe(row, value.asLong(0));
      case UInt8Vector numbers ->
          numbers.setSafe(row, value.asBigInteger(BigInteger.ZERO).longValue());
      case IntVector numbers -> numbers.setSafe(row, (int) value.asLong(0));
      case UInt4Vector numbers -> numbers.setSafe(row, (int) value.asLong(0));
      case Float4Vector numbers -> numbers.setSafe(row, (float) value.asDouble(0));
      case Float8Vector numbers -> numbers.setSafe(row, value.asDouble(0));
      case BitVector flags -> flags.setSafe(row, value.asBoolean(false) ? 1 : 0);
      default -> {
        String text = value.isString() ? value.stringValue() : value.toString();
        ((VarCharVector) column).setSafe(row, text.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /**
   * Columns of what a search found.
   *
   * @param texts whether ids are text
   */
  static Schema searchSchema(boolean texts, boolean withDistances, boolean withVectors) {
    List<Field> fields = new ArrayList<>();
    fields.add(Field.nullable(ArrowPoints.ID, UINT64));
    fields.add(Field.nullable("score", FLOAT32));
    if (texts) {
      fields.add(Field.nullable("id_str", ArrowType.Utf8.INSTANCE));
    }
    if (withDistances) {
      fields.add(Field.nullable("distance", FLOAT32));
    }
    if (withVectors) {
      fields.add(Field.nullable("vector", ArrowType.Binary.INSTANCE));
    }
    return new Schema(fields);
  }

  /** Writes what a search found into a batch of {@link #searchSchema}. */
  static void fillSearch(VectorSchemaRoot root, List<Point> points, Metric metric) {
    root.allocateNew();
    UInt8Vector ids = (UInt8Vector) root.getVector(ArrowPoints.ID);
    Float4Vector scores = (Float4Vector) root.getVector("score");
    for (int row = 0; row < points.size(); row++) {
      Point point = points.get(row);
      ids.setSafe(row, point.id().number());
      scores.setSafe(row, Scores.flight(metric, point.distance()));
      if (root.getVector("id_str") instanceof VarCharVector texts) {
        texts.setSafe(row, point.id().toString().getBytes(StandardCharsets.UTF_8));
      }
      if (root.getVector("distance") instanceof Float4Vector distances) {
        distances.setSafe(row, Scores.distance(metric, point.distance()));
      }
      float[] vector = point.dense("");
      if (vector != null && root.getVector("vector") instanceof VarBinaryVector binary) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(vector);
        binary.setSafe(row, bytes.array());
      }
    }
    root.setRowCount(points.size());
  }
}
