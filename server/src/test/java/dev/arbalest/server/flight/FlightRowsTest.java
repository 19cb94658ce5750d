// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.Point;
import dev.arbalest.collections.SearchRequest;
import dev.arbalest.server.TestServer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.DecimalVector;
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
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Rows as clients of Arrow Flight send them: every type of column, and what comes back. */
@SuppressWarnings("try") // closing may be interrupted
class FlightRowsTest extends FlightTestCase {
  @Test
  void idsMayBeSentAsText() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 20);
    assertThat(act("Delete", "{\"dataset\":\"things\",\"id\":\"7\"}").path("deleted").asInt())
        .isEqualTo(1);
    assertThat(
            act("delete", "{\"dataset\":\"things\",\"ids\":[\"8\",9,\"99\"]}")
                .path("deleted")
                .asInt())
        .isEqualTo(2);
    assertThat(fetch("things")).hasSize(17).doesNotContain(7L, 8L, 9L);
    String fetch = "{\"name\":\"things\",\"filters\":[%s]}";
    assertThat(fetch(fetch.formatted("{\"field\":\"id\",\"op\":\"eq\",\"value\":\"3\"}")))
        .containsExactly(3L);
    assertThat(fetch(fetch.formatted("{\"field\":\"id\",\"operator\":\"!=\",\"value\":3}")))
        .hasSize(16)
        .doesNotContain(3L);
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "ids are compared by eq and neq",
        () -> fetch(fetch.formatted("{\"field\":\"id\",\"op\":\">\",\"value\":3}")));
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "ids are numbers",
        () -> act("delete", "{\"dataset\":\"things\",\"id\":\"x\"}"));
  }

  @Test
  void namesOfColumnsMayHaveDots() throws Exception {
    Schema schema =
        schema(DIMENSION, INT64, Field.nullable("meta.lang", new ArrowType.Int(32, true)));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
      fill(root, 0, 10);
      for (int row = 0; row < 10; row++) {
        ((IntVector) root.getVector("meta.lang")).setSafe(row, row % 5);
      }
      send("things", root);
    }
    String fetch =
        "{\"name\":\"things\",\"filters\":[{\"field\":\"meta.lang\",\"op\":\"%s\",\"value\":3}]}";
    assertThat(fetch(fetch.formatted("=="))).containsExactly(3L, 8L);
    assertThat(fetch(fetch.formatted("!="))).hasSize(8).doesNotContain(3L, 8L);
    assertThat(fetch(fetch.formatted("==").replace("meta.lang", "other[].lang"))).isEmpty();
  }

  @Test
  @SuppressWarnings("MustBeClosedChecker") // closed after the test
  void thousandsOfRejectedRowsAreCounted() throws Exception {
    client.close();
    server.close();
    server = TestServer.start(data, options -> options.batchBytes(1 << 10));
    client = connect(server.server().flightPort());
    int listed = 0;
    int counted = 0;
    int rows = 0;
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema(DIMENSION, INT64), allocator);
        SyncPutListener listener = new SyncPutListener()) {
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path("things"), root, listener);
      fill(root, 0, 3000);
      for (int row = 0; row < 3000; row += 2) {
        ((FixedSizeListVector) root.getVector("vector")).setNull(row);
      }
      stream.putNext();
      stream.completed();
      for (JsonNode reply : replies(listener)) {
        rows += reply.path("rows").asInt();
        counted += reply.path("rejected_count").asInt(0);
        listed += reply.path("rejected").size();
      }
    }
    assertThat(List.of(rows, counted, listed)).containsExactly(1500, 1500, 1000);
  }

  @Test
  void largeUnsignedIdsAreFound() throws Exception {
    Schema schema =
        new Schema(
            List.of(Field.nullable("id", new ArrowType.Int(64, false)), list("vector", FLOAT32)),
            Map.of("arbalest.metric", "euclidean"));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
      root.allocateNew();
      FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
      for (int row = 0; row < 5; row++) {
        ((UInt8Vector) root.getVector("id")).setSafe(row, -1L - row);
        for (int j = 0; j < DIMENSION; j++) {
          set(vectors.getDataVector(), row * DIMENSION + j, row);
        }
        vectors.setNotNull(row);
      }
      root.setRowCount(5);
      send("hashes", root);
    }
    String byId = "{\"dataset\":\"hashes\",\"id\":18446744073709551614,\"k\":1}";
    String found = "{\"ids\":[18446744073709551614],\"scores\":[1.0]}";
    assertThat(act("VectorSearchByID", byId).toString()).isEqualTo(found);
    assertThat(act("VectorSearchByID", byId.replace("18446744073709551614", "\"-2\"")).toString())
        .isEqualTo(found);
    try (FlightStream stream =
        client.getStream(
            ticket(
                "{\"name\":\"hashes\",\"filters\":"
                    + "[{\"field\":\"id\",\"op\":\"==\",\"value\":18446744073709551614}]}"))) {
      assertThat(stream.next()).isTrue();
      assertThat(stream.getRoot().getRowCount()).isEqualTo(1);
    }
    assertThat(act("delete", byId).path("deleted").asInt()).isEqualTo(1);
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "an id is an integer of 64 bits",
        () -> act("delete", byId.replace("18446744073709551614", "18446744073709551616")));
  }

  @Test
  void aTableComesBackWithItsColumnsAndNoOthers() throws Exception {
    put("{odd", schema(DIMENSION, INT64), 0, 5);
    FlightInfo info = client.getInfo(FlightDescriptor.path("{odd"));
    try (FlightStream stream = client.getStream(info.getEndpoints().getFirst().getTicket())) {
      assertThat(stream.getSchema().getFields().stream().map(Field::getName))
          .containsExactly("id", "vector");
      assertThat(stream.next()).isTrue();
      assertThat(stream.getRoot().getRowCount()).isEqualTo(5);
    }
    put("{odd", schema(DIMENSION, INT64, RANK), 5, 5);
    assertThat(fetch("{\"name\":\"{odd\"}")).hasSize(10);
    assertThat(
            client
                .getInfo(FlightDescriptor.path("{odd"))
                .getSchemaOptional()
                .orElseThrow()
                .findField("rank"))
        .isNotNull();
    assertThat(text(act("check_readiness", "{\"dataset\":null}"), "status")).isEqualTo("READY");
    assertThat(text(act("delete-dataset", "\"{odd\""), "status")).isEqualTo("deleted");
  }

  private static Field list(String name, ArrowType component) {
    return new Field(
        name,
        FieldType.nullable(new ArrowType.FixedSizeList(DIMENSION)),
        List.of(Field.nullable("item", component)));
  }

  private static void set(FieldVector column, int row, double value) {
    switch (column) {
      case Float2Vector v -> v.setSafe(row, Float.floatToFloat16((float) value));
      case Float4Vector v -> v.setSafe(row, (float) value);
      case Float8Vector v -> v.setSafe(row, value);
      case TinyIntVector v -> v.setSafe(row, (int) value);
      case IntVector v -> v.setSafe(row, (int) value);
      case UInt4Vector v -> v.setSafe(row, (int) value);
      case UInt8Vector v -> v.setSafe(row, (long) value);
      case BigIntVector v -> v.setSafe(row, (long) value);
      case VarCharVector v -> v.setSafe(row, ("t" + (int) value).getBytes(StandardCharsets.UTF_8));
      default -> throw new IllegalArgumentException(column.toString());
    }
  }

  private void send(String name, VectorSchemaRoot root) throws Exception {
    try (SyncPutListener listener = new SyncPutListener()) {
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path(name), root, listener);
      stream.putNext();
      stream.completed();
      listener.getResult();
    }
  }

  @Test
  void idsAndVectorsMayBeOfAnyTypeThatFits() throws Exception {
    List<ArrowType> ids =
        List.of(
            new ArrowType.Int(32, true),
            new ArrowType.Int(32, false),
            new ArrowType.Int(64, false),
            ArrowType.Utf8.INSTANCE);
    List<ArrowType> components =
        List.of(
            new ArrowType.FloatingPoint(FloatingPointPrecision.HALF),
            FLOAT32,
            new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE),
            new ArrowType.Int(8, true));
    for (int i = 0; i < ids.size(); i++) {
      String name = "types" + i;
      Schema schema =
          new Schema(
              List.of(Field.nullable("id", ids.get(i)), list("embedding", components.get(i))),
              Map.of("arbalest.metric", "euclidean"));
      try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
        root.allocateNew();
        FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("embedding");
        for (int row = 0; row < 5; row++) {
          set(root.getVector("id"), row, row + 100);
          for (int j = 0; j < DIMENSION; j++) {
            set(vectors.getDataVector(), row * DIMENSION + j, row * 3 + j % 2);
          }
          vectors.setNotNull(row);
        }
        root.setRowCount(5);
        send(name, root);
      }
      List<Point> found =
          server
              .server()
              .collections()
              .get(name)
              .search(SearchRequest.of(new float[] {6, 7, 6, 7, 6, 7, 6, 7}, 1), false, false)
              .points();
      assertThat(found.getFirst().id().toString()).endsWith("102");
      assertThat(found.getFirst().distance()).isZero();
    }
  }

  @Test
  void attributesComeBackAsTheyWere() throws Exception {
    Schema schema =
        new Schema(
            List.of(
                Field.nullable("id", INT64),
                list("vector", FLOAT32),
                Field.nullable("half", new ArrowType.FloatingPoint(FloatingPointPrecision.HALF)),
                Field.nullable(
                    "double", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)),
                Field.nullable("u1", new ArrowType.Int(8, false)),
                Field.nullable("u4", new ArrowType.Int(32, false)),
                Field.nullable("u8", new ArrowType.Int(64, false)),
                Field.nullable("flag", ArrowType.Bool.INSTANCE),
                Field.nullable("price", new ArrowType.Decimal(10, 2, 128)),
                Field.nullable("name", ArrowType.Utf8.INSTANCE)),
            Map.of("arbalest.metric", "euclidean"));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
      root.allocateNew();
      ((BigIntVector) root.getVector("id")).setSafe(0, 1);
      FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
      for (int i = 0; i < DIMENSION; i++) {
        ((Float4Vector) vectors.getDataVector()).setSafe(i, vector(1)[i]);
      }
      vectors.setNotNull(0);
      ((Float2Vector) root.getVector("half")).setSafe(0, Float.floatToFloat16(1.5f));
      ((Float8Vector) root.getVector("double")).setSafe(0, 1e300);
      ((UInt1Vector) root.getVector("u1")).setSafe(0, 200);
      ((UInt4Vector) root.getVector("u4")).setSafe(0, (int) 4_000_000_000L);
      ((UInt8Vector) root.getVector("u8")).setSafe(0, -2L);
      ((BitVector) root.getVector("flag")).setSafe(0, 1);
      ((DecimalVector) root.getVector("price")).setSafe(0, new java.math.BigDecimal("12.34"));
      ((VarCharVector) root.getVector("name"))
          .setSafe(0, "ä \"x\"".getBytes(StandardCharsets.UTF_8));
      root.setRowCount(1);
      send("typed", root);
    }
    try (FlightStream stream = client.getStream(ticket("typed"))) {
      assertThat(stream.next()).isTrue();
      VectorSchemaRoot root = stream.getRoot();
      assertThat(((Float4Vector) root.getVector("half")).get(0)).isEqualTo(1.5f);
      assertThat(((Float8Vector) root.getVector("double")).get(0)).isEqualTo(1e300);
      assertThat(((IntVector) root.getVector("u1")).get(0)).isEqualTo(200);
      assertThat(((UInt4Vector) root.getVector("u4")).getObjectNoOverflow(0))
          .isEqualTo(4_000_000_000L);
      assertThat(((UInt8Vector) root.getVector("u8")).get(0)).isEqualTo(-2L);
      assertThat(((BitVector) root.getVector("flag")).get(0)).isEqualTo(1);
      assertThat(root.getVector("price").getObject(0)).hasToString("12.34");
      assertThat(root.getVector("name").getObject(0)).hasToString("ä \"x\"");
    }
    // Columns may be added, and rows that lack them are still there.
    put("typed", schema(DIMENSION, INT64, RANK), 10, 2, 0);
    assertThat(fetch("typed")).containsExactly(1L, 10L, 11L);
    assertThat(
            client
                .getInfo(FlightDescriptor.path("typed"))
                .getSchemaOptional()
                .orElseThrow()
                .findField("rank"))
        .isNotNull();
  }

  @Test
  void schemasThatDoNotFitAreRefused() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 5);
    Schema other =
        new Schema(schema(DIMENSION, INT64).getFields(), Map.of("arbalest.metric", "cosine"));
    FlightStatusCode invalid = FlightStatusCode.INVALID_ARGUMENT;
    assertFails(
        invalid, "schema mismatch: the collection's metric", () -> put("things", other, 5, 1));
    put("texts", schema(DIMENSION, ArrowType.Utf8.INSTANCE, NAME), 0, 5);
    assertFails(
        invalid,
        "schema mismatch: the collection's ids are utf8, found Int(64, true)",
        () -> put("texts", schema(DIMENSION, INT64, RANK), 5, 1));
    ArrowType moment = new ArrowType.Timestamp(TimeUnit.MILLISECOND, "UTC");
    assertFails(
        invalid,
        "schema mismatch: column name is Utf8, found Timestamp(MILLISECOND, UTC)",
        () ->
            put(
                "texts",
                schema(DIMENSION, ArrowType.Utf8.INSTANCE, Field.nullable("name", moment)),
                5,
                1));
    Field narrow = Field.nullable("small", new ArrowType.Int(8, true));
    Field wide = Field.nullable("small", new ArrowType.Int(16, true));
    put("texts", schema(DIMENSION, ArrowType.Utf8.INSTANCE, narrow), 5, 1);
    put("texts", schema(DIMENSION, ArrowType.Utf8.INSTANCE, narrow), 6, 1);
    assertFails(
        invalid,
        "schema mismatch: column small is Int(8, true), found Int(16, true)",
        () -> put("texts", schema(DIMENSION, ArrowType.Utf8.INSTANCE, wide), 7, 1));
    assertThat(
            client
                .getInfo(FlightDescriptor.path("texts"))
                .getSchemaOptional()
                .orElseThrow()
                .getFields()
                .stream()
                .map(Field::getName))
        .containsExactly("id", "vector", "name", "small");
    Schema noMetric =
        new Schema(
            List.of(Field.nullable("id", new ArrowType.Int(16, true)), list("vector", FLOAT32)));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(noMetric, allocator)) {
      root.setRowCount(0);
      assertFails(invalid, "id must be int32", () -> send("fresh", root));
    }
    Field coded =
        new Field(
            "color",
            new FieldType(
                true, new ArrowType.Int(32, true), new DictionaryEncoding(1, false, null)),
            null);
    Schema codedSchema =
        new Schema(List.of(Field.nullable("id", INT64), list("vector", FLOAT32), coded));
    DictionaryProvider.MapDictionaryProvider dictionaries =
        new DictionaryProvider.MapDictionaryProvider();
    try (VarCharVector colors = new VarCharVector("colors", allocator);
        VectorSchemaRoot root = VectorSchemaRoot.create(codedSchema, allocator);
        SyncPutListener listener = new SyncPutListener()) {
      colors.allocateNew();
      colors.setSafe(0, "red".getBytes(StandardCharsets.UTF_8));
      colors.setValueCount(1);
      dictionaries.put(new Dictionary(colors, coded.getDictionary()));
      root.allocateNew();
      root.setRowCount(0);
      assertFails(
          invalid,
          "column color is dictionary-encoded",
          () -> {
            FlightClient.ClientStreamListener stream =
                client.startPut(FlightDescriptor.path("fresh"), root, dictionaries, listener);
            stream.putNext();
            stream.completed();
            listener.getResult();
          });
    }
    assertFails(FlightStatusCode.NOT_FOUND, "collection fresh", () -> fetch("fresh"));
    // A table without rows makes its collection.
    put("empty", schema(DIMENSION, INT64), 0, 0);
    assertThat(fetch("empty")).isEmpty();
    assertThat(client.getInfo(FlightDescriptor.path("empty")).getRecords()).isZero();
    assertFails(
        invalid,
        "missing flight descriptor path",
        () -> {
          try (VectorSchemaRoot root =
                  VectorSchemaRoot.create(schema(DIMENSION, INT64), allocator);
              SyncPutListener listener = new SyncPutListener()) {
            FlightClient.ClientStreamListener stream =
                client.startPut(FlightDescriptor.command(new byte[] {1}), root, listener);
            stream.completed();
            listener.getResult();
          }
        });
  }
}
