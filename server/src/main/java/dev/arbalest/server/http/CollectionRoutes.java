// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchAnswer;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.SearchRequest;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.http.HttpCalls.Call;
import dev.arbalest.server.http.HttpCalls.Reply;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.server.qdrant.QdrantCollections;
import dev.arbalest.server.qdrant.QdrantReads;
import dev.arbalest.server.qdrant.QdrantReads.Kind;
import dev.arbalest.server.qdrant.QdrantTelemetry;
import dev.arbalest.server.qdrant.QdrantWrites;
import dev.arbalest.server.qdrant.QdrantWrites.PayloadOperation;
import io.helidon.common.uri.UriQuery;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Finds the operation of a request whose path is that of a collection. */
final class CollectionRoutes {
  /** Operations that Qdrant has and this server has not, by method and the rest of the path. */
  private static final Set<String> UNSUPPORTED =
      Set.of(
          "GET snapshots",
          "POST snapshots",
          "PUT snapshots/recover",
          "POST snapshots/upload",
          "GET shards",
          "PUT shards",
          "POST shards/delete",
          "POST cluster",
          "GET optimizations",
          "POST points/discover",
          "POST points/discover/batch");

  private final Collections collections;
  private final SearchPool pool;
  private final QdrantCollections schema;
  private final QdrantWrites writes;
  private final QdrantReads reads;

  CollectionRoutes(
      Collections collections, SearchPool pool, QdrantCollections schema, ServerOptions options) {
    this.collections = collections;
    this.pool = pool;
    this.schema = schema;
    this.writes = new QdrantWrites(collections, options.batchBytes());
    this.reads = new QdrantReads(collections, new QueryEngine(pool));
  }

  /** A result that may add members to its envelope. */
  @FunctionalInterface
  private interface ExplainedResult {
    JsonNode of(QueryEngine.Lookup lookup, ObjectNode envelope) throws IOException;
  }

  private Call search(String name, IncomingRequest request, ExplainedResult result) {
    return new Call(
        "search",
        AccessControl.Scope.READ,
        name,
        client -> {
          ObjectNode body = JsonBody.JSON.createObjectNode();
          body.set("result", result.of(other -> readable(client, other), body));
          return HttpCalls.envelope(body, request);
        });
  }

  /** A collection of another name than the path's, if the client may read it. */
  private Collection readable(AccessControl.Client client, String name) {
    String resolved = collections.resolve(name);
    client.require(AccessControl.Scope.READ, resolved);
    return collections.get(resolved);
  }

  Call find(IncomingRequest request, String method, String[] path) {
    String rest = String.join("/", Arrays.copyOfRange(path, 2, path.length));
    String key = method + " " + rest;
    // A collection is made and dropped by its own name only.
    boolean isOwnName = rest.isEmpty() && (method.equals("PUT") || method.equals("DELETE"));
    String name = isOwnName ? path[1] : collections.resolve(path[1]);
    if (path.length == 4 && path[2].equals("index") && method.equals("DELETE")) {
      return HttpCalls.json(
          "drop_field_index",
          AccessControl.Scope.WRITE,
          name,
          request,
          _ -> schema.dropIndex(name, path[3]));
    }
    if (path.length == 4 && path[2].equals("vectors") && method.equals("PUT")) {
      return write(
          "add_vector", name, request, () -> schema.addVector(name, path[3], request.body()));
    }
    if (path.length == 4 && path[2].equals("vectors") && method.equals("DELETE")) {
      return write("remove_vector", name, request, () -> schema.removeVector(name, path[3]));
    }
    if (path.length == 4 && method.equals("GET") && path[2].equals("points")) {
      return read("retrieve", name, request, () -> reads.retrieveOne(name, path[3]));
    }
    boolean isUnsupported =
        UNSUPPORTED.contains(key)
            || (path.length > 3 && Set.of("snapshots", "shards").contains(path[2]));
    if (isUnsupported) {
      throw HttpCalls.unsupported(key);
    }
    Call call = findSearch(request, key, name);
    return call == null ? findOther(request, key, name, path) : call;
  }

  private @org.jspecify.annotations.Nullable Call findSearch(
      IncomingRequest request, String key, String name) {
    return switch (key) {
      case "POST points/search" ->
          request.isBinary()
              ? new Call("search", AccessControl.Scope.READ, name, _ -> searchBinary(name, request))
              : one(Kind.SEARCH, name, request);
      case "POST points/recommend" -> one(Kind.RECOMMEND, name, request);
      case "POST points/query" -> one(Kind.QUERY, name, request);
      case "POST points/search/batch" -> batch(Kind.SEARCH, name, request);
      case "POST points/recommend/batch" -> batch(Kind.RECOMMEND, name, request);
      case "POST points/query/batch" -> batch(Kind.QUERY, name, request);
      case "POST points/search/groups" -> groups(Kind.SEARCH, name, request);
      case "POST points/recommend/groups" -> groups(Kind.RECOMMEND, name, request);
      case "POST points/query/groups" -> groups(Kind.QUERY, name, request);
      case "POST points/search/matrix/pairs" ->
          read("matrix", name, request, () -> reads.matrixPairs(name, request.body()));
      case "POST points/search/matrix/offsets" ->
          read("matrix", name, request, () -> reads.matrixOffsets(name, request.body()));
      default -> null;
    };
  }

  private Call one(Kind kind, String name, IncomingRequest request) {
    return search(
        name, request, (lookup, reply) -> reads.search(name, request.body(), kind, lookup, reply));
  }

  private Call batch(Kind kind, String name, IncomingRequest request) {
    return search(
        name, request, (lookup, reply) -> reads.batch(name, request.body(), kind, lookup, reply));
  }

  private Call groups(Kind kind, String name, IncomingRequest request) {
    return search(name, request, (lookup, _) -> reads.groups(name, request.body(), kind, lookup));
  }

  /** A result. */
  @FunctionalInterface
  private interface Result {
    JsonNode get() throws IOException;
  }

  private static Call read(String operation, String name, IncomingRequest request, Result result) {
    return HttpCalls.json(operation, AccessControl.Scope.READ, name, request, _ -> result.get());
  }

  private static Call write(String operation, String name, IncomingRequest request, Result result) {
    return HttpCalls.json(operation, AccessControl.Scope.WRITE, name, request, _ -> result.get());
  }

  private Call findOther(IncomingRequest request, String key, String name, String[] path) {
    return switch (key) {
      case "GET " -> read("describe", name, request, () -> schema.describe(name));
      case "GET exists" -> read("exists", name, request, () -> schema.exists(name));
      case "GET aliases" ->
          HttpCalls.json(
              "aliases",
              AccessControl.Scope.READ,
              name,
              request,
              client -> schema.listAliases(client, collections.get(name).name()));
      case "GET cluster" ->
          read("cluster", name, request, () -> QdrantTelemetry.cluster(collections.get(name)));
      case "PUT " ->
          write("create", name, request, () -> schema.createCollection(name, request.body()));
      case "PATCH " ->
          write("update", name, request, () -> schema.updateCollection(name, request.body()));
      case "DELETE " -> write("drop", name, request, () -> schema.dropCollection(name));
      case "PUT index" ->
          write("field_index", name, request, () -> schema.indexField(name, request.body()));
      case "PUT points" ->
          write(
              "upsert",
              name,
              request,
              () ->
                  request.isBinary()
                      ? writes.upsertBinary(
                          name,
                          request.body(),
                          request.flag("ids"),
                          request.query().first("first_id").orElse(""))
                      : writes.upsert(name, request.body()));
      case "POST points" ->
          read("retrieve", name, request, () -> reads.retrieve(name, request.body()));
      case "POST points/delete" ->
          write("delete", name, request, () -> writes.delete(name, request.body()));
      case "POST points/batch" ->
          write("batch", name, request, () -> writes.batch(name, request.body()));
      case "PUT points/vectors" ->
          write("vectors", name, request, () -> writes.updateVectors(name, request.body()));
      case "POST points/vectors/delete" ->
          write("vectors", name, request, () -> writes.deleteVectors(name, request.body()));
      case "POST points/scroll" ->
          read("scroll", name, request, () -> reads.scroll(name, request.body()));
      case "POST points/count" ->
          read("count", name, request, () -> reads.count(name, request.body()));
      case "POST facet" -> read("facet", name, request, () -> reads.facet(name, request.body()));
      case "POST points/payload" -> payload(PayloadOperation.SET, name, request);
      case "PUT points/payload" -> payload(PayloadOperation.OVERWRITE, name, request);
      case "POST points/payload/delete" -> payload(PayloadOperation.DELETE, name, request);
      case "POST points/payload/clear" -> payload(PayloadOperation.CLEAR, name, request);
      case "POST checkpoint" -> maintain("checkpoint", name, request, Collection::checkpoint);
      case "POST compact" -> maintain("compact", name, request, Collection::compact);
      case "POST reopen" ->
          write(
              "reopen",
              name,
              request,
              () -> {
                Collection collection = collections.get(name);
                String codec = request.query().first("codec").orElse("");
                boolean ready = collection.reopen(request.flag("repair"), codec);
                return JsonBody.JSON
                    .createObjectNode()
                    .put("ready", ready)
                    .put("reason", collection.reason());
              });
      default -> throw HttpCalls.unknown(key.substring(0, key.indexOf(' ')), path);
    };
  }

  private Call payload(PayloadOperation operation, String name, IncomingRequest request) {
    return write(
        "payload", name, request, () -> writes.changePayload(name, operation, request.body()));
  }

  private Call maintain(
      String operation, String name, IncomingRequest request, Consumer<Collection> maintenance) {
    return write(
        operation,
        name,
        request,
        () -> {
          maintenance.accept(collections.get(name));
          return JsonBody.JSON.getNodeFactory().booleanNode(true);
        });
  }

  /** A query vector as little-endian floats, options in the query string. */
  private Reply searchBinary(String name, IncomingRequest request) throws IOException {
    Collection collection = collections.get(name);
    byte[] body = request.body();
    if (body.length % 4 != 0) {
      throw CollectionException.invalid(
          "a binary vector has 4 bytes per component, found " + body.length + " bytes");
    }
    float[] vector = new float[body.length / 4];
    ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector);
    UriQuery query = request.query();
    double recall = 0;
    try {
      recall = Double.parseDouble(query.first("recall").orElse("0"));
    } catch (NumberFormatException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, "recall must be a number", 0, e);
    }
    String using = query.first("using").orElse("");
    SearchRequest search =
        new SearchRequest(
            using,
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
    ObjectNode reply = JsonBody.JSON.createObjectNode();
    reply.set("result", reads.hits(collection, using, answer, withPayload));
    return HttpCalls.envelope(reply, request);
  }
}
