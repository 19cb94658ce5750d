// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.IdType;
import dev.arbalest.LiveIndex;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.UInt1Vector;
import org.apache.arrow.vector.UInt4Vector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.Text;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads points from record batches of one stream: column {@code id}, column {@code vector} or
 * {@code embedding}, all others attributes. One per stream; not thread-safe.
 */
final class ArrowPoints {
  static final String ID = "id";
  private static final List<String> VECTOR_NAMES = List.of("vector", "embedding");

  private final VectorSchemaRoot root;
  private final FieldVector ids;
  private final FieldVector vectors;
  private final FieldVector components;
  private final List<FieldVector> attributes = new ArrayList<>();
  private float[] scratch = new float[0];

  /**
   * Looks the columns up.
   *
   * @throws CollectionException if one is missing or of a type that cannot be used
   */
  ArrowPoints(VectorSchemaRoot root) {
    this(root, required(root, List.of(ID)), required(root, VECTOR_NAMES));
    boolean isId =
        ids instanceof BigIntVector
            || ids instanceof UInt8Vector
            || ids instanceof IntVector
            || ids instanceof UInt4Vector
            || ids instanceof VarCharVector;
    if (!isId) {
      throw CollectionException.invalid(
          "schema mismatch: id must be int32, uint32, int64, uint64 or utf8, found "
              + ids.getField().getType());
    }
  }

  /** Looks at a column of vectors alone: {@link #vector} is all there is. */
  static ArrowPoints ofVectors(VectorSchemaRoot root, FieldVector vectors) {
    return new ArrowPoints(root, vectors, vectors);
  }

  private ArrowPoints(VectorSchemaRoot root, FieldVector id, FieldVector vector) {
    this.root = root;
    this.ids = id;
    this.vectors = vector;
    this.components =
        switch (vector) {
          case FixedSizeListVector list -> list.getDataVector();
          case ListVector list -> list.getDataVector();
          default ->
              throw CollectionException.invalid(
                  "schema mismatch: vector must be a list of numbers, found "
                      + vector.getField().getType());
        };
    boolean isNumber =
        components instanceof Float4Vector
            || components instanceof Float2Vector
            || components instanceof Float8Vector
            || components instanceof TinyIntVector;
    if (!isNumber) {
      throw CollectionException.invalid(
          "schema mismatch: components must be float32, float16, float64 or int8, found "
              + components.getField().getType());
    }
    for (FieldVector column : root.getFieldVectors()) {
      if (column.getField().getDictionary() != null) {
        throw CollectionException.invalid(
            "schema mismatch: column " + column.getName() + " is dictionary-encoded; send values");
      }
      if (!column.getName().equals(id.getName()) && !column.getName().equals(vector.getName())) {
        attributes.add(column);
      }
    }
  }

  private static FieldVector required(VectorSchemaRoot root, List<String> names) {
    for (String name : names) {
      FieldVector column = root.getVector(name);
      if (column != null) {
        return column;
      }
    }
    throw CollectionException.invalid(
        "schema mismatch: expected columns id and vector, found " + root.getSchema());
  }

  /** Components per vector, of the first row if the type does not say. */
  int dimension() {
    if (vectors instanceof FixedSizeListVector list) {
      return list.getListSize();
    }
    for (int row = 0; row < root.getRowCount(); row++) {
      if (!vectors.isNull(row)) {
        return length(row);
      }
    }
    throw CollectionException.invalid(
        "the first batch has no vector, so the dimension is not known");
  }

  /** Whether {@link #dimension} can be told. */
  boolean hasDimension() {
    return vectors instanceof FixedSizeListVector || count() > 0;
  }

  private int length(int row) {
    return vectors instanceof ListVector list
        ? list.getElementEndIndex(row) - list.getElementStartIndex(row)
        : ((FixedSizeListVector) vectors).getListSize();
  }

  private int start(int row) {
    return vectors instanceof ListVector list
        ? list.getElementStartIndex(row)
        : row * ((FixedSizeListVector) vectors).getListSize();
  }

  Schema schema() {
    return root.getSchema();
  }

  boolean hasAttributes() {
    return !attributes.isEmpty();
  }

  /** The columns that are attributes. */
  List<Field> attributeFields() {
    return attributes.stream().map(FieldVector::getField).toList();
  }

  /**
   * Refuses ids of another type than the collection's.
   *
   * @param type null if it has none yet; texts may be numbers, which is seen row by row
   */
  void requireIdsOf(@Nullable IdType type) {
    if (type == IdType.UTF8 && !(ids instanceof VarCharVector)) {
      throw CollectionException.invalid(
          "schema mismatch: the collection's ids are utf8, found " + ids.getField().getType());
    }
  }

  /** Metric that metadata of a schema asks for, or null. */
  static @Nullable Metric metricOf(Schema schema) {
    Map<String, String> metadata = schema.getCustomMetadata();
    String text = metadata == null ? null : metadata.get("arbalest.metric");
    if (text == null && metadata != null) {
      text = metadata.get("longbow.metric");
    }
    return text == null ? null : metric(text);
  }

  /** A metric as Flight's clients name it. */
  static Metric metric(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "cosine" -> Metric.COSINE;
      case "euclidean", "l2" -> Metric.L2;
      case "dot_product", "dot" -> Metric.DOT;
      default ->
          throw CollectionException.invalid(
              "metric must be euclidean, cosine or dot_product, found " + text);
    };
  }

  /** Rows of the present batch. */
  int count() {
    return root.getRowCount();
  }

  /**
   * Adds a row to a buffer, unless it cannot be indexed.
   *
   * @return why it was not added, or the empty string
   */
  String addTo(PointBuffer target, int row, Metric metric) {
    if (ids.isNull(row) || vectors.isNull(row)) {
      return ids.isNull(row) ? "id is null" : "vector is null";
    }
    PointId id = id(row);
    String problem = id.problem();
    if (!problem.isEmpty()) {
      return problem;
    }
    int length = length(row);
    if (length != target.dimension()) {
      return CollectionException.dimensionMismatch(target.dimension(), length).text();
    }
    try {
      if (hasNull(start(row), length)) {
        return "a component is null";
      }
      copy(start(row), length, target.memory(), target.nextOffset());
    } catch (IndexOutOfBoundsException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, "the batch's buffers are shorter than it says", 0, e);
    }
    problem = LiveIndex.problemOf(target.next(), 0, metric);
    if (!problem.isEmpty()) {
      return problem;
    }
    target.add(id, payload(row));
    return "";
  }

  private boolean hasNull(int from, int count) {
    for (int i = 0; i < count && components.getNullCount() > 0; i++) {
      if (components.isNull(from + i)) {
        return true;
      }
    }
    return false;
  }

  private void copy(int from, int count, MemorySegment target, long offset) {
    if (components instanceof Float4Vector floats) {
      ArrowBuf buffer = floats.getDataBuffer();
      MemorySegment source = MemorySegment.ofBuffer(buffer.nioBuffer(4L * from, 4 * count));
      MemorySegment.copy(source, 0, target, offset, 4L * count);
      return;
    }
    MemorySegment.copy(
        floats(from, count), 0, target, dev.arbalest.vector.F32Rows.FLOAT, offset, count);
  }

  private float[] floats(int from, int count) {
    if (scratch.length < count) {
      scratch = new float[count];
    }
    for (int i = 0; i < count; i++) {
      scratch[i] =
          switch (components) {
            case Float2Vector halves -> Float.float16ToFloat(halves.get(from + i));
            case Float8Vector doubles -> (float) doubles.get(from + i);
            case TinyIntVector bytes -> bytes.get(from + i);
            default -> ((Float4Vector) components).get(from + i);
          };
    }
    return scratch;
  }

  /** The vector of a row. */
  float[] vector(int row) {
    if (vectors.isNull(row) || hasNull(start(row), length(row))) {
      throw CollectionException.invalid("the vector or a component of it is null");
    }
    return java.util.Arrays.copyOf(floats(start(row), length(row)), length(row));
  }

  private PointId id(int row) {
    return switch (ids) {
      case BigIntVector numbers -> PointId.of(numbers.get(row));
      case UInt8Vector numbers -> PointId.of(numbers.get(row));
      case IntVector numbers -> PointId.of(numbers.get(row));
      case UInt4Vector numbers -> PointId.of(numbers.get(row) & 0xffffffffL);
      case VarCharVector texts -> PointId.of(new String(texts.get(row), StandardCharsets.UTF_8));
      default ->
          throw CollectionException.invalid(
              "schema mismatch: id must be int32, uint32, int64, uint64 or utf8, found "
                  + ids.getField().getType());
    };
  }

  private @Nullable String payload(int row) {
    if (attributes.isEmpty()) {
      return null;
    }
    ObjectNode payload = JsonBody.JSON.createObjectNode();
    for (FieldVector column : attributes) {
      if (!column.isNull(row)) {
        put(payload, column.getName(), attribute(column, row));
      }
    }
    return payload.toString();
  }

  private static List<Object> elements(FieldVector column, int from, int to) {
    List<Object> elements = new ArrayList<>();
    for (int i = from; i < to; i++) {
      if (!column.isNull(i)) {
        elements.add(attribute(column, i));
      }
    }
    return elements;
  }

  /** A value; Arrow's own objects for some types have lost what they mean. */
  private static Object attribute(FieldVector column, int row) {
    return switch (column) {
      case ListVector list ->
          elements(
              list.getDataVector(), list.getElementStartIndex(row), list.getElementEndIndex(row));
      case FixedSizeListVector list ->
          elements(list.getDataVector(), row * list.getListSize(), (row + 1) * list.getListSize());
      case Float2Vector halves -> Float.float16ToFloat(halves.get(row));
      case UInt1Vector numbers -> numbers.getObjectNoOverflow(row);
      case UInt4Vector numbers -> numbers.getObjectNoOverflow(row);
      case UInt8Vector numbers -> numbers.getObjectNoOverflow(row);
      default -> column.getObject(row);
    };
  }

  private static void put(ObjectNode target, String name, Object value) {
    switch (value) {
      case BigInteger number -> target.put(name, number);
      case BigDecimal number -> target.put(name, number.toPlainString());
      case Text text -> target.put(name, text.toString());
      case Boolean flag -> target.put(name, flag);
      case Double number -> target.put(name, number);
      case Float number -> target.put(name, number);
      case Character number -> target.put(name, (int) number);
      case Number number -> target.put(name, number.longValue());
      case byte[] bytes -> target.put(name, java.util.Base64.getEncoder().encodeToString(bytes));
      case List<?> list -> {
        ArrayNode array = target.putArray(name);
        for (Object element : list) {
          ObjectNode one = JsonBody.JSON.createObjectNode();
          if (element != null) {
            put(one, "e", element);
            array.add(one.get("e"));
          }
        }
      }
      default -> target.put(name, value.toString());
    }
  }
}
