// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.CollectionState;
import dev.arbalest.server.collection.Collections;
import dev.arbalest.server.collection.SearchAnswer;
import dev.arbalest.server.collection.SearchPool;
import dev.arbalest.server.collection.SearchRequest;
import dev.arbalest.server.metrics.JfrRecorder;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.server.qdrant.QdrantCollections;
import dev.arbalest.server.qdrant.QdrantReads;
import dev.arbalest.server.qdrant.QdrantWrites;
import dev.arbalest.server.qdrant.QdrantWrites.PayloadOperation;
import io.helidon.common.uri.UriQuery;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Finds the operation of an HTTP request by its method and path. */
final class HttpRoutes {
  static final String JSON_TYPE = "application/json";
  private static final int BUFFER_BYTES = 64 << 10;

  private final Collections collections;
  private final SearchPool pool;
  private final ServerMetrics metrics;
  private final AccessControl access;
  private final QdrantCollections schema;
  private final QdrantWrites writes;
  private final QdrantReads reads;
  private final StatusPage status;
  private final JfrRecorder recorder;
  private final BooleanSupplier isDraining;

  HttpRoutes(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options,
      JfrRecorder recorder,
      BooleanSupplier isDraining) {
    this.collections = collections;
    this.pool = pool;
    this.metrics = metrics;
    this.access = access;
    this.schema = new QdrantCollections(collections);
    this.writes = new QdrantWrites(collections, options.batchBytes());
    this.reads = new QdrantReads(collections, pool);
    this.status = new StatusPage(collections, pool, metrics, options);
    this.recorder = recorder;
    this.isDraining = isDraining;
  }

  /** What is sent back. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  record Reply(int status, String type, byte[] body) {
    static Reply of(String type, byte[] body) {
      return new Reply(200, type, body);
    }
  }

  /** A request, once it is known what it is. */
  record Call(
      String operation, AccessControl.@Nullable Scope scope, @Nullable String name, Work work) {}

  /** Answers a request. */
  @FunctionalInterface
  interface Work {
    Reply answer(AccessControl.Client client) throws IOException;
  }

  /** A result in Qdrant's envelope. */
  @FunctionalInterface
  interface Result {
    JsonNode of(AccessControl.Client client) throws IOException;
  }

  /** A result that may add members to its envelope. */
  @FunctionalInterface
  private interface ExplainedResult {
    JsonNode of(ObjectNode envelope) throws IOException;
  }

  private static Call search(String name, IncomingRequest request, ExplainedResult result) {
    return new Call(
        "search",
        AccessControl.Scope.READ,
        name,
        _ -> {
          ObjectNode body = JsonBody.JSON.createObjectNode();
          body.set("result", result.of(body));
          return envelope(body, request);
        });
  }

  private static Reply envelope(ObjectNode body, IncomingRequest request) {
    body.put("status", "ok");
    body.put("time", request.age() / 1e9);
    return Reply.of(JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static Call json(
      String operation,
      AccessControl.@Nullable Scope scope,
      @Nullable String name,
      IncomingRequest request,
      Result result) {
    return new Call(
        operation,
        scope,
        name,
        client -> {
          ObjectNode body = JsonBody.JSON.createObjectNode();
          body.set("result", result.of(client));
          return envelope(body, request);
        });
  }

  private static Call plain(String operation, String type, Supplier body) {
    return new Call(operation, null, null, _ -> Reply.of(type, body.get()));
  }

  /** Bytes to send. */
  @FunctionalInterface
  private interface Supplier {
    byte[] get() throws IOException;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  Call find(IncomingRequest request) {
    String method = request.method().equals("HEAD") ? "GET" : request.method();
    String[] path = request.segments();
    if (path.length == 1 || !path[0].equals("collections")) {
      return findGeneral(request, method, path);
    }
    String name = path[1];
    String rest = String.join("/", Arrays.copyOfRange(path, 2, Math.min(path.length, 4)));
    if (path.length == 4 && rest.startsWith("index/") && method.equals("DELETE")) {
      return json(
          "drop_field_index",
          AccessControl.Scope.WRITE,
          name,
          request,
          _ -> schema.dropIndex(name, path[3]));
    }
    if (path.length == 4 && method.equals("GET") && path[2].equals("points")) {
      return json(
          "retrieve",
          AccessControl.Scope.READ,
          name,
          request,
          _ -> reads.retrieveOne(name, path[3]));
    }
    if (path.length > 5) {
      throw unknown(method, path);
    }
    String key = method + " " + rest + (path.length == 5 ? "/" + path[4] : "");
    return findOfCollection(request, key, name, path);
  }

  private Call findOfCollection(IncomingRequest request, String key, String name, String[] path) {
    AccessControl.Scope read = AccessControl.Scope.READ;
    AccessControl.Scope write = AccessControl.Scope.WRITE;
    return switch (key) {
      case "GET " -> json("describe", read, name, request, _ -> schema.describe(name));
      case "GET exists" -> json("exists", read, name, request, _ -> schema.exists(name));
      case "PUT " ->
          json("create", write, name, request, _ -> schema.createCollection(name, request.body()));
      case "DELETE " -> json("drop", write, name, request, _ -> schema.dropCollection(name));
      case "PUT index" ->
          json("field_index", write, name, request, _ -> schema.indexField(name, request.body()));
      case "PUT points" ->
          json("upsert", write, name, request, _ -> writes.upsert(name, request.body()));
      case "POST points" ->
          json("retrieve", read, name, request, _ -> reads.retrieve(name, request.body()));
      case "POST points/delete" ->
          json("delete", write, name, request, _ -> writes.delete(name, request.body()));
      case "POST points/scroll" ->
          json("scroll", read, name, request, _ -> reads.scroll(name, request.body()));
      case "POST points/count" ->
          json("count", read, name, request, _ -> reads.count(name, request.body()));
      case "POST facet" ->
          json("facet", read, name, request, _ -> reads.facet(name, request.body()));
      case "POST points/search" ->
          request.isBinary()
              ? new Call("search", read, name, _ -> searchBinary(name, request))
              : search(name, request, reply -> reads.search(name, request.body(), reply));
      case "POST points/search/batch" ->
          search(name, request, reply -> reads.batch(name, request.body(), false, reply));
      case "POST points/query" ->
          search(name, request, reply -> reads.query(name, request.body(), reply));
      case "POST points/query/batch" ->
          search(name, request, reply -> reads.batch(name, request.body(), true, reply));
      case "POST points/payload" -> payload(PayloadOperation.SET, name, request);
      case "PUT points/payload" -> payload(PayloadOperation.OVERWRITE, name, request);
      case "POST points/payload/delete" -> payload(PayloadOperation.DELETE, name, request);
      case "POST points/payload/clear" -> payload(PayloadOperation.CLEAR, name, request);
      case "POST checkpoint" -> maintain("checkpoint", name, request, Collection::checkpoint);
      case "POST compact" -> maintain("compact", name, request, Collection::compact);
      case "POST reopen" ->
          json(
              "reopen",
              write,
              name,
              request,
              _ -> {
                Collection collection = collections.get(name);
                String codec = request.query().first("codec").orElse("");
                boolean ready = collection.reopen(request.flag("repair"), codec);
                return JsonBody.JSON
                    .createObjectNode()
                    .put("ready", ready)
                    .put("reason", collection.reason());
              });
      default -> throw unknown(key.substring(0, key.indexOf(' ')), path);
    };
  }

  private Call payload(PayloadOperation operation, String name, IncomingRequest request) {
    return json(
        "payload",
        AccessControl.Scope.WRITE,
        name,
        request,
        _ -> writes.changePayload(name, operation, request.body()));
  }

  private Call maintain(
      String operation, String name, IncomingRequest request, Consumer<Collection> maintenance) {
    return json(
        operation,
        AccessControl.Scope.WRITE,
        name,
        request,
        _ -> {
          maintenance.accept(collections.get(name));
          return JsonBody.JSON.getNodeFactory().booleanNode(true);
        });
  }

  private static ServerException unknown(String method, String[] path) {
    return new ServerException(
        ServerException.Kind.NOT_FOUND,
        "no operation " + method + " /" + String.join("/", path) + "; see /openapi.yaml");
  }

  private Call findGeneral(IncomingRequest request, String method, String[] path) {
    String key = method + " " + String.join("/", path);
    AccessControl.Scope read = AccessControl.Scope.READ;
    return switch (key) {
      case "GET " ->
          plain(
              "root",
              JSON_TYPE,
              () -> utf8("{\"title\":\"arbalest\",\"version\":\"1.15.0\",\"commit\":\"\"}"));
      case "GET collections" ->
          new Call(
              "list",
              null,
              null,
              _ -> {
                AccessControl.Client client = request.client(access);
                return json("list", null, null, request, _ -> schema.listCollections(client))
                    .work()
                    .answer(client);
              });
      case "GET healthz", "GET livez" ->
          plain("health", "text/plain", () -> utf8("healthz check passed\n"));
      case "GET readyz" -> new Call("ready", null, null, _ -> ready());
      case "GET metrics" ->
          new Call(
              "metrics",
              read,
              null,
              _ -> {
                ByteArrayOutputStream out = new ByteArrayOutputStream(BUFFER_BYTES);
                metrics.write(out);
                return Reply.of(ServerMetrics.contentType(), out.toByteArray());
              });
      case "GET openapi.yaml" ->
          plain("openapi", "application/yaml", () -> resource("openapi.yaml"));
      case "GET status" ->
          plain("status", "text/html; charset=utf-8", () -> resource("status.html"));
      case "GET status.json" ->
          new Call("status", read, null, _ -> Reply.of(JSON_TYPE, utf8(status.json().toString())));
      case "GET debug/jfr" ->
          new Call(
              "jfr",
              AccessControl.Scope.WRITE,
              null,
              _ -> {
                int seconds = request.integer("seconds", 10, 1, 3600);
                return Reply.of(IncomingRequest.BINARY_TYPE, recorder.last(seconds));
              });
      default -> throw unknown(method, path);
    };
  }

  private Reply ready() {
    ObjectNode body = JsonBody.JSON.createObjectNode();
    ObjectNode states = body.putObject("collections");
    boolean ready = !isDraining.getAsBoolean();
    for (Collection collection : collections.list()) {
      if (!access.isClosed()) { // names are for those with tokens
        states.put(collection.name(), collection.stateName());
      }
      ready &= collection.state() != CollectionState.LOADING;
    }
    body.put("status", isDraining.getAsBoolean() ? "DRAINING" : ready ? "READY" : "BUSY");
    return new Reply(ready ? 200 : 503, JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = HttpRoutes.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("resource " + name + " is missing from the build");
      }
      return in.readAllBytes();
    }
  }

  /** A query vector as little-endian floats, options in the query string. */
  private Reply searchBinary(String name, IncomingRequest request) throws IOException {
    Collection collection = collections.get(name);
    byte[] body = request.body();
    if (body.length % 4 != 0) {
      throw ServerException.invalid(
          "a binary vector has 4 bytes per component, found " + body.length + " bytes");
    }
    float[] vector = new float[body.length / 4];
    ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector);
    UriQuery query = request.query();
    double recall = 0;
    try {
      recall = Double.parseDouble(query.first("recall").orElse("0"));
    } catch (NumberFormatException e) {
      throw new ServerException(ServerException.Kind.INVALID, "recall must be a number", 0, e);
    }
    SearchRequest search =
        new SearchRequest(
            vector,
            request.integer("limit", 10, 1, 10_000),
            null,
            request.integer("list", 0, 1, 100_000),
            request.integer("rerank", 0, 1, 100_000),
            recall,
            request.integer("dimensions", 0, 1, 65_535),
            request.flag("exact"));
    boolean withPayload = request.flag("with_payload");
    SearchAnswer answer = pool.call(() -> collection.search(search, withPayload, false));
    return json("search", null, null, request, _ -> reads.hits(collection, answer, withPayload))
        .work()
        .answer(AccessControl.Client.ANYBODY);
  }
}
