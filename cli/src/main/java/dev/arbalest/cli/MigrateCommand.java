// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.cli.remote.ServerClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Copies a collection from a Qdrant server to a running Arbalest server. */
@Command(
    name = "migrate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Copies a collection of a Qdrant server (ids, vectors, payloads, field indexes) to a running",
      "Arbalest server, which creates it if it is missing. With --state a run that was ended goes",
      "on where it was. Points that change meanwhile may be copied as they were before."
    })
final class MigrateCommand implements Callable<Integer>, Failures.Verbose {
  private static final int MAX_BATCH = 10_000;

  /** Kinds of field indexes that both have. */
  private static final Set<String> KINDS =
      Set.of("keyword", "integer", "float", "bool", "datetime", "uuid", "text", "geo");

  @Mixin private CommonOptions common;

  @Option(
      names = "--from-qdrant",
      required = true,
      description = "Address of the server to copy from, such as http://localhost:6333.")
  private String from;

  @Option(names = "--from-api-key", description = "Its access token.")
  private @Nullable String fromKey;

  @Option(names = "--collection", required = true, description = "Name of the collection.")
  private String collection;

  @Option(names = "--as", description = "Another name for the copy.")
  private @Nullable String as;

  @Mixin private RemoteOptions server;

  @Option(
      names = "--state",
      description = "File that remembers how far the copy is; removed when it is done.")
  private @Nullable Path state;

  @Option(
      names = "--batch",
      defaultValue = "500",
      description = "Points of a request. Default: ${DEFAULT-VALUE}.")
  private int batch;

  @Override
  public Integer call() throws IOException {
    if (batch < 1 || batch > MAX_BATCH) {
      throw new BadInputException("--batch must be in [1, " + MAX_BATCH + "]: " + batch);
    }
    Path folder = state == null ? null : state.toAbsolutePath().getParent();
    if (folder != null && !Files.isDirectory(folder)) {
      throw new BadInputException(folder + " does not exist, and --state is to be in it");
    }
    String target = as == null ? collection : as;
    long start = System.nanoTime();
    long copied = 0;
    long present;
    try (Progress progress = common.progress();
        ServerClient source = new ServerClient(from, fromKey);
        ServerClient sink = server.open()) {
      JsonNode described = source.describe(collection);
      if (described == null) {
        throw new BadInputException(from + " has no collection " + collection);
      }
      prepare(sink, target, described);
      JsonNode offset = readState(target);
      progress.stage("migrate", described.path("points_count").asLong(0));
      do {
        ObjectNode request = CommonOptions.newObject();
        request.put("limit", batch).put("with_payload", true).put("with_vector", true);
        if (offset != null) {
          request.set("offset", offset);
        }
        JsonNode page =
            source.json(
                "POST", ServerClient.path(collection) + "/points/scroll", request.toString());
        JsonNode points = page.path("points");
        if (!points.isEmpty()) {
          ObjectNode upsert = CommonOptions.newObject();
          points.forEach(point -> keep((ObjectNode) point));
          upsert.set("points", points);
          JsonNode _ =
              sink.json("PUT", ServerClient.path(target) + "/points?wait=true", upsert.toString());
          copied += points.size();
          progress.advanced(points.size());
        }
        JsonNode next = page.path("next_page_offset");
        offset = next.isNull() || next.isMissingNode() ? null : next;
        writeState(target, offset);
      } while (offset != null);
      present = count(sink, target);
      long wanted = count(source, collection);
      if (present < wanted) {
        throw new IOException(
            target
                + " holds "
                + present
                + " points, but "
                + collection
                + " has "
                + wanted
                + ": run it again, without --state");
      }
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("copied", copied).put("points", present).put("seconds", seconds);
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "copied %,d points in %.1f s; %s holds %,d",
              copied,
              seconds,
              target,
              present));
    }
    return ExitCode.DONE;
  }

  /** Of a scrolled point, what an upsert takes; a point may have no vector. */
  private static void keep(ObjectNode point) {
    point.retain("id", "vector", "payload");
    if (!point.has("vector")) {
      point.putObject("vector");
    }
  }

  private static long count(ServerClient sink, String target) throws IOException {
    return sink.json("POST", ServerClient.path(target) + "/points/count", "{\"exact\":true}")
        .path("count")
        .asLong(0);
  }

  /** Creates the copy and its field indexes, if they are missing. */
  private void prepare(ServerClient sink, String target, JsonNode described) throws IOException {
    ObjectNode wanted = vectors(described);
    JsonNode known = sink.describe(target);
    if (known == null) {
      JsonNode _ = sink.json("PUT", ServerClient.path(target), wanted.toString());
    } else if (!vectors(known).equals(wanted)) {
      throw new BadInputException(
          "collection " + target + " is there and has " + vectors(known) + ", not " + wanted);
    }
    for (var field : described.path("payload_schema").properties()) {
      String kind = field.getValue().path("data_type").asString("");
      if (KINDS.contains(kind)) {
        JsonNode options = field.getValue().path("params");
        ObjectNode body = CommonOptions.newObject().put("field_name", field.getKey());
        if (options.isObject() && kind.equals("text")) {
          body.set("field_schema", options);
        } else {
          body.put("field_schema", kind);
        }
        JsonNode _ =
            sink.json("PUT", ServerClient.path(target) + "/index?wait=true", body.toString());
      }
    }
  }

  /** The vectors of a collection, as a request to make it has them. */
  private static ObjectNode vectors(JsonNode described) {
    JsonNode parameters = described.path("config").path("params");
    ObjectNode body = CommonOptions.newObject();
    JsonNode dense = parameters.path("vectors");
    if (dense.path("size").isNumber()) {
      body.set("vectors", dense(dense));
    } else if (!dense.isEmpty()) {
      ObjectNode all = body.putObject("vectors");
      dense.properties().forEach(named -> all.set(named.getKey(), dense(named.getValue())));
    }
    JsonNode sparse = parameters.path("sparse_vectors");
    if (!sparse.isEmpty()) {
      ObjectNode all = body.putObject("sparse_vectors");
      for (var named : sparse.properties()) {
        String modifier = named.getValue().path("modifier").asString("none");
        all.putObject(named.getKey()).put("modifier", modifier);
      }
    }
    return body;
  }

  private static ObjectNode dense(JsonNode vector) {
    ObjectNode dense =
        CommonOptions.newObject()
            .put("size", vector.path("size").asInt(0))
            .put("distance", vector.path("distance").asString(""));
    if (vector.path("multivector_config").isObject()) {
      String comparator = vector.path("multivector_config").path("comparator").asString("max_sim");
      dense.putObject("multivector_config").put("comparator", comparator);
    }
    return dense;
  }

  private @Nullable JsonNode readState(String target) throws IOException {
    if (state == null || !Files.exists(state)) {
      return null;
    }
    try {
      JsonNode read = JsonMapper.shared().readTree(Files.readString(state));
      ObjectNode expected = journey(target);
      for (String name : expected.propertyNames()) {
        if (!read.path(name).equals(expected.path(name))) {
          throw new BadInputException(
              state
                  + " is of another copy: "
                  + name
                  + " is "
                  + read.path(name)
                  + " there, and "
                  + expected.path(name)
                  + " here");
        }
      }
      return read.path("offset");
    } catch (JacksonException e) {
      throw new BadInputException(state + " is no state of a migration: remove it to begin anew");
    }
  }

  /** From where to where. */
  private ObjectNode journey(String target) {
    return CommonOptions.newObject()
        .put("from", from)
        .put("collection", collection)
        .put("to", server.url())
        .put("as", target);
  }

  /** Remembers where to go on, or forgets it at the end. */
  private void writeState(String target, @Nullable JsonNode offset) throws IOException {
    if (state == null) {
      return;
    }
    if (offset == null) {
      Files.deleteIfExists(state);
      return;
    }
    ObjectNode root = journey(target);
    root.set("offset", offset);
    Path temporary = state.resolveSibling(state.getFileName() + ".new");
    Files.writeString(temporary, root.toString());
    Files.move(
        temporary, state, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
