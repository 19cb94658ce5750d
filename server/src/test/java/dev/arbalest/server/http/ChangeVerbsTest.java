// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Batches of changes, changes on conditions, and aliases over HTTP. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class ChangeVerbsTest extends ThingsTest {
  @Test
  void updatesAreMadeInTheirOrderAndOnConditions() throws Exception {
    String points = PATH + "/points";
    JsonNode results =
        done(
            "POST",
            points + "/batch",
            "{\"operations\":[{\"upsert\":{\"points\":[{\"id\":900,\"vector\":[3,4]}]}},"
                + "{\"set_payload\":{\"payload\":{\"x\":1},\"points\":[900]}},"
                + "{\"update_vectors\":{\"points\":[{\"id\":900,\"vector\":[5,6]}]}},"
                + "{\"overwrite_payload\":{\"payload\":{\"y\":1},\"points\":[1]}},"
                + "{\"delete_payload\":{\"keys\":[\"n\"],\"points\":[2]}},"
                + "{\"clear_payload\":{\"points\":[3]}},{\"delete\":{\"points\":[4]}}]}");
    assertThat(results.size()).isEqualTo(7);
    JsonNode made = done("GET", points + "/900", "");
    assertThat(made.path("payload").toString()).isEqualTo("{\"x\":1}");
    assertThat(made.path("vector").get(1).asDouble()).isEqualTo(6);
    assertThat(done("GET", points + "/1", "").path("payload").toString()).isEqualTo("{\"y\":1}");
    assertThat(done("GET", points + "/2", "").path("payload").has("n")).isFalse();
    assertThat(done("GET", points + "/3", "").path("payload").isEmpty()).isTrue();
    assertThat(server.call("GET", points + "/4", "").status()).isEqualTo(404);
    // An operation that cannot be read keeps those before it from being made.
    refused(
        400,
        "dimension mismatch",
        points + "/batch",
        "{\"operations\":[{\"delete\":{\"points\":[5]}},"
            + "{\"upsert\":{\"points\":[{\"id\":901,\"vector\":[3]}]}}]}");
    assertThat(done("GET", points + "/5", "").path("payload").has("n")).isTrue();
    TestServer.Answer both =
        server.call("PUT", points, "{\"points\":[],\"batch\":{\"ids\":[],\"vectors\":[]}}");
    assertThat(both.error()).contains("send one");
    refused(400, "-1", points + "/delete", "{\"points\":[\"-1\"]}");
    refused(
        400,
        "cannot be deleted alone",
        points + "/vectors/delete",
        "{\"points\":[5],\"vector\":[\"\"]}");
    // Conditions.
    String upsert =
        "{\"points\":[{\"id\":6,\"vector\":[9,9],\"payload\":{}},{\"id\":7,\"vector\":[9,9]},"
            + "{\"id\":950,\"vector\":[9,9]}],%s}";
    done(
        "PUT",
        points,
        upsert.formatted(
            "\"update_mode\":\"update_only\",\"update_filter\":"
                + "{\"must\":{\"key\":\"n\",\"match\":{\"value\":7}}}"));
    assertThat(x(6)).isEqualTo(vectors[6][0]);
    assertThat(x(7)).isEqualTo(9);
    assertThat(server.call("GET", points + "/950", "").status()).isEqualTo(404);
    done("PUT", points, upsert.formatted("\"update_mode\":\"insert_only\""));
    assertThat(x(6)).isEqualTo(vectors[6][0]);
    assertThat(x(950)).isEqualTo(9);
    done(
        "PUT",
        points,
        "{\"points\":[{\"id\":951,\"vector\":[1,1]},{\"id\":951,\"vector\":[2,2]}],"
            + "\"update_mode\":\"insert_only\"}");
    assertThat(x(951)).isEqualTo(1);
    TestServer.Answer missing =
        server.call("PUT", points + "/vectors", "{\"points\":[{\"id\":960,\"vector\":[1,1]}]}");
    assertThat(missing.status()).isEqualTo(404);
    assertThat(server.call("PUT", points, upsert.formatted("\"update_mode\":\"x\"")).status())
        .isEqualTo(400);
    assertThat(server.call("PUT", points, upsert.formatted("\"nonsense\":1")).error())
        .contains("nonsense");
  }

  private float x(int id) throws Exception {
    return done("GET", PATH + "/points/" + id, "").path("vector").get(0).floatValue();
  }

  @Test
  void collectionsHaveOtherNames() throws Exception {
    String change = "/collections/aliases";
    String action = "{\"actions\":[{\"%s_alias\":{%s}}]}";
    String create = "\"alias_name\":\"%s\",\"collection_name\":\"%s\"";
    done("POST", change, action.formatted("create", create.formatted("other", "things")));
    assertThat(done("POST", "/collections/other/points/count", "{}").path("count").asInt())
        .isEqualTo(POINTS);
    refused(404, "none", change, action.formatted("create", create.formatted("a", "none")));
    refused(
        409, "things", change, action.formatted("create", create.formatted("things", "things")));
    assertThat(server.call("PUT", "/collections/other", "{\"vectors\":{\"size\":2}}").status())
        .isEqualTo(409);
    done(
        "POST",
        change,
        action.formatted("rename", "\"old_alias_name\":\"other\",\"new_alias_name\":\"third\""));
    assertThat(server.call("GET", "/collections/other", "").status()).isEqualTo(404);
    server.close();
    server = TestServer.start(data); // they are kept
    assertThat(done("GET", "/aliases", "").path("aliases").toString())
        .isEqualTo("[{\"alias_name\":\"third\",\"collection_name\":\"things\"}]");
    assertThat(done("GET", "/collections/third/aliases", "").path("aliases").size()).isEqualTo(1);
    done("POST", change, action.formatted("delete", "\"alias_name\":\"third\""));
    refused(404, "third", change, action.formatted("delete", "\"alias_name\":\"third\""));
    done("POST", change, action.formatted("create", create.formatted("last", "things")));
    done("DELETE", PATH, "");
    assertThat(done("GET", "/aliases", "").path("aliases").isEmpty()).isTrue();
  }
}
