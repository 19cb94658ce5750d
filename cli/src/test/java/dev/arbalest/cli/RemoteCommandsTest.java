// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.cli.remote.ServerClient;
import dev.arbalest.server.Server;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Commands that write to running servers, with real ones. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class RemoteCommandsTest extends CommandTest {
  private Server server;
  private ServerClient client;
  private String url = "";

  @BeforeEach
  void start() throws Exception {
    server = start("server");
    url = "http://127.0.0.1:" + server.httpPort();
    client = new ServerClient(url, null);
  }

  private Server start(String name) throws Exception {
    return Server.start(
        new ServerOptions.Builder(directory.resolve(name)).memoryBytes(8L << 30).build());
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private long count(ServerClient of, String collection) throws IOException {
    return of.json("POST", ServerClient.path(collection) + "/points/count", "{}")
        .path("count")
        .asLong(-1);
  }

  private List<Float> vector(String collection, long id) throws IOException {
    JsonNode point =
        client
            .json(
                "POST",
                ServerClient.path(collection) + "/points",
                "{\"ids\":[" + id + "],\"with_vector\":true}")
            .path(0);
    List<Float> vector = new ArrayList<>();
    point.path("vector").forEach(component -> vector.add(component.floatValue()));
    return vector;
  }

  @Test
  void vectorsAreImportedAndTheImportGoesOn() throws Exception {
    assertThat(run("generate --output " + prefix + " --count 250 --dimension 8 --seed 1"))
        .as(err)
        .isZero();
    String command =
        "import --url " + url + " --collection things --input " + prefix + ".base.fbin --batch 40";
    assertBad("give --metric", command + " --first-id 1000");
    JsonNode done = json(command + " --first-id 1000 --metric l2 --json --quiet");
    assertThat(done.path("imported").asInt(-1)).isEqualTo(250);
    assertThat(count(client, "things")).isEqualTo(250);
    assertThat(vector("things", 1249)).hasSize(8);
    assertThat(vector("things", 1250)).isEmpty();
    // Again, from somewhere in between: the same points.
    assertThat(json(command + " --first-id 1000 --skip 190 --json").path("imported").asInt(-1))
        .isEqualTo(60);
    assertThat(count(client, "things")).isEqualTo(250);
    Path ids = directory.resolve("ids");
    Files.writeString(
        ids,
        IntStream.range(0, 250)
            .mapToObj(i -> Long.toString(5000 + 7L * i))
            .collect(Collectors.joining("\n")));
    assertThat(run(command + " --ids " + ids)).as(err).isZero();
    assertThat(count(client, "things")).isEqualTo(500);
    assertThat(vector("things", 5000 + 7 * 249)).isEqualTo(vector("things", 1249));
    assertBad("give --ids, --id-column or --first-id", command);
    assertBad("--skip must be in [0, 250]", command + " --first-id 0 --skip 251");
    assertBad("--first-id must be at least 0", command + " --first-id -1");
  }

  @Test
  void pointsAreImported() throws Exception {
    JsonNode _ =
        client.json(
            "PUT", "/collections/documents", "{\"vectors\":{\"size\":2,\"distance\":\"Cosine\"}}");
    Path file = directory.resolve("points.ndjson");
    Files.writeString(
        file,
        IntStream.range(0, 90)
            .mapToObj(i ->
                "{\"id\":\"p%d\",\"vector\":[1,%d],\"payload\":{\"n\":%d}}\n%s"
                    .formatted(i, i, i, i % 9 == 0 ? "\n" : ""))
            .collect(Collectors.joining()));
    String command = "import --url " + url + " --collection documents --input " + file;
    JsonNode done = json(command + " --batch 20 --json");
    assertThat(done.path("imported").asInt(-1)).isEqualTo(90);
    assertThat(count(client, "documents")).isEqualTo(90);
    assertThat(json(command + " --skip 85 --json").path("imported").asInt(-1)).isEqualTo(5);
    assertBad("has 90 points", command + " --skip 91");
    assertBad("are for vectors", command + " --first-id 0");
    assertBad("are for vectors", command + " --vector-column v");
    assertBad("are for vectors", command + " --input-format npy");
    assertBad("give --metric", command.replace("documents", "nothing"));
    assertBad("has distance Cosine, not Dot", command + " --metric dot");
    assertThat(run(command.replace("documents", "new") + " --metric dot")).as(err).isZero();
    assertThat(count(client, "new")).isEqualTo(90);
    String point = "{\"id\":\"x\",\"vector\":[1,2]}\n";
    Files.writeString(file, "\ufeff" + point + "\n{\"id\":\"y\",\"vector\":[1]}\n");
    assertBad("line 3: expected a vector of 2 numbers", command);
    Files.writeString(file, point + "{\"id\":\"y\"}\n");
    assertBad("line 2: a point needs", command);
    Files.writeString(file, point + "{\"id\":");
    assertBad("line 2: no JSON", command);
    Files.writeString(file, "\n");
    assertBad("has no points", command);
    Files.writeString(file, "\ufeff" + point + "{\"id\":true,\"vector\":[1,2]}\n");
    assertThat(run(command + " --batch 1")).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err)
        .contains("an id is an integer")
        .contains("1 points are written; go on with --skip 1");
    assertThat(count(client, "documents")).isEqualTo(91);
  }

  @Test
  void namedVectorsAreImportedAndCopied() throws Exception {
    Path file = directory.resolve("named.ndjson");
    Files.writeString(
        file,
        """
        {"id":1,"vector":{"title":[1,2],"words":{"indices":[7],"values":[0.5]}},"payload":{"n":1}}
        {"id":2,"vector":{"tokens":[[1,0],[0,1]]}}
        {"id":3,"vector":{}}
        """);
    String command = "import --url " + url + " --collection named --input " + file;
    assertBad("create it on the server", command + " --metric dot");
    String vectors =
        "{\"vectors\":{\"title\":{\"size\":2,\"distance\":\"Dot\"},\"tokens\":{\"size\":2,"
            + "\"distance\":\"Dot\",\"multivector_config\":{\"comparator\":\"max_sim\"}}},"
            + "\"sparse_vectors\":{\"words\":{\"modifier\":\"idf\"}}}";
    JsonNode _ = client.json("PUT", "/collections/named", vectors);
    JsonNode _ =
        client.json("PUT", "/collections/plain", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    assertBad("without a name", command.replace("--collection named", "--collection plain"));
    assertThat(run(command)).isEqualTo(ExitCode.DONE);
    assertThat(count(client, "named")).isEqualTo(3);
    try (Server other = start("other");
        ServerClient copy = new ServerClient("http://127.0.0.1:" + other.httpPort(), null)) {
      String migrate =
          "migrate --from-qdrant %s --collection named --url http://127.0.0.1:%d --batch 2 --json"
              .formatted(url, other.httpPort());
      assertThat(json(migrate).path("copied").asInt(-1)).isEqualTo(3);
      assertThat(json(migrate).path("copied").asInt(-1)).isEqualTo(3); // it is there, and the same
      String scroll = "{\"limit\":1000,\"with_vector\":true}";
      assertThat(copy.json("POST", "/collections/named/points/scroll", scroll))
          .isEqualTo(client.json("POST", "/collections/named/points/scroll", scroll));
      for (String member : List.of("vectors", "sparse_vectors")) {
        assertThat(
                copy.json("GET", "/collections/named", "")
                    .path("config")
                    .path("params")
                    .get(member))
            .isEqualTo(
                client
                    .json("GET", "/collections/named", "")
                    .path("config")
                    .path("params")
                    .get(member));
      }
      assertBad(
          "is there and has",
          migrate.replace("--collection named", "--collection plain --as named"));
    }
  }

  @Test
  void serversThatAreNoneAreNamed() throws Exception {
    Path file = directory.resolve("points.ndjson");
    Files.writeString(file, "{\"id\":1,\"vector\":[1,2]}\n");
    assertThat(run("import --url http://127.0.0.1:1 --collection x --input " + file))
        .isEqualTo(ExitCode.FAILED);
    assertThat(err).contains("no server answers at http://127.0.0.1:1");
    assertBad(
        "is no URL of a server", "import --url localhost:9090 --collection x --input " + file);
    assertBad("does not exist", "import --url " + url + " --collection x --input nothing.ndjson");
  }

  @Test
  void aCollectionIsCopiedAndTheCopyGoesOn() throws Exception {
    JsonNode _ =
        client.json(
            "PUT", "/collections/old", "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}");
    for (String schema : List.of("\"integer\"", "{\"type\":\"text\",\"lowercase\":false}")) {
      JsonNode _ =
          client.json(
              "PUT",
              "/collections/old/index",
              "{\"field_name\":\"%s\",\"field_schema\":%s}"
                  .formatted(schema.contains("text") ? "text" : "n", schema));
    }
    String points =
        IntStream.range(0, 130)
            .mapToObj(i ->
                "{\"id\":%d,\"vector\":[%d,1],\"payload\":{\"n\":%d,\"text\":\"Word %d\"}}"
                    .formatted(i, i, i % 7, i))
            .collect(Collectors.joining(",", "{\"points\":[", "]}"));
    JsonNode _ = client.json("PUT", "/collections/old/points", points);
    try (Server other = start("other");
        ServerClient copy = new ServerClient("http://127.0.0.1:" + other.httpPort(), null)) {
      String command =
          "migrate --from-qdrant %s --collection old --url http://127.0.0.1:%d"
              .formatted(url, other.httpPort());
      JsonNode done = json(command + " --as new --batch 50 --json");
      assertThat(done.path("copied").asInt(-1)).isEqualTo(130);
      assertThat(count(copy, "new")).isEqualTo(130);
      String scroll = "{\"limit\":1000,\"with_vector\":true}";
      assertThat(copy.json("POST", "/collections/new/points/scroll", scroll))
          .isEqualTo(client.json("POST", "/collections/old/points/scroll", scroll));
      JsonNode schema = copy.json("GET", "/collections/new", "").path("payload_schema");
      assertThat(new TreeSet<>(schema.propertyNames())).containsExactly("n", "text");
      assertThat(schema.path("text").path("params").path("lowercase").asBoolean(true)).isFalse();
      // From where another run was.
      Path state = directory.resolve("state.json");
      String journey =
          "{\"from\":\"%s\",\"collection\":\"old\",\"to\":\"http://127.0.0.1:%d\",\"as\":\"new\",\"offset\":100}"
              .formatted(url, other.httpPort());
      Files.writeString(state, journey);
      assertBad("as is \"new\" there, and \"old\" here", command + " --state " + state);
      JsonNode rest = json(command + " --as new --state " + state + " --json");
      assertThat(rest.path("copied").asInt(-1)).isEqualTo(30);
      assertThat(state).doesNotExist();
      JsonNode _ = copy.json("POST", "/collections/new/points/delete", "{\"points\":[5]}");
      Files.writeString(state, journey);
      assertThat(run(command + " --as new --state " + state)).isEqualTo(ExitCode.FAILED);
      assertThat(err).contains("new holds 129 points, but old has 130");
      assertBad("is to be in it", command + " --state " + directory.resolve("none/state"));
      Files.writeString(state, "nonsense");
      assertBad("is no state of a migration", command + " --state " + state);
      assertBad("has no collection none", command.replace("--collection old", "--collection none"));
    }
  }
}
