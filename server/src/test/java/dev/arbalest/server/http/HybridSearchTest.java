// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Words and vectors in one query. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class HybridSearchTest {
  private static final int POINTS = 120;
  private static final String PATH = "/collections/documents";
  private static final String QUERY = PATH + "/points/query";
  private static final List<String> COLORS = List.of("red", "green", "blue", "white");
  private static final List<String> ANIMALS = List.of("fox", "hen", "cow", "owl", "bee", "ant");

  @TempDir private Path data;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(data);
    done("PUT", PATH, "{\"vectors\":{\"size\":2,\"distance\":\"Cosine\"}}");
    index("body");
    done("PUT", PATH + "/points", points());
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  private static String body(int id) {
    return "The %s %s, the %s one, met %d."
        .formatted(COLORS.get(id % 4), ANIMALS.get(id % 6), COLORS.get(id * 7 % 4), id);
  }

  private static double angle(int id) {
    return 3 * Math.PI / 2 * id / POINTS;
  }

  private static String points() {
    return IntStream.range(0, POINTS)
        .mapToObj(id ->
            "{\"id\":%d,\"vector\":[%s,%s],\"payload\":{\"body\":\"%s\",\"title\":\"t%d\"}}"
                .formatted(id, Math.cos(angle(id)), Math.sin(angle(id)), body(id), id % 3))
        .collect(Collectors.joining(",", "{\"points\":[", "]}"));
  }

  private JsonNode done(String method, String path, String body) throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s %s: %s", method, body, answer.body()).isEqualTo(200);
    return answer.result();
  }

  private void index(String field) throws Exception {
    done(
        "PUT",
        PATH + "/index",
        "{\"field_name\":\"%s\",\"field_schema\":\"text\"}".formatted(field));
  }

  private List<Integer> query(String body) throws Exception {
    List<Integer> ids = new ArrayList<>();
    done("POST", QUERY, body).path("points").forEach(hit -> ids.add(hit.path("id").asInt()));
    return ids;
  }

  private void refused(String message, String body) throws Exception {
    TestServer.Answer answer = server.call("POST", QUERY, body);
    assertThat(answer.status()).as("%s: %s", body, answer.body()).isEqualTo(400);
    assertThat(answer.error()).contains(message);
  }

  @Test
  void wordsRankPointsInEveryFormClientsSend() throws Exception {
    List<Integer> owls =
        IntStream.range(0, POINTS).filter(id -> body(id).contains("owl")).boxed().toList();
    List<Integer> found = query("{\"query\":\"an OWL\",\"using\":\"bm25\",\"limit\":100}");
    assertThat(found).containsExactlyInAnyOrderElementsOf(owls);
    for (String form :
        List.of(
            "{\"text\":\"an OWL\",\"model\":\"qdrant/bm25\"}",
            "{\"text\":\"an OWL\"}",
            "{\"nearest\":\"an OWL\"}",
            "{\"nearest\":{\"text\":\"an OWL\",\"model\":\"Qdrant/bm25\"}}")) {
      assertThat(query("{\"query\":%s,\"using\":\"bm25\",\"limit\":100}".formatted(form)))
          .as(form)
          .isEqualTo(found);
    }
    assertThat(query("{\"query\":\"owl\",\"using\":\"bm25:body\",\"limit\":5}"))
        .isEqualTo(found.subList(0, 5));
    assertThat(query("{\"query\":\"owl\",\"using\":\"bm25\",\"limit\":5,\"offset\":3}"))
        .isEqualTo(found.subList(3, 8));
    assertThat(query("{\"query\":\"77\",\"using\":\"bm25\"}")).containsExactly(77);
    assertThat(query("{\"query\":\"nowhere\",\"using\":\"bm25\"}")).isEmpty();
    assertThat(
            query(
                "{\"query\":\"owl\",\"using\":\"bm25\",\"limit\":100,\"filter\":{\"must\":["
                    + "{\"key\":\"title\",\"match\":{\"value\":\"t0\"}}]}}"))
        .isEqualTo(found.stream().filter(id -> id % 3 == 0).toList());
    JsonNode hits =
        done("POST", QUERY, "{\"query\":\"white owl\",\"using\":\"bm25\"}").path("points");
    double best = hits.get(0).path("score").asDouble();
    assertThat(best).isPositive();
    assertThat(
            query(
                "{\"query\":\"white owl\",\"using\":\"bm25\",\"limit\":100,\"score_threshold\":%s}"
                    .formatted(best)))
        .isNotEmpty()
        .allSatisfy(id -> assertThat(body(id)).contains("owl").contains("white"));
  }

  @Test
  void wordsAndVectorsAreFused() throws Exception {
    List<Integer> words = query("{\"query\":\"white owl\",\"using\":\"bm25\",\"limit\":30}");
    List<Integer> vectors = query("{\"query\":[1,0.4],\"limit\":30}");
    Map<Integer, Double> sums = new HashMap<>();
    for (List<Integer> ranking : List.of(words, vectors)) {
      for (int rank = 0; rank < ranking.size(); rank++) {
        sums.merge(ranking.get(rank), 1.0 / (rank + 2), Double::sum);
      }
    }
    JsonNode fused =
        done(
                "POST",
                QUERY,
                "{\"prefetch\":[{\"query\":\"white owl\",\"using\":\"bm25\",\"limit\":30},"
                    + "{\"query\":[1,0.4],\"limit\":30}],"
                    + "\"query\":{\"fusion\":\"rrf\"},\"limit\":20}")
            .path("points");
    List<Double> expected =
        sums.values().stream().sorted(Comparator.reverseOrder()).limit(20).toList();
    for (int i = 0; i < 20; i++) {
      double score = fused.get(i).path("score").asDouble();
      assertThat(score).isEqualTo(expected.get(i), within(1e-6));
      assertThat(sums.get(fused.get(i).path("id").asInt())).isEqualTo(score, within(1e-6));
    }
    assertThat(
            query(
                "{\"prefetch\":{\"query\":[1,0.4],\"limit\":30},\"query\":\"white owl\","
                    + "\"using\":\"bm25\",\"limit\":30}"))
        .as("the nearest, ranked by their words")
        .isEqualTo(
            query("{\"query\":\"white owl\",\"using\":\"bm25\",\"limit\":120}").stream()
                .filter(vectors::contains)
                .toList());
  }

  @Test
  void writesAreRankedAtOnce() throws Exception {
    done("POST", PATH + "/points/delete", "{\"points\":[77]}");
    assertThat(query("{\"query\":\"77\",\"using\":\"bm25\"}")).isEmpty();
    done("PUT", PATH + "/points/payload", "{\"points\":[5],\"payload\":{\"body\":\"zebra\"}}");
    assertThat(query("{\"query\":\"zebra\",\"using\":\"bm25\"}")).containsExactly(5);
    assertThat(query("{\"query\":\"met 5\",\"using\":\"bm25\",\"limit\":120}")).doesNotContain(5);
    done("POST", PATH + "/points/payload/clear", "{\"points\":[5]}");
    assertThat(query("{\"query\":\"zebra\",\"using\":\"bm25\"}")).isEmpty();
    server.close();
    server = TestServer.start(data);
    assertThat(query("{\"query\":\"42\",\"using\":\"bm25\"}")).containsExactly(42);
    assertThat(query("{\"query\":\"77\",\"using\":\"bm25\"}")).isEmpty();
  }

  @Test
  void formsOfAWordAreOneWithAStemmer() throws Exception {
    assertThat(query("{\"query\":\"foxes meeting\",\"using\":\"bm25\"}")).isEmpty();
    String schema =
        "{\"type\":\"text\",\"stemmer\":{\"type\":\"snowball\",\"language\":\"english\"},"
            + "\"stopwords\":{\"languages\":[\"english\"],\"custom\":[\"met\"]}}";
    String index = "{\"field_name\":\"body\",\"field_schema\":%s}".formatted(schema);
    done("PUT", PATH + "/index", index);
    assertThat(query("{\"query\":\"foxes meeting\",\"using\":\"bm25\"}")).isNotEmpty();
    assertThat(query("{\"query\":\"the met\",\"using\":\"bm25\"}")).isEmpty();
    JsonNode params = done("GET", PATH, "").path("payload_schema").path("body").path("params");
    assertThat(params.path("stemmer").path("language").asString()).isEqualTo("english");
    String wrong =
        index.replace("snowball\",\"language\":\"english", "snowball\",\"language\":\"x");
    TestServer.Answer answer = server.call("PUT", PATH + "/index", wrong);
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.error()).contains("english").contains("\"x\"");
  }

  @Test
  void whatIsNoQueryByWordsIsRefused() throws Exception {
    refused("takes words", "{\"query\":[1,2],\"using\":\"bm25\"}");
    refused("takes words", "{\"query\":5,\"using\":\"bm25\"}");
    refused("takes words", "{\"using\":\"bm25\"}");
    refused("takes words", "{\"vector\":[1,2],\"using\":\"bm25\"}");
    refused("\"mmr\"", "{\"query\":{\"nearest\":\"x\",\"mmr\":{}},\"using\":\"bm25\"}");
    refused("\"options\"", "{\"query\":{\"text\":\"x\",\"options\":{}},\"using\":\"bm25\"}");
    refused("no model", "{\"query\":{\"text\":\"x\",\"model\":\"clip\"},\"using\":\"bm25\"}");
    refused("bm26", "{\"query\":\"x\",\"using\":\"bm26\"}");
    refused("bm25", "{\"query\":{\"nearest\":{\"text\":\"x\"}}}");
    refused("\"title\" is missing", "{\"query\":\"x\",\"using\":\"bm25:title\"}");
    refused(
        "lookup_from",
        "{\"query\":\"x\",\"using\":\"bm25\",\"lookup_from\":{\"collection\":\"documents\"}}");
    index("title");
    refused("name one of body, title", "{\"query\":\"x\",\"using\":\"bm25\"}");
    assertThat(query("{\"query\":\"t2\",\"using\":\"bm25:title\",\"limit\":100}")).hasSize(40);
  }
}
