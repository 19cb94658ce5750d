// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Every query over HTTP, compared with a straightforward model of what it should find. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class QueryVerbsTest extends ThingsTest {
  private double distance(float x, float y, int id) {
    return Math.hypot(vectors[id][0] - x, vectors[id][1] - y);
  }

  private List<Integer> nearest(float x, float y, int limit) {
    return IntStream.range(0, POINTS)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer id) -> distance(x, y, id)))
        .limit(limit)
        .toList();
  }

  @Test
  void pointsAreFoundByVectorAndById() throws Exception {
    assertThat(query("{\"query\":[0.1,0.2],\"limit\":7}")).isEqualTo(nearest(0.1f, 0.2f, 7));
    List<Integer> like = new ArrayList<>(nearest(vectors[5][0], vectors[5][1], 8));
    like.remove(Integer.valueOf(5));
    assertThat(query("{\"query\":5,\"limit\":7}")).isEqualTo(like);
    assertThat(query("{\"query\":{\"nearest\":5},\"limit\":4,\"offset\":3}"))
        .isEqualTo(like.subList(3, 7));
    assertThat(query("{\"limit\":3,\"offset\":4}")).containsExactly(4, 5, 6);
    assertThat(query("{\"query\":[0.1,0.2],\"top\":4}")).isEqualTo(nearest(0.1f, 0.2f, 4));
    refused(404, "point 999", QUERY, "{\"query\":999}");
    refused(400, "dimension mismatch", QUERY, "{\"query\":[1]}");
    for (String unknown : List.of("discover", "context", "formula", "relevance_feedback")) {
      refused(501, unknown, QUERY, "{\"query\":{\"%s\":{}}}".formatted(unknown));
    }
    refused(400, "\"nonsense\"", QUERY, "{\"query\":[1,2],\"nonsense\":1}");
    refused(400, "\"nonsense\"", QUERY, "{\"query\":{\"nonsense\":1}}");
    refused(400, "idf", QUERY, "{\"query\":[1,2],\"params\":{\"idf\":\"global\"}}");
    refused(400, "is dense", QUERY, "{\"query\":{\"nearest\":[[1,2]]}}");
    refused(400, "is dense", QUERY, "{\"query\":{\"nearest\":{\"indices\":[1],\"values\":[1]}}}");
    refused(
        400,
        "embedding model",
        QUERY,
        "{\"query\":{\"text\":\"a\",\"model\":\"b\"}}"
            .replace("{\"text\"", "{\"nearest\":{\"text\"")
            .replace("\"b\"}", "\"b\"}}"));
    refused(400, "shard", QUERY, "{\"query\":[1,2],\"shard_key\":\"a\"}");
    assertThat(query("{\"query\":[0.1,0.2],\"limit\":2,\"shard_key\":null,\"nothing\":null}"))
        .isEqualTo(nearest(0.1f, 0.2f, 2));
  }

  @Test
  void examplesMayBeOfAnotherCollection() throws Exception {
    done("PUT", "/collections/other", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    done("PUT", "/collections/other/points", "{\"points\":[{\"id\":5,\"vector\":[0.5,0.5]}]}");
    assertThat(query("{\"query\":5,\"limit\":6,\"lookup_from\":{\"collection\":\"other\"}}"))
        .isEqualTo(nearest(0.5f, 0.5f, 6));
    refused(404, "none", QUERY, "{\"query\":5,\"lookup_from\":{\"collection\":\"none\"}}");
  }

  @Test
  void recommendationsFollowTheirStrategies() throws Exception {
    float x = 2 * (vectors[1][0] + vectors[2][0]) / 2 - vectors[3][0];
    float y = 2 * (vectors[1][1] + vectors[2][1]) / 2 - vectors[3][1];
    List<Integer> average = new ArrayList<>(nearest(x, y, 13));
    average.removeAll(List.of(1, 2, 3));
    String examples = "\"positive\":[1,2],\"negative\":[3]";
    assertThat(query("{\"query\":{\"recommend\":{%s}},\"limit\":10}".formatted(examples)))
        .isEqualTo(average.subList(0, 10));
    assertThat(
            ids(done("POST", PATH + "/points/recommend", "{%s,\"limit\":10}".formatted(examples))))
        .isEqualTo(average.subList(0, 10));
    for (String strategy : List.of("best_score", "sum_scores")) {
      Map<Integer, Double> scores = new HashMap<>();
      for (int id = 0; id < POINTS; id++) {
        double one = -square(vectors[id], vectors[1]);
        double two = -square(vectors[id], vectors[2]);
        double against = -square(vectors[id], vectors[3]);
        double best = Math.max(one, two);
        double sigmoid = best > against ? sigmoid(best) : -sigmoid(against);
        scores.put(id, strategy.equals("best_score") ? sigmoid : one + two - against);
      }
      List<Integer> expected =
          IntStream.range(0, POINTS)
              .boxed()
              .filter(id -> id < 1 || id > 3)
              .sorted(Comparator.comparingDouble((Integer id) -> -scores.getOrDefault(id, 0.0)))
              .limit(10)
              .toList();
      assertThat(
              query(
                  "{\"query\":{\"recommend\":{%s,\"strategy\":\"%s\"}},\"limit\":10}"
                      .formatted(examples, strategy)))
          .as(strategy)
          .isEqualTo(expected);
    }
    refused(400, "positive", QUERY, "{\"query\":{\"recommend\":{\"negative\":[3]}}}");
    String many = IntStream.range(0, 1001).mapToObj(i -> "1").collect(Collectors.joining(","));
    refused(400, "1000", QUERY, "{\"query\":{\"recommend\":{\"positive\":[%s]}}}".formatted(many));
    refused(
        400,
        "strategy",
        QUERY,
        "{\"query\":{\"recommend\":{%s,\"strategy\":\"x\"}}}".formatted(examples));
  }

  private static double square(float[] a, float[] b) {
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
  }

  private static double sigmoid(double x) {
    return 0.5 * (1 + x / (1 + Math.abs(x)));
  }

  @Test
  void rankingsAreFused() throws Exception {
    String prefetch =
        "\"prefetch\":[{\"query\":[0.1,0.2],\"limit\":20},{\"query\":[0.3,0.1],\"limit\":20}]";
    List<List<Integer>> rankings = List.of(nearest(0.1f, 0.2f, 20), nearest(0.3f, 0.1f, 20));
    Map<Integer, Double> scores = new HashMap<>();
    for (List<Integer> ranking : rankings) {
      for (int rank = 0; rank < ranking.size(); rank++) {
        scores.merge(ranking.get(rank), 1.0 / (rank + 2), Double::sum);
      }
    }
    JsonNode hits =
        done("POST", QUERY, "{%s,\"query\":{\"fusion\":\"rrf\"},\"limit\":10}".formatted(prefetch))
            .path("points");
    double last = Double.POSITIVE_INFINITY;
    for (JsonNode hit : hits) {
      double score = hit.path("score").asDouble();
      assertThat(score)
          .isLessThanOrEqualTo(last)
          .isCloseTo(scores.get(hit.path("id").asInt()), within(1e-6));
      last = score;
    }
    assertThat(last)
        .isCloseTo(
            scores.values().stream().sorted(Comparator.reverseOrder()).skip(9).findFirst().get(),
            within(1e-6));
    assertThat(
            query(
                    "{%s,\"query\":{\"rrf\":{\"k\":60,\"weights\":[1,0]}},\"limit\":20}"
                        .formatted(prefetch))
                .subList(0, 20))
        .isEqualTo(rankings.get(0));
    refused(400, "weight", QUERY, "{%s,\"query\":{\"rrf\":{\"weights\":[1]}}}".formatted(prefetch));
    refused(400, "prefetch", QUERY, "{\"query\":{\"fusion\":\"rrf\"}}");
    refused(400, "prefetch", QUERY, "{%s}".formatted(prefetch));
    JsonNode scaled =
        done("POST", QUERY, "{%s,\"query\":{\"fusion\":\"dbsf\"},\"limit\":40}".formatted(prefetch))
            .path("points");
    assertThat(scaled.size()).isEqualTo(scores.size());
    // Distances: the smaller the better.
    Map<Integer, Double> sums = new HashMap<>();
    addScaled(rankings.get(0), 0.1f, 0.2f, sums);
    addScaled(rankings.get(1), 0.3f, 0.1f, sums);
    for (JsonNode hit : scaled) {
      assertThat(hit.path("score").asDouble())
          .isCloseTo(sums.getOrDefault(hit.path("id").asInt(), 0.0), within(1e-4));
    }
    assertThat(scaled.get(0).path("score").asDouble())
        .isCloseTo(
            sums.values().stream().max(Comparator.naturalOrder()).orElseThrow(), within(1e-4));
    // A stage ranks again what the stages before it found, and filters hold for all stages.
    List<Integer> again = new ArrayList<>(rankings.get(0));
    again.sort(Comparator.comparingDouble((Integer id) -> distance(0.9f, 0.9f, id)));
    assertThat(
            query(
                "{\"prefetch\":{\"query\":[0.1,0.2],\"limit\":20},\"query\":[0.9,0.9],"
                    + "\"limit\":5}"))
        .isEqualTo(again.subList(0, 5));
    List<Integer> filtered =
        query(
            "{%s,\"query\":{\"fusion\":\"rrf\"},\"limit\":40,\"filter\":{\"must\":"
                    .formatted(prefetch)
                + "{\"key\":\"group\",\"match\":{\"value\":\"g3\"}}}}");
    assertThat(filtered).isNotEmpty().allMatch(id -> id % 7 == 3);
    assertThat(filtered.size()).isGreaterThan(20); // 29 points have it: the stages looked for them
  }

  /** Adds scores of a ranking by distance, scaled by its mean and deviation. */
  private void addScaled(List<Integer> ranking, float x, float y, Map<Integer, Double> sums) {
    double[] scores = ranking.stream().mapToDouble(id -> -distance(x, y, id)).toArray();
    double mean = java.util.Arrays.stream(scores).average().orElse(0);
    double squares = java.util.Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).sum();
    double deviation = Math.sqrt(squares / (scores.length - 1));
    for (int i = 0; i < scores.length; i++) {
      sums.merge(ranking.get(i), (scores[i] - mean + 3 * deviation) / (6 * deviation), Double::sum);
    }
  }

  private static org.assertj.core.data.Offset<Double> within(double range) {
    return org.assertj.core.data.Offset.offset(range);
  }

  @Test
  void diversePointsAreChosen() throws Exception {
    String body =
        "{\"query\":{\"nearest\":[0.1,0.2],\"mmr\":{\"diversity\":%s,"
            + "\"candidates_limit\":%d}},\"limit\":%d}";
    assertThat(query(body.formatted("0.0", 50, 10))).isEqualTo(nearest(0.1f, 0.2f, 10));
    List<Integer> candidates = nearest(0.1f, 0.2f, 50);
    List<Integer> chosen = new ArrayList<>(List.of(candidates.getFirst()));
    while (chosen.size() < 5) {
      chosen.add(
          candidates.stream()
              .filter(id -> !chosen.contains(id))
              .max(Comparator.comparingDouble(id -> value(id, chosen)))
              .get());
    }
    assertThat(query(body.formatted("0.5", 50, 5))).isEqualTo(chosen);
    refused(400, "diversity", QUERY, body.formatted("1.5", 50, 5));
  }

  private double value(int id, List<Integer> chosen) {
    double near = -Math.pow(distance(0.1f, 0.2f, id), 2);
    double alike =
        chosen.stream().mapToDouble(other -> -square(vectors[id], vectors[other])).max().orElse(0);
    return 0.5 * near - 0.5 * alike;
  }

  @Test
  void pointsComeInTheOrderOfAField() throws Exception {
    String scroll = PATH + "/points/scroll";
    refused(400, "index", scroll, "{\"order_by\":\"n\"}");
    done("PUT", PATH + "/index", "{\"field_name\":\"n\",\"field_type\":\"integer\"}");
    done("PUT", PATH + "/index", "{\"field_name\":\"at\",\"field_schema\":\"datetime\"}");
    JsonNode points = done("POST", scroll, "{\"order_by\":\"n\",\"limit\":9}").path("points");
    assertThat(ids(points)).containsExactly(0, 50, 100, 150, 1, 51, 101, 151, 2);
    assertThat(points.get(4).path("order_value").asInt()).isEqualTo(1);
    assertThat(
            query(
                "{\"query\":{\"order_by\":{\"key\":\"n\",\"direction\":\"desc\",\"start_from\":40}},"
                    + "\"limit\":5}"))
        .containsExactly(40, 90, 140, 190, 39);
    assertThat(
            query(
                "{\"query\":{\"order_by\":{\"key\":\"at\",\"start_from\":\"%s\"}},\"limit\":2}"
                    .formatted(moment(17))))
        .containsExactly(17, 18);
    // Microseconds are told apart by filters, with an index and without.
    String range =
        "{\"filter\":{\"must\":{\"key\":\"at\",\"range\":{\"gt\":\"%s\",\"lte\":\"%s\"}}}}"
            .formatted(moment(17), moment(20));
    assertThat(ids(done("POST", scroll, range).path("points"))).containsExactly(18, 19, 20);
    done("DELETE", PATH + "/index/at", "");
    assertThat(ids(done("POST", scroll, range).path("points"))).containsExactly(18, 19, 20);
    refused(400, "start_from", scroll, "{\"order_by\":{\"key\":\"n\"},\"offset\":3}");
  }

  @Test
  void groupsHaveTheBestOfEachValue() throws Exception {
    JsonNode groups =
        done(
                "POST",
                QUERY + "/groups",
                "{\"query\":[0.1,0.2],\"group_by\":\"group\",\"limit\":4,\"group_size\":3}")
            .path("groups");
    Map<String, List<Integer>> expected = new java.util.LinkedHashMap<>();
    for (int id : nearest(0.1f, 0.2f, POINTS)) {
      String group = "g" + id % 7;
      if (expected.size() < 4 || expected.containsKey(group)) {
        List<Integer> hits = expected.computeIfAbsent(group, _ -> new ArrayList<>());
        if (hits.size() < 3) {
          hits.add(id);
        }
      }
    }
    Map<String, List<Integer>> found = new java.util.LinkedHashMap<>();
    groups.forEach(group -> found.put(group.path("id").asString(), ids(group.path("hits"))));
    assertThat(found).isEqualTo(expected);
    done("PUT", "/collections/names", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    done(
        "PUT",
        "/collections/names/points",
        "{\"points\":[{\"id\":0,\"vector\":[1,0],\"payload\":{\"name\":\"zero\"}}]}");
    JsonNode looked =
        done(
                "POST",
                QUERY + "/groups",
                "{\"query\":[0.1,0.2],\"group_by\":\"n\",\"limit\":50,\"group_size\":1,"
                    + "\"with_lookup\":\"names\"}")
            .path("groups");
    assertThat(looked.size()).isEqualTo(50);
    for (JsonNode group : looked) {
      boolean isZero = group.path("id").asInt() == 0;
      assertThat(group.path("lookup").path("payload").path("name").asString(""))
          .isEqualTo(isZero ? "zero" : "");
    }
    refused(400, "group_by", QUERY + "/groups", "{\"query\":[0.1,0.2]}");
  }

  @Test
  void samplesAreComparedWithEachOther() throws Exception {
    assertThat(query("{\"query\":{\"sample\":\"random\"},\"limit\":30}"))
        .hasSize(30)
        .doesNotHaveDuplicates();
    String body = "{\"sample\":20,\"limit\":4}";
    JsonNode pairs = done("POST", PATH + "/points/search/matrix/pairs", body).path("pairs");
    assertThat(pairs.size()).isEqualTo(80);
    for (JsonNode pair : pairs) {
      int b = pair.path("b").asInt();
      int a = pair.path("a").asInt();
      assertThat(pair.path("score").asDouble())
          .isCloseTo(Math.sqrt(square(vectors[a], vectors[b])), within(1e-5));
      assertThat(a).isNotEqualTo(b);
    }
    JsonNode offsets = done("POST", PATH + "/points/search/matrix/offsets", body);
    assertThat(offsets.path("ids").size()).isEqualTo(20);
    for (String list : List.of("offsets_row", "offsets_col", "scores")) {
      assertThat(offsets.path(list).size()).as(list).isEqualTo(80);
    }
    int row = offsets.path("ids").get(offsets.path("offsets_row").get(9).asInt()).asInt();
    int column = offsets.path("ids").get(offsets.path("offsets_col").get(9).asInt()).asInt();
    assertThat(offsets.path("scores").get(9).asDouble())
        .isCloseTo(Math.sqrt(square(vectors[row], vectors[column])), within(1e-5));
  }

  @Test
  void fieldsHaveTextsAndPlaces() throws Exception {
    done(
        "PUT",
        PATH + "/points",
        """
        {"points":[
          {"id":1000,"vector":[1,2],"payload":{"t":"The Quick Brown Fox","at":{"lon":13.4,"lat":52.5}}},
          {"id":1001,"vector":[1,2],"payload":{"t":["a slow fox","Caf\u00e9"],
            "at":[{"lon":2.35,"lat":48.86},{"lon":-0.1,"lat":51.5}]}}]}\
        """);
    done(
        "PUT",
        PATH + "/points",
        "{\"points\":[{\"id\":1002,\"vector\":[1,2]," + "\"payload\":{\"a.b\":1}}]}");
    assertThat(matching("\\\"a.b\\\"", "\"match\":{\"value\":1}")).containsExactly(1002);
    assertThat(matching("t", "\"match\":{\"text\":\"Quick Brown\"}")).containsExactly(1000);
    assertThat(matching("t", "\"match\":{\"text\":\"quick\"}")).isEmpty(); // a part, as it stands
    done(
        "PUT",
        PATH + "/index",
        """
        {"field_name":"t","field_schema":{"type":"text","tokenizer":"word","ascii_folding":true}}\
        """);
    for (int round = 0; round < 2; round++) { // columns, then the database
      assertThat(matching("t", "\"match\":{\"text\":\"fox QUICK\"}")).containsExactly(1000);
      assertThat(matching("t", "\"match\":{\"text\":\"row\"}")).isEmpty();
      assertThat(matching("t", "\"match\":{\"text\":\"cafe\"}")).containsExactly(1001);
      assertThat(matching("t", "\"match\":{\"text_any\":\"quick slow\"}"))
          .containsExactly(1000, 1001);
      assertThat(matching("t", "\"match\":{\"phrase\":\"quick brown\"}")).containsExactly(1000);
      assertThat(matching("t", "\"match\":{\"phrase\":\"brown quick\"}")).isEmpty();
      assertThat(matching("t", "\"match\":{\"prefix\":\"The Q\"}")).containsExactly(1000);
      server.close();
      server = TestServer.start(data);
    }
    assertThat(done("GET", PATH, "").path("payload_schema").path("t").path("params").toString())
        .contains("\"ascii_folding\":true");
    String berlin = "\"geo_radius\":{\"center\":{\"lon\":13.38,\"lat\":52.52},\"radius\":%s}";
    assertThat(matching("at", berlin.formatted("5000"))).containsExactly(1000);
    assertThat(matching("at", berlin.formatted("500"))).isEmpty();
    assertThat(matching("at", berlin.formatted("1e6"))).containsExactly(1000, 1001);
    assertThat(
            matching(
                "at",
                "\"geo_bounding_box\":{\"top_left\":{\"lon\":-1,\"lat\":52},"
                    + "\"bottom_right\":{\"lon\":3,\"lat\":48}}"))
        .containsExactly(1001);
    String ring =
        "{\"points\":[{\"lon\":10,\"lat\":50},{\"lon\":15,\"lat\":50},{\"lon\":15,\"lat\":55},"
            + "{\"lon\":10,\"lat\":55},{\"lon\":10,\"lat\":50}]}";
    assertThat(matching("at", "\"geo_polygon\":{\"exterior\":%s}".formatted(ring)))
        .containsExactly(1000);
    assertThat(
            matching(
                "at", "\"geo_polygon\":{\"exterior\":%s,\"interiors\":[%s]}".formatted(ring, ring)))
        .isEmpty();
    done("PUT", PATH + "/index", "{\"field_name\":\"at\",\"field_schema\":\"geo\"}");
    assertThat(matching("at", berlin.formatted("5000"))).containsExactly(1000);
    refused(
        400,
        "lat",
        PATH + "/points/count",
        "{\"filter\":{\"must\":{\"key\":\"at\",%s}}}"
            .formatted(berlin.formatted("1").replace("52.52", "92")));
    refused(
        400,
        "match",
        PATH + "/points/count",
        "{\"filter\":{\"must\":{\"key\":\"t\",\"match\":{\"nonsense\":\"x\"}}}}");
  }

  private List<Integer> matching(String key, String condition) throws Exception {
    return ids(
        done(
                "POST",
                PATH + "/points/scroll",
                "{\"filter\":{\"must\":{\"key\":\"%s\",%s}}}".formatted(key, condition))
            .path("points"));
  }
}
