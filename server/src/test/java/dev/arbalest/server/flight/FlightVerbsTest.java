// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.server.TestServer;
import dev.arbalest.server.collection.Point;
import dev.arbalest.server.collection.SearchRequest;
import dev.arbalest.server.model.JsonBody;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.ActionType;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Result;
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
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Every verb of Arrow Flight, every type of column, as clients of the protocol send them. */
@SuppressWarnings("try") // closing may be interrupted
class FlightVerbsTest extends FlightTestCase {
  private static final ArrowType FLOAT32 =
      new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);

  private static String text(JsonNode node, String member) {
    return node.path(member).asString("");
  }

  private List<List<Long>> searchAll(String body) throws Exception {
    Iterator<Result> results =
        client.doAction(new Action("VectorSearch", body.getBytes(StandardCharsets.UTF_8)));
    List<List<Long>> all = new ArrayList<>();
    while (results.hasNext()) {
      List<Long> ids = new ArrayList<>();
      try (ArrowStreamReader reader =
          new ArrowStreamReader(new ByteArrayInputStream(results.next().getBody()), allocator)) {
        while (reader.loadNextBatch()) {
          VectorSchemaRoot root = reader.getVectorSchemaRoot();
          for (int row = 0; row < root.getRowCount(); row++) {
            ids.add(((UInt8Vector) root.getVector("id")).get(row));
          }
        }
      }
      all.add(ids);
    }
    return all;
  }

  @Test
  void collectionsAreMadeKeptAndDropped() throws Exception {
    assertThat(
            text(act("create", "{\"dataset\":\"a\",\"dimension\":8,\"metric\":\"dot\"}"), "status"))
        .isEqualTo("created");
    assertThat(server.server().collections().get("a").settings().metric())
        .isEqualTo(dev.arbalest.vector.Metric.DOT);
    assertThat(text(act("CreateNamespace", "{\"name\":\"team\"}"), "status")).isEqualTo("created");
    put("team/b", schema(DIMENSION, INT64), 0, 10);
    put("c", schema(DIMENSION, INT64), 0, 10);
    assertThat(act("ListNamespaces", "").path("namespaces").toString()).isEqualTo("[\"team\"]");
    for (String action : List.of("ForceSnapshot", "snapshot", "compact")) {
      assertThat(text(act(action, ""), "status")).as(action).isEqualTo("ok");
      assertThat(text(act(action, "{\"dataset\":\"c\"}"), "status")).as(action).isEqualTo("ok");
    }
    assertThat(text(act("check_readiness", ""), "status")).isEqualTo("READY");
    assertThat(text(act("check_readiness", "{\"dataset\":\"c\"}"), "status")).isEqualTo("READY");
    assertThat(text(act("check_readiness", "{\"dataset\":\"no\"}"), "status"))
        .isEqualTo("NOT_FOUND");
    JsonNode stats = act("stats", "{\"dataset\":\"c\"}").path("collections").get(0);
    assertThat(stats.path("rows").asInt()).isEqualTo(10);
    assertThat(text(stats, "state")).isEqualTo("READY");
    assertThat(act("stats", "").path("collections").size()).isEqualTo(3);
    JsonNode reopened = act("reopen", "{\"dataset\":\"c\",\"repair\":true}");
    assertThat(reopened.path("ready").asBoolean()).as(reopened.toString()).isTrue();
    assertThat(fetch("{\"dataset\":\"c\"}")).hasSize(10);

    // As the protocol's clients drop a collection:
    assertThat(text(act("DeleteNamespace", "{\"dataset\":\"c\"}"), "status")).isEqualTo("deleted");
    assertFails(FlightStatusCode.NOT_FOUND, "collection c not found", () -> fetch("c"));
    assertThat(text(act("DeleteNamespace", "{\"name\":\"team\"}"), "status")).isEqualTo("deleted");
    assertFails(FlightStatusCode.NOT_FOUND, "collection team/b", () -> fetch("team/b"));
    assertFails(
        FlightStatusCode.NOT_FOUND,
        "namespace team not found",
        () -> act("DeleteNamespace", "{\"name\":\"team\"}"));
    assertThat(text(act("delete-dataset", "{\"dataset\":\"a\"}"), "status")).isEqualTo("deleted");
    assertFails(
        FlightStatusCode.NOT_FOUND, "collection a", () -> act("drop", "{\"dataset\":\"a\"}"));

    List<String> actions = new ArrayList<>();
    client.listActions().forEach((ActionType type) -> actions.add(type.getType()));
    assertThat(actions).isEqualTo(FlightActions.TYPES);
    for (String action : actions) { // each is known, whatever it says of an empty request
      try {
        JsonNode _ = act(action, "{}");
      } catch (FlightRuntimeException e) {
        assertThat(e.status().code()).as(action).isEqualTo(FlightStatusCode.INVALID_ARGUMENT);
      }
    }
  }

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
  void filtersAreJoinedAsAsked() throws Exception {
    put("things", schema(DIMENSION, INT64, NAME, RANK), 0, 40);
    String fetch = "{\"dataset\":\"things\",\"filters\":%s}";
    String name = "{\"field\":\"name\",\"op\":\"==\",\"value\":\"n%d\"}";
    String or =
        "[{\"logic\":\"OR\",\"filters\":[" + name.formatted(1) + "," + name.formatted(2) + "]}]";
    assertThat(fetch(fetch.formatted(or))).containsExactly(1L, 2L, 11L, 12L, 21L, 22L, 31L, 32L);
    String not = or.replace("\"OR\"", "\"NOT\"");
    assertThat(fetch(fetch.formatted(not))).hasSize(32).doesNotContain(1L, 32L);
    String nested =
        or.substring(0, or.length() - 1) + ",{\"field\":\"rank\",\"op\":\"ge\",\"value\":\"20\"}]";
    assertThat(fetch(fetch.formatted(nested))).containsExactly(21L, 22L, 31L, 32L);
    assertThat(
            fetch(
                fetch.formatted(
                    "[{\"logic\":\"NOT\",\"field\":\"rank\",\"op\":\"<\",\"value\":38}]")))
        .containsExactly(38L, 39L);
    // A comparison beside "filters" is one of them.
    String both =
        "[{\"field\":\"rank\",\"op\":\"<=\",\"value\":12,\"logic\":\"%s\",\"filters\":["
            + name.formatted(1)
            + "]}]";
    assertThat(fetch(fetch.formatted(both.formatted("AND")))).containsExactly(1L, 11L);
    assertThat(fetch(fetch.formatted(both.formatted("or")))).hasSize(15).contains(21L, 31L);
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "logic OR joins",
        () ->
            fetch(
                fetch.formatted(
                    "[{\"logic\":\"OR\",\"field\":\"rank\",\"op\":\"<\",\"value\":38}]")));
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "logic is AND, OR or NOT, found \"XOR\"",
        () -> fetch(fetch.formatted(both.formatted("XOR"))));
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

  @Test
  @SuppressWarnings("MustBeClosedChecker") // closed after the test
  void streamsThatDoNotSayWhatTheyAreAboutDoNotKeepTheServerFromStopping() throws Exception {
    FlightClient.ExchangeReaderWriter silent =
        client.doExchange(FlightDescriptor.path("ingest", "things"));
    put("things", schema(DIMENSION, INT64), 0, 5);
    server.close();
    assertThatThrownBy(() -> silent.getReader().next()).isInstanceOf(FlightRuntimeException.class);
    silent.close();
    server = TestServer.start(data); // with all that was acknowledged
    client.close();
    client = connect(server.server().flightPort());
    assertThat(fetch("things")).hasSize(5);
  }

  @Test
  void aFailedQueryLeavesThePositionsOfOthers() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 30);
    List<List<Long>> found =
        searchAll(
            "{\"dataset\":\"things\",\"k\":2,\"vectors\":[%s,[1,2],[\"a\"],%s]}"
                .formatted(array(vector(4)), array(vector(9))));
    assertThat(found).hasSize(4);
    assertThat(found.get(0)).hasSize(2).startsWith(4L);
    assertThat(found.get(1)).isEmpty();
    assertThat(found.get(2)).isEmpty();
    assertThat(found.get(3)).hasSize(2).startsWith(9L);
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "dimension mismatch: expected 8, got 2",
        () -> searchAll("{\"dataset\":\"things\",\"k\":2,\"vectors\":[[1,2]]}"));
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "NaN or infinite",
        () -> searchAll("{\"dataset\":\"things\",\"k\":2,\"vector\":[1e39,0,0,0,0,0,0,0]}"));
  }

  @Test
  void everyRowOfAnExchangeIsAnswered() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 30);
    Schema queries =
        new Schema(
            List.of(
                Field.nullable("dataset", ArrowType.Utf8.INSTANCE),
                Field.nullable("k", new ArrowType.Int(32, true)),
                new Field(
                    "query_vector",
                    FieldType.nullable(new ArrowType.FixedSizeList(DIMENSION)),
                    List.of(Field.nullable("item", FLOAT32)))));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(queries, allocator);
        FlightClient.ExchangeReaderWriter exchange =
            client.doExchange(
                FlightDescriptor.command("VectorSearch".getBytes(StandardCharsets.UTF_8)))) {
      exchange.getWriter().start(root);
      root.allocateNew();
      VarCharVector datasets = (VarCharVector) root.getVector("dataset");
      IntVector ks = (IntVector) root.getVector("k");
      FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("query_vector");
      Float4Vector items = (Float4Vector) vectors.getDataVector();
      String[] names = {"things", "no", null, "things", "things", "things", "things"};
      int[] wanted = {3, 3, 3, 0, 3, 3, 3};
      for (int row = 0; row < names.length; row++) {
        if (names[row] != null) {
          datasets.setSafe(row, names[row].getBytes(StandardCharsets.UTF_8));
        }
        ks.setSafe(row, wanted[row]);
        float[] vector = vector(row);
        for (int i = 0; i < DIMENSION; i++) {
          items.setSafe(row * DIMENSION + i, row == 5 ? Float.NaN : vector[i]);
        }
        if (row != 4) {
          vectors.setNotNull(row);
        }
      }
      root.setRowCount(names.length);
      exchange.getWriter().putNext();
      exchange.getWriter().completed();
      String[] errors = {
        "",
        "collection no not found",
        "names no dataset",
        "k must be",
        "is null",
        "NaN or infinite",
        ""
      };
      for (int row = 0; row < names.length; row++) {
        assertThat(exchange.getReader().next()).isTrue();
        VectorSchemaRoot reply = exchange.getReader().getRoot();
        if (errors[row].isEmpty()) {
          assertThat(reply.getRowCount()).isEqualTo(3);
          assertThat(((UInt8Vector) reply.getVector("id")).get(0)).isEqualTo(row);
          assertThat(exchange.getReader().getLatestMetadata()).isNull();
        } else {
          assertThat(reply.getRowCount()).as(errors[row]).isZero();
          JsonNode error = JsonBody.JSON.readTree(bytes(exchange.getReader()));
          assertThat(text(error, "error")).contains(errors[row]);
          assertThat(error.path("row").asInt()).isEqualTo(row);
        }
      }
      assertThat(exchange.getReader().next()).isFalse();
    }
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

  @Test
  void collectionsAreListedByCriteria() throws Exception {
    put("red", schema(DIMENSION, INT64), 0, 5);
    put("reddish", schema(DIMENSION, INT64), 0, 50);
    assertThat(listed("{\"filters\":[{\"field\":\"name\",\"op\":\"contains\",\"value\":\"red\"}]}"))
        .containsExactly("red", "reddish");
    assertThat(listed("[{\"field\":\"name\",\"operator\":\"==\",\"value\":\"red\"}]"))
        .containsExactly("red");
    assertThat(listed("[{\"field\":\"rows\",\"op\":\">\",\"value\":5}]"))
        .containsExactly("reddish");
    assertThat(listed("[{\"field\":\"rows\",\"op\":\"<\",\"value\":50}]")).containsExactly("red");
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "no such operator",
        () -> listed("[{\"field\":\"rows\",\"op\":\"~\",\"value\":50}]"));
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "criteria filter",
        () -> listed("[{\"field\":\"size\",\"op\":\">\",\"value\":50}]"));
  }

  private List<String> listed(String criteria) {
    List<String> names = new ArrayList<>();
    for (FlightInfo info :
        client.listFlights(new Criteria(criteria.getBytes(StandardCharsets.UTF_8)))) {
      names.add(info.getDescriptor().getPath().getFirst());
    }
    return names;
  }

  @Test
  void scoresAreThoseOfTheProtocol() throws Exception {
    for (String metric : List.of("euclidean", "cosine", "dot_product")) {
      Schema schema =
          new Schema(schema(DIMENSION, INT64).getFields(), Map.of("arbalest.metric", metric));
      put(metric, schema, 0, 20);
      float[] query = vector(1000);
      double best = -Double.MAX_VALUE;
      for (int id = 0; id < 20; id++) {
        best = Math.max(best, score(metric, query, vector(id)));
      }
      String body =
          "{\"search\":{\"dataset\":\"%s\",\"k\":20,\"vector\":%s,\"list\":200}}"
              .formatted(metric, array(query));
      try (FlightStream stream = client.getStream(ticket(body))) {
        assertThat(stream.next()).isTrue();
        Float4Vector scores = (Float4Vector) stream.getRoot().getVector("score");
        assertThat((double) scores.get(0)).as(metric).isCloseTo(best, within(1e-4));
        for (int row = 1; row < 20; row++) {
          assertThat(scores.get(row)).isLessThanOrEqualTo(scores.get(row - 1));
        }
      }
    }
  }

  private static double score(String metric, float[] a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return switch (metric) {
      case "euclidean" -> 1 / (1 + distance(a, b));
      case "cosine" -> 1 / (1 + 1 - dot / Math.sqrt(aa * bb));
      default -> dot;
    };
  }
}
