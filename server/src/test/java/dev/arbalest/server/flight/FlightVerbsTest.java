// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.TestServer;
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
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Every verb of Arrow Flight, as clients of the protocol send them. */
@SuppressWarnings("try") // closing may be interrupted
class FlightVerbsTest extends FlightTestCase {
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
