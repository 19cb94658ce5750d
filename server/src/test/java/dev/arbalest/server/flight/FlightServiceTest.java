// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.TestServer;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.AsyncPutListener;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.Result;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Every verb of the Flight contract over a real socket. */
@SuppressWarnings("try") // closing a stream may be interrupted
class FlightServiceTest extends FlightTestCase {

  @Test
  void whatWasPutIsFoundFetchedAndDeleted() throws Exception {
    List<JsonNode> replies = put("things", schema(DIMENSION, INT64, NAME, RANK), 0, 100, 1, 199);
    assertThat(replies).hasSize(3);
    assertThat(replies.stream().mapToInt(reply -> reply.path("rows").asInt()).sum()).isEqualTo(300);
    assertThat(replies).allMatch(reply -> reply.path("status").asString().equals("ok"));

    FlightInfo info = client.getInfo(FlightDescriptor.path("things"));
    assertThat(info.getRecords()).isEqualTo(300);
    long attributes = 0;
    for (String file : List.of("attributes.db", "attributes.db-wal")) {
      attributes += Files.size(data.resolve("collections/things").resolve(file));
    }
    assertThat(info.getBytes()).isEqualTo(300 * 4 * DIMENSION + attributes);
    assertThat(info.getSchemaOptional().orElseThrow().getFields().stream().map(Field::getName))
        .containsExactly("id", "vector", "name", "rank");
    List<String> listed = new ArrayList<>();
    client
        .listFlights(
            new Criteria(
                "{\"filters\":[{\"field\":\"rows\",\"op\":\">\",\"value\":299}]}"
                    .getBytes(StandardCharsets.UTF_8)))
        .forEach(each -> listed.add(each.getDescriptor().getPath().getFirst()));
    assertThat(listed).containsExactly("things");

    // All of it, by the ticket of the information, and a part.
    assertThat(
            fetch(
                new String(
                    info.getEndpoints().getFirst().getTicket().getBytes(), StandardCharsets.UTF_8)))
        .hasSize(300);
    List<Long> some =
        fetch(
            "{\"name\":\"things\",\"limit\":7,\"filters\":[{\"field\":\"name\",\"operator\":\"==\","
                + "\"value\":\"n3\"},{\"field\":\"rank\",\"op\":\"ge\",\"value\":\"50\"}]}");
    assertThat(some).containsExactly(53L, 63L, 73L, 83L, 93L, 103L, 113L);

    float[] query = vector(1000);
    List<Long> expected = new ArrayList<>();
    for (long id = 3; id < 300; id += 10) {
      expected.add(id);
    }
    expected.sort(java.util.Comparator.comparingDouble(id -> distance(vector(id), query)));
    String search =
        "\"dataset\":\"things\",\"vector\":%s,\"k\":4,\"list\":300,\"include_vectors\":true,"
            + "\"return_distance\":true,\"explain\":true,"
            + "\"filters\":[{\"field\":\"name\",\"operator\":\"eq\",\"value\":\"n3\"}]";
    try (FlightStream stream =
        client.getStream(ticket("{\"search\":{" + search.formatted(array(query)) + "}}"))) {
      assertThat(stream.next()).isTrue();
      JsonNode explained = JsonBody.JSON.readTree(bytes(stream));
      assertThat(explained.path("scored").asInt()).isPositive();
      assertHits(stream.getRoot(), query, expected.subList(0, 4));
      assertThat(stream.next()).isFalse();
    }
    Result result =
        client
            .doAction(
                new Action(
                    "VectorSearch",
                    ("{" + search.formatted(array(query)) + "}").getBytes(StandardCharsets.UTF_8)))
            .next();
    try (ArrowStreamReader reader =
        new ArrowStreamReader(new ByteArrayInputStream(result.getBody()), allocator)) {
      assertThat(reader.loadNextBatch()).isTrue();
      assertHits(reader.getVectorSchemaRoot(), query, expected.subList(0, 4));
    }
    JsonNode byId =
        act(
            "VectorSearchByID",
            "{\"dataset\":\"things\",\"id\":17,\"k\":1,\"return_distance\":true}");
    assertThat(byId.toString()).isEqualTo("{\"ids\":[17],\"scores\":[1.0],\"distances\":[0.0]}");

    assertThat(act("delete", "{\"dataset\":\"things\",\"id\":17}").path("deleted").asInt())
        .isEqualTo(1);
    assertThat(fetch("things")).hasSize(299).doesNotContain(17L);
    assertThat(act("stats", "{}").path("collections").get(0).path("rows").asInt()).isEqualTo(299);
    assertThat(act("check_readiness", "{\"dataset\":\"things\"}").path("status").asString())
        .isEqualTo("READY");
    assertThat(act("check_readiness", "{\"dataset\":\"no\"}").path("status").asString())
        .isEqualTo("NOT_FOUND");
    assertThat(act("ForceSnapshot", "{}").path("status").asString()).isEqualTo("ok");
    assertThat(act("compact", "{\"dataset\":\"things\"}").path("status").asString())
        .isEqualTo("ok");
    assertThat(act("CreateNamespace", "{\"name\":\"team\"}").path("status").asString())
        .isEqualTo("created");
    put("team/more", schema(DIMENSION, ArrowType.Utf8.INSTANCE), 0, 5);
    assertThat(act("ListNamespaces", "{}").path("namespaces").toString()).isEqualTo("[\"team\"]");
    try (FlightStream stream =
        client.getStream(
            ticket(
                "{\"search\":{\"dataset\":\"team/more\",\"vector\":%s,\"k\":1}}"
                    .formatted(array(vector(3)))))) {
      assertThat(stream.next()).isTrue();
      VarCharVector texts = (VarCharVector) stream.getRoot().getVector("id_str");
      assertThat(new String(texts.get(0), StandardCharsets.UTF_8)).isEqualTo("id-3");
    }
    act("DeleteNamespace", "{\"name\":\"team\"}");
    act("delete-dataset", "{\"dataset\":\"things\"}");
    assertThat(server.server().collections().list()).isEmpty();
  }

  private static void assertHits(VectorSchemaRoot root, float[] query, List<Long> expected) {
    assertThat(root.getRowCount()).isEqualTo(expected.size());
    for (int row = 0; row < expected.size(); row++) {
      long id = ((UInt8Vector) root.getVector("id")).get(row);
      double exact = distance(vector(id), query);
      assertThat(id).isEqualTo(expected.get(row));
      assertThat((double) ((Float4Vector) root.getVector("distance")).get(row))
          .isCloseTo(exact, within(1e-4));
      assertThat((double) ((Float4Vector) root.getVector("score")).get(row))
          .isCloseTo(1 / (1 + exact), within(1e-4));
      byte[] stored = ((VarBinaryVector) root.getVector("vector")).get(row);
      assertThat(
              java.nio.ByteBuffer.wrap(stored).order(java.nio.ByteOrder.LITTLE_ENDIAN).getFloat())
          .isEqualTo(vector(id)[0]);
    }
  }

  @Test
  void batchesOfAnySizeAreAcknowledgedOneByOne() throws Exception {
    int[] sizes = new int[300];
    java.util.Arrays.fill(sizes, 1);
    sizes[100] = 5000;
    List<JsonNode> replies = put("many", schema(DIMENSION, INT64, NAME, RANK), 0, sizes);
    assertThat(replies).hasSize(300);
    assertThat(replies.get(100).path("rows").asInt()).isEqualTo(5000);
    assertThat(replies.stream().mapToInt(reply -> reply.path("rows").asInt()).sum())
        .isEqualTo(5299);
    assertThat(fetch("many")).hasSize(5299);
  }

  @Test
  void whoWaitsForAnAnswerIsToldOfFailures() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 5);
    try (VectorSchemaRoot root =
            VectorSchemaRoot.create(schema(DIMENSION, ArrowType.Utf8.INSTANCE), allocator);
        FlightClient.ExchangeReaderWriter exchange =
            client.doExchange(FlightDescriptor.path("ingest", "things"))) {
      exchange.getWriter().start(root);
      fill(root, 0, 3);
      exchange.getWriter().putNext(); // and waits, as clients do
      assertFails(
          FlightStatusCode.INVALID_ARGUMENT,
          "ids are numbers",
          () -> assertThat(exchange.getReader().next()).isFalse());
    }
    assertThat(client.getInfo(FlightDescriptor.path("things")).getRecords()).isEqualTo(5);
  }

  @Test
  void exchangesAnswerEveryRow() throws Exception {
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema(DIMENSION, INT64), allocator);
        FlightClient.ExchangeReaderWriter exchange =
            client.doExchange(FlightDescriptor.path("ingest", "live"))) {
      exchange.getWriter().start(root);
      for (int batch = 0; batch < 3; batch++) {
        fill(root, 40L * batch, 40);
        exchange.getWriter().putNext();
        assertThat(exchange.getReader().next()).isTrue();
        JsonNode reply = JsonBody.JSON.readTree(bytes(exchange.getReader()));
        assertThat(reply.path("status").asString()).isEqualTo("acked");
        assertThat(reply.path("batch_id").asInt()).isEqualTo(batch);
        assertThat(reply.path("rows").asInt()).isEqualTo(40);
      }
      exchange.getWriter().completed();
      assertThat(exchange.getReader().next()).isFalse();
    }
    Schema queries =
        new Schema(
            List.of(
                Field.nullable("dataset", ArrowType.Utf8.INSTANCE),
                Field.nullable("k", new ArrowType.Int(32, true)),
                new Field(
                    "query_vector",
                    FieldType.nullable(new ArrowType.FixedSizeList(DIMENSION)),
                    List.of(
                        Field.nullable(
                            "item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE))))));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(queries, allocator);
        FlightClient.ExchangeReaderWriter exchange =
            client.doExchange(
                FlightDescriptor.command("VectorSearch".getBytes(StandardCharsets.UTF_8)))) {
      exchange.getWriter().start(root);
      root.allocateNew();
      FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("query_vector");
      for (int row = 0; row < 10; row++) {
        ((VarCharVector) root.getVector("dataset"))
            .setSafe(row, "live".getBytes(StandardCharsets.UTF_8));
        ((IntVector) root.getVector("k")).setSafe(row, 2);
        float[] vector = vector(11L * row);
        for (int i = 0; i < DIMENSION; i++) {
          ((Float4Vector) vectors.getDataVector()).setSafe(row * DIMENSION + i, vector[i]);
        }
        vectors.setNotNull(row);
      }
      root.setRowCount(10);
      exchange.getWriter().putNext();
      exchange.getWriter().completed();
      for (int row = 0; row < 10; row++) {
        assertThat(exchange.getReader().next()).isTrue();
        VectorSchemaRoot reply = exchange.getReader().getRoot();
        assertThat(reply.getRowCount()).isEqualTo(2);
        assertThat(((UInt8Vector) reply.getVector("id")).get(0)).isEqualTo(11L * row);
      }
      assertThat(exchange.getReader().next()).isFalse();
    }
  }

  @Test
  void badRequestsAreRefusedWithTheirStatus() throws Exception {
    put("things", schema(DIMENSION, INT64, NAME, RANK), 0, 20);
    FlightStatusCode invalid = FlightStatusCode.INVALID_ARGUMENT;
    assertFails(
        invalid,
        "dimension mismatch: expected 8, got 4",
        () -> put("things", schema(4, INT64), 0, 5));
    assertFails(
        invalid,
        "ids are numbers",
        () -> put("things", schema(DIMENSION, ArrowType.Utf8.INSTANCE), 0, 5));
    assertFails(
        invalid,
        "schema mismatch: column rank",
        () ->
            put(
                "things",
                schema(DIMENSION, INT64, NAME, Field.nullable("rank", ArrowType.Utf8.INSTANCE)),
                0,
                1));
    assertFails(
        invalid,
        "missing flight descriptor path",
        () -> client.getInfo(FlightDescriptor.command(new byte[] {1})));
    assertFails(
        FlightStatusCode.NOT_FOUND,
        "collection no not found",
        () -> client.getInfo(FlightDescriptor.path("no")));
    assertFails(FlightStatusCode.NOT_FOUND, "collection no not found", () -> fetch("no"));
    String search = "{\"search\":{\"dataset\":\"things\",\"vector\":%s%s}}";
    assertFails(
        invalid, "k must be at least 1", () -> fetch(search.formatted(array(vector(1)), "")));
    assertFails(
        invalid, "no query vector provided", () -> fetch(search.formatted("[]", ",\"k\":3")));
    assertFails(
        invalid,
        "dimension mismatch: expected 8, got 2",
        () -> fetch(search.formatted("[1,2]", ",\"k\":3")));
    assertFails(
        invalid,
        "operator must be",
        () ->
            fetch(
                search.formatted(
                    array(vector(1)),
                    ",\"k\":3,\"filters\":[{\"field\":\"a\",\"op\":\"like\",\"value\":1}]")));
    assertFails(invalid, "no JSON", () -> fetch("{\"search\":"));
    assertFails(FlightStatusCode.UNIMPLEMENTED, "unknown action dance", () -> act("dance", "{}"));
    assertFails(FlightStatusCode.UNIMPLEMENTED, "unknown action sing", () -> act("sing", "x"));
    assertFails(
        FlightStatusCode.NOT_FOUND,
        "id 99 not found",
        () -> act("VectorSearchByID", "{\"dataset\":\"things\",\"id\":99,\"k\":1}"));
    assertFails(
        FlightStatusCode.ALREADY_EXISTS,
        "already exists",
        () -> act("create", "{\"dataset\":\"things\",\"dimension\":4}"));
    assertThat(fetch("things")).hasSize(20);
  }

  @Test
  @SuppressWarnings("MustBeClosedChecker") // closed after the test
  void oversizedBatchesAreRefused() throws Exception {
    client.close();
    server.close();
    server =
        TestServer.start(data, options -> options.requestBytes(1 << 16).flightBatchBytes(1 << 20));
    client = connect(server.server().flightPort());
    put("things", schema(DIMENSION, INT64), 0, 3000); // more than a body over HTTP may have
    assertFails(
        FlightStatusCode.INVALID_ARGUMENT,
        "a batch has at most 1048576 bytes",
        () -> put("things", schema(DIMENSION, INT64), 3000, 50_000));
    assertThat(client.getInfo(FlightDescriptor.path("things")).getRecords()).isEqualTo(3000);
  }

  @Test
  void rowsThatCannotBeIndexedAreToldOneByOne() throws Exception {
    List<String> replies = new ArrayList<>();
    try (VectorSchemaRoot root =
        VectorSchemaRoot.create(schema(DIMENSION, INT64, NAME, RANK), allocator)) {
      AsyncPutListener listener =
          new AsyncPutListener() {
            @Override
            public void onNext(PutResult result) {
              byte[] bytes = new byte[(int) result.getApplicationMetadata().readableBytes()];
              result.getApplicationMetadata().getBytes(0, bytes);
              replies.add(new String(bytes, StandardCharsets.UTF_8));
            }
          };
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path("rows"), root, listener);
      fill(root, 0, 10);
      FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
      Float4Vector items = (Float4Vector) vectors.getDataVector();
      items.setSafe(3 * DIMENSION + 2, Float.NaN);
      items.setSafe(5 * DIMENSION, Float.POSITIVE_INFINITY);
      vectors.setNull(7);
      root.getVector("id").setNull(8);
      stream.putNext();
      stream.completed();
      listener.getResult();
    }
    assertThat(replies).hasSize(1);
    JsonNode reply = JsonBody.JSON.readTree(replies.getFirst());
    assertThat(reply.path("rows").asInt()).isEqualTo(6);
    List<Integer> rows = new ArrayList<>();
    reply.path("rejected").forEach(one -> rows.add(one.path("row").asInt()));
    assertThat(rows).containsExactly(3, 5, 7, 8);
    assertThat(reply.path("rejected").get(0).path("reason").asString()).contains("NaN");
    assertThat(fetch("rows")).containsExactly(0L, 1L, 2L, 4L, 6L, 9L);
  }
}
