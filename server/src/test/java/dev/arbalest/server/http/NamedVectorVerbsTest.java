// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Named, sparse and multivectors over REST. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class NamedVectorVerbsTest {
  private static final String PATH = "/collections/named";
  private static final String POINTS = PATH + "/points";
  private static final String QUERY = POINTS + "/query";

  @TempDir private Path data;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(data);
    done(
        "PUT",
        PATH,
        """
        {"vectors": {"title": {"size": 2, "distance": "Euclid"},
                     "": {"size": 3, "distance": "Cosine", "on_disk": true},
                     "tokens": {"size": 2, "distance": "Dot",
                                "multivector_config": {"comparator": "max_sim"}}},
         "sparse_vectors": {"words": {"modifier": "idf"}, "bm25": {}}}\
        """);
    done(
        "PUT",
        POINTS + "?wait=true",
        """
        {"points": [
          {"id": 1, "payload": {"n": 1},
           "vector": {"title": [0, 0], "": [1, 0, 0], "tokens": [[1, 0], [0, 1]],
                      "words": {"indices": [3, 4294967295], "values": [1, 2]}}},
          {"id": 2, "payload": {"n": 2}, "vector": {"title": [0, 3], "tokens": [[2, 0]]}},
          {"id": 3, "payload": {"n": 3},
           "vector": {"title": [4, 3], "": [0, 1, 0],
                      "words": {"indices": [4294967295], "values": [0.5]},
                      "bm25": {"values": [1, 4], "indices": [9, 8]}}},
          {"id": 4, "payload": {"n": 4}, "vector": {}},
          {"id": 5, "vector": [0, 0, 2]}]}\
        """);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  private JsonNode done(String method, String path, String body) throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as(path + " " + body + ": " + answer.body()).isEqualTo(200);
    return answer.result();
  }

  private void refused(int status, String why, String method, String path, String body)
      throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as(body + ": " + answer.body()).isEqualTo(status);
    assertThat(answer.error()).contains(why);
  }

  private List<String> found(String body) throws Exception {
    List<String> found = new ArrayList<>();
    for (JsonNode hit : done("POST", QUERY, body).path("points")) {
      found.add(hit.path("id").asString() + " " + hit.path("score").floatValue());
    }
    return found;
  }

  private JsonNode vector(int id) throws Exception {
    return done("GET", POINTS + "/" + id, "").path("vector");
  }

  private void restart() throws Exception {
    server.close();
    server = TestServer.start(data);
  }

  @Test
  void collectionsTellTheirVectors() throws Exception {
    JsonNode params = done("GET", PATH, "").path("config").path("params");
    assertThat(params.path("vectors").propertyNames())
        .containsExactlyInAnyOrder("title", "", "tokens");
    assertThat(params.path("vectors").path("title").toString())
        .isEqualTo("{\"size\":2,\"distance\":\"Euclid\"}");
    assertThat(params.path("vectors").path("tokens").toString())
        .isEqualTo(
            "{\"size\":2,\"distance\":\"Dot\",\"multivector_config\":{\"comparator\":\"max_sim\"}}");
    assertThat(params.path("sparse_vectors").toString())
        .isEqualTo("{\"words\":{\"modifier\":\"idf\"},\"bm25\":{\"modifier\":\"none\"}}");
    assertThat(done("GET", PATH, "").path("points_count").asInt()).isEqualTo(5);
  }

  @Test
  void pointsComeBackWithTheVectorsTheyHave() throws Exception {
    for (boolean again : new boolean[] {false, true}) {
      assertThat(vector(1).path("title").toString()).as("%s", again).isEqualTo("[0.0,0.0]");
      assertThat(vector(1).path("tokens").toString()).isEqualTo("[[1.0,0.0],[0.0,1.0]]");
      assertThat(vector(1).path("words").toString())
          .isEqualTo("{\"indices\":[3,4294967295],\"values\":[1.0,2.0]}");
      assertThat(vector(3).path("bm25").toString())
          .isEqualTo("{\"indices\":[8,9],\"values\":[4.0,1.0]}");
      assertThat(vector(2).propertyNames()).containsExactlyInAnyOrder("title", "tokens");
      assertThat(vector(4).toString()).isEqualTo("{}");
      assertThat(vector(5).toString()).isEqualTo("[0.0,0.0,1.0]");
      JsonNode some = done("POST", POINTS, "{\"ids\":[1,2],\"with_vector\":[\"words\",\"title\"]}");
      assertThat(some.get(0).path("vector").propertyNames())
          .containsExactlyInAnyOrder("words", "title");
      assertThat(some.get(1).path("vector").propertyNames()).containsExactly("title");
      restart();
    }
    refused(400, "no vector \"x\"", "POST", POINTS, "{\"ids\":[1],\"with_vector\":[\"x\"]}");
  }

  @Test
  void eachVectorIsSearched() throws Exception {
    for (boolean again : new boolean[] {false, true}) {
      assertThat(found("{\"query\":[0,1],\"using\":\"title\"}"))
          .as("%s", again)
          .containsExactly("1 1.0", "2 2.0", "3 4.472136");
      assertThat(found("{\"query\":[1,0,0]}")).containsExactly("1 1.0", "3 0.0", "5 0.0");
      assertThat(found("{\"query\":[[1,0],[0,1]],\"using\":\"tokens\"}"))
          .containsExactly("1 2.0", "2 2.0");
      assertThat(found("{\"query\":[1,0],\"using\":\"tokens\"}")).containsExactly("2 2.0", "1 1.0");
      assertThat(found("{\"query\":{\"indices\":[8,7],\"values\":[0.5,1]},\"using\":\"bm25\"}"))
          .containsExactly("3 2.0");
      // ln(1 + (2 - 2 + 0.5) / (2 + 0.5)) for the term that both have
      double both = Math.log(1.2);
      double one = Math.log(1 + 1.5 / 1.5);
      String sparse = "{\"indices\":[3,4294967295],\"values\":[1,1]}";
      List<String> ranked = found("{\"query\":%s,\"using\":\"words\"}".formatted(sparse));
      assertThat(ranked)
          .containsExactly("1 " + (float) (one + 2 * both), "3 " + (float) (0.5 * both));
      // By id, also of a vector that is named as words are, and with the old names.
      assertThat(found("{\"query\":\"3\",\"using\":\"bm25\"}")).isEmpty();
      assertThat(found("{\"query\":1,\"using\":\"title\"}")).containsExactly("2 3.0", "3 5.0");
      JsonNode old =
          done(
              "POST",
              POINTS + "/search",
              "{\"vector\":{\"name\":\"words\",\"vector\":%s},\"limit\":1}".formatted(sparse));
      assertThat(old.get(0).path("id").asInt()).isEqualTo(1);
      restart();
    }
  }

  @Test
  void vectorsOfBytesAreSearchedByName() throws Exception {
    byte[] query = java.nio.ByteBuffer.allocate(8).array(); // two components of zero
    var request =
        java.net.http.HttpRequest.newBuilder(
                java.net.URI.create(server.url() + POINTS + "/search?limit=2&using=title"))
            .header("content-type", "application/octet-stream")
            .POST(java.net.http.HttpRequest.BodyPublishers.ofByteArray(query))
            .build();
    try (var client = java.net.http.HttpClient.newHttpClient()) {
      String answer =
          client.send(request, java.net.http.HttpResponse.BodyHandlers.ofString()).body();
      assertThat(answer).contains("\"id\":1", "\"score\":0.0", "\"id\":2", "\"score\":3.0");
    }
  }

  @Test
  void rankingsOfSeveralVectorsBecomeOne() throws Exception {
    List<String> fused =
        found(
            """
            {"prefetch": [
               {"query": [4, 3], "using": "title", "limit": 3},
               {"query": {"indices": [4294967295], "values": [1]}, "using": "words", "limit": 3},
               {"query": [[0, 1]], "using": "tokens", "limit": 3}],
             "query": {"fusion": "rrf"}}\
            """);
    assertThat(fused.getFirst()).startsWith("1 "); // third, first and first
    List<String> rescored =
        found(
            """
            {"prefetch": {"query": [0, 0], "using": "title", "limit": 2},
             "query": [[1, 0]], "using": "tokens", "limit": 5}\
            """);
    assertThat(rescored).containsExactly("2 2.0", "1 1.0");
    JsonNode groups =
        done(
            "POST",
            QUERY + "/groups",
            "{\"query\":[0,0],\"using\":\"title\",\"group_by\":\"n\",\"group_size\":1}");
    assertThat(groups.path("groups").get(0).path("id").asInt()).isEqualTo(1);
    assertThat(found("{\"query\":{\"recommend\":{\"positive\":[1]}},\"using\":\"title\"}"))
        .containsExactly("2 3.0", "3 5.0");
  }

  @Test
  void filtersKnowWhichVectorsPointsHave() throws Exception {
    String filter = "\"filter\":{\"must\":[{\"has_vector\":\"%s\"}]}";
    String having = "{" + filter + "}";
    String[] names = {"title", "", "tokens", "words", "bm25", "none"};
    int[] expected = {3, 3, 2, 2, 1, 0};
    for (int i = 0; i < names.length; i++) {
      JsonNode count = done("POST", POINTS + "/count", having.formatted(names[i]));
      assertThat(count.path("count").asInt()).as(names[i]).isEqualTo(expected[i]);
    }
    String query = "{\"query\":[0,0],\"using\":\"title\"," + filter + "}";
    assertThat(found(query.formatted("tokens"))).containsExactly("1 0.0", "2 3.0");
    String vectors = "{\"points\":[{\"id\":3,\"vector\":{\"tokens\":[[5,5]]}}]}";
    done("PUT", POINTS + "/vectors", vectors);
    assertThat(found(query.formatted("tokens"))).hasSize(3);
    String field = "{\"field_name\":\"n\",\"field_schema\":\"integer\"}";
    done("PUT", PATH + "/index", field);
    String number = "\"filter\":{\"must\":[{\"key\":\"n\",\"range\":{\"gte\":2}}]}";
    assertThat(found("{\"query\":[0,0],\"using\":\"title\"," + number + "}")).hasSize(2);
    assertThat(found("{\"query\":[[1,1]],\"using\":\"tokens\"," + number + "}"))
        .containsExactly("3 10.0", "2 2.0");
    assertThat(
            found(
                "{\"query\":{\"indices\":[4294967295],\"values\":[1]},\"using\":\"words\","
                    + number
                    + "}"))
        .hasSize(1);
    JsonNode hits = done("POST", PATH + "/facet", "{\"key\":\"n\"}").path("hits");
    assertThat(hits).hasSize(4);
  }

  @Test
  void vectorsAreChangedAlone() throws Exception {
    done(
        "PUT",
        POINTS + "/vectors",
        "{\"points\":[{\"id\":1,\"vector\":{\"title\":[9,9]}},"
            + "{\"id\":4,\"vector\":{\"words\":{\"indices\":[1],\"values\":[1]}}}]}");
    assertThat(vector(1).path("title").toString()).isEqualTo("[9.0,9.0]");
    assertThat(vector(1).path("tokens")).hasSize(2);
    assertThat(done("GET", POINTS + "/4", "").path("payload").path("n").asInt()).isEqualTo(4);
    done(
        "POST", POINTS + "/vectors/delete", "{\"points\":[1,77],\"vector\":[\"title\",\"words\"]}");
    assertThat(vector(1).propertyNames()).containsExactlyInAnyOrder("", "tokens");
    done(
        "POST",
        POINTS + "/batch",
        """
        {"operations": [
          {"upsert": {"points": [{"id": 2, "vector": {"title": [1, 1]}}]}},
          {"update_vectors": {"points": [{"id": 2, "vector": {"tokens": [[7, 7]]}}]}},
          {"delete_vectors": {"filter": {"must": [{"has_id": [3]}]}, "vector": ["title"]}},
          {"delete": {"points": [5]}}]}\
        """);
    restart();
    assertThat(vector(2).toString()).contains("[1.0,1.0]").contains("[[7.0,7.0]]");
    assertThat(vector(3).propertyNames()).containsExactlyInAnyOrder("", "words", "bm25");
    assertThat(found("{\"query\":[0,0],\"using\":\"title\"}")).hasSize(1);
    assertThat(done("POST", POINTS + "/count", "{}").path("count").asInt()).isEqualTo(4);
    done(
        "PUT",
        POINTS,
        """
        {"batch": {"ids": [6, 7], "vectors": {"title": [[1, 2], [3, 4]],
           "words": [{"indices": [1], "values": [1]}, {"indices": [], "values": []}]}}}\
        """);
    assertThat(vector(7).path("title").toString()).isEqualTo("[3.0,4.0]");
    String only =
        "{\"update_mode\":\"insert_only\",\"points\":[{\"id\":7,\"vector\":{\"title\":[0,0]}},"
            + "{\"id\":8,\"vector\":{\"title\":[8,8]}}]}";
    done("PUT", POINTS, only);
    assertThat(vector(7).path("title").toString()).isEqualTo("[3.0,4.0]");
    assertThat(vector(8).path("title").toString()).isEqualTo("[8.0,8.0]");
  }

  @Test
  void vectorsAreAddedAndRemoved() throws Exception {
    String added = "{\"dense\":{\"size\":2,\"distance\":\"Dot\"}}";
    done("PUT", PATH + "/vectors/more", added);
    refused(409, "already has", "PUT", PATH + "/vectors/more", added);
    done("PUT", POINTS + "/vectors", "{\"points\":[{\"id\":4,\"vector\":{\"more\":[1,2]}}]}");
    restart();
    assertThat(found("{\"query\":[1,1],\"using\":\"more\"}")).containsExactly("4 3.0");
    done("DELETE", PATH + "/vectors/more", "");
    refused(404, "more", "DELETE", PATH + "/vectors/more", "");
    refused(400, "more", "POST", QUERY, "{\"query\":[1,1],\"using\":\"more\"}");
    done("PUT", PATH + "/vectors/more", "{\"sparse\":{\"modifier\":\"idf\"}}");
    assertThat(vector(4).toString()).isEqualTo("{}");
    done("PUT", "/collections/plain", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    done("PUT", "/collections/plain/points", "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}");
    done("PUT", "/collections/plain/vectors/b", added);
    done(
        "PUT",
        "/collections/plain/points",
        "{\"points\":[{\"id\":2,\"vector\":{\"b\":[1,2]}},{\"id\":3,\"vector\":[3,4]}]}");
    restart();
    JsonNode all =
        done("POST", "/collections/plain/points/scroll", "{\"with_vector\":true}").path("points");
    assertThat(all.get(0).path("vector").toString()).isEqualTo("[1.0,2.0]");
    assertThat(all.get(1).path("vector").toString()).isEqualTo("{\"b\":[1.0,2.0]}");
    assertThat(all.get(2).path("vector").toString()).isEqualTo("[3.0,4.0]");
  }

  @Test
  void whatDoesNotFitIsRefusedAndChangesNothing() throws Exception {
    String put =
        "{\"points\":[{\"id\":90,\"vector\":{\"title\":[1,1]}},{\"id\":91,\"vector\":%s}]}";
    String[][] wrong = {
      {"{\"nothing\":[1]}", "no vector \"nothing\""},
      {"{\"title\":[1]}", "dimension mismatch: expected 2, got 1"},
      {"{\"title\":[[1,2]]}", "a list of components"},
      {"{\"tokens\":[1,2]}", "multivector"},
      {"{\"tokens\":[[1,2],[1]]}", "as many components"},
      {"{\"tokens\":[]}", "multivector"},
      {"{\"words\":[1]}", "sparse"},
      {"{\"words\":{\"indices\":[1],\"values\":[1,2]}}", "as many indices as values"},
      {"{\"words\":{\"indices\":[1,1],\"values\":[1,2]}}", "twice"},
      {"{\"words\":{\"indices\":[-1],\"values\":[1]}}", "an index must be"},
      {"{\"words\":{\"indices\":[4294967296],\"values\":[1]}}", "an index must be"},
      {"{\"words\":{\"indices\":[null],\"values\":[1]}}", "an index must be"},
      {"{\"words\":{\"indices\":[1],\"values\":[1e13]}}", "numbers up to"},
      {"{\"words\":{\"text\":\"a\"}}", "no embedding model"},
      {"{\"\":[0,0,0]}", "point 91"},
      {"7", "a vector is"},
    };
    for (String[] one : wrong) {
      refused(400, one[1], "PUT", POINTS, put.formatted(one[0]));
    }
    refused(404, "point 99", "PUT", POINTS + "/vectors", put.replace("90", "99").formatted("{}"));
    refused(400, "\"vector\"", "POST", POINTS + "/vectors/delete", "{\"points\":[1]}");
    refused(
        400,
        "\"payload\" is of an upsert",
        "PUT",
        POINTS + "/vectors",
        "{\"points\":[{\"id\":1,\"vector\":{},\"payload\":{\"a\":1}}]}");
    refused(
        400,
        "no vector \"zz\"",
        "POST",
        POINTS + "/batch",
        "{\"operations\":[{\"delete\":{\"points\":[1]}},"
            + "{\"delete_vectors\":{\"points\":[2],\"vector\":[\"zz\"]}}]}");
    for (String sparse : List.of("[]", "\"x\"")) {
      refused(
          400,
          "sparse_vectors",
          "PUT",
          "/collections/new",
          "{\"vectors\":{\"size\":1},\"sparse_vectors\":%s}".formatted(sparse));
    }
    refused(
        400,
        "no vector",
        "POST",
        POINTS + "/vectors/delete",
        "{\"points\":[1],\"vector\":[\"q\"]}");
    assertThat(done("POST", POINTS + "/count", "{}").path("count").asInt()).isEqualTo(5);
    refused(400, "dimension mismatch", "POST", QUERY, "{\"query\":[1],\"using\":\"title\"}");
    refused(400, "sparse", "POST", QUERY, "{\"query\":[1],\"using\":\"words\"}");
    refused(400, "no vector \"q\"", "POST", QUERY, "{\"query\":[1],\"using\":\"q\"}");
    refused(404, "vector \"title\"", "POST", QUERY, "{\"query\":4,\"using\":\"title\"}");
    refused(
        400,
        "modifier",
        "PUT",
        "/collections/new",
        "{\"sparse_vectors\":{\"a\":{\"modifier\":\"log\"}}}");
    refused(
        400,
        "two vectors",
        "PUT",
        "/collections/new",
        "{\"vectors\":{\"a\":{\"size\":1}},\"sparse_vectors\":{\"a\":{}}}");
    refused(
        400,
        "at most 64 bytes",
        "PUT",
        "/collections/new",
        "{\"vectors\":{\"%s\":{\"size\":1}}}".formatted("a".repeat(65)));
    assertThat(server.call("GET", "/collections/new", "").status()).isEqualTo(404);
  }
}
