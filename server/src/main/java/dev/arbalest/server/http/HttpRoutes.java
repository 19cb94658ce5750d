// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionState;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.JfrRecorder;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.server.qdrant.QdrantCollections;
import dev.arbalest.server.qdrant.QdrantTelemetry;
import dev.arbalest.server.qdrant.QdrantVersion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.node.ObjectNode;

/** Finds the operation of an HTTP request by its method and path. */
final class HttpRoutes {
  private static final int BUFFER_BYTES = 64 << 10;

  private final Collections collections;
  private final ServerMetrics metrics;
  private final AccessControl access;
  private final QdrantCollections schema;
  private final CollectionRoutes ofCollection;
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
    this.metrics = metrics;
    this.access = access;
    this.schema = new QdrantCollections(collections);
    this.ofCollection = new CollectionRoutes(collections, pool, schema, options);
    this.status = new StatusPage(collections, pool, metrics, options);
    this.recorder = recorder;
    this.isDraining = isDraining;
  }

  private static HttpCalls.Call plain(String operation, String type, Supplier body) {
    return new HttpCalls.Call(operation, null, null, _ -> HttpCalls.Reply.of(type, body.get()));
  }

  /** Bytes to send. */
  @FunctionalInterface
  private interface Supplier {
    byte[] get() throws IOException;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  HttpCalls.Call find(IncomingRequest request) {
    String method = request.method().equals("HEAD") ? "GET" : request.method();
    String[] path = request.segments();
    boolean isOfCollection =
        path.length > 1
            && path[0].equals("collections")
            && !(path.length == 2 && path[1].equals("aliases") && method.equals("POST"));
    return isOfCollection
        ? ofCollection.find(request, method, path)
        : findGeneral(request, method, path);
  }

  private HttpCalls.Call findGeneral(IncomingRequest request, String method, String[] path) {
    String key = method + " " + String.join("/", path);
    AccessControl.Scope read = AccessControl.Scope.READ;
    return switch (key) {
      case "GET " ->
          plain(
              "root",
              HttpCalls.JSON_TYPE,
              () -> utf8("{\"title\":\"arbalest\",\"version\":\"" + QdrantVersion.TOLD + "\"}"));
      case "GET collections" ->
          new HttpCalls.Call(
              "list",
              null,
              null,
              _ -> {
                AccessControl.Client client = request.client(access);
                return HttpCalls.json(
                        "list", null, null, request, _ -> schema.listCollections(client))
                    .work()
                    .answer(client);
              });
      case "GET aliases" ->
          HttpCalls.json(
              "aliases",
              null,
              null,
              request,
              _ -> {
                AccessControl.Client client = request.client(access);
                client.require(read);
                return schema.listAliases(client, null);
              });
      case "POST collections/aliases" ->
          HttpCalls.json(
              "change_aliases",
              null,
              null,
              request,
              _ -> schema.changeAliases(request.client(access), request.body()));
      case "GET telemetry" ->
          HttpCalls.json("telemetry", read, null, request, _ -> QdrantTelemetry.of(collections));
      case "GET cluster" ->
          HttpCalls.json("cluster", read, null, request, _ -> QdrantTelemetry.cluster());
      case "GET cluster/telemetry",
          "POST cluster/recover",
          "GET issues",
          "DELETE issues",
          "GET quotas",
          "PUT quotas",
          "GET snapshots",
          "POST snapshots" ->
          throw HttpCalls.unsupported(key);
      case "GET healthz", "GET livez" ->
          plain("health", "text/plain", () -> utf8("healthz check passed\n"));
      case "GET readyz" -> new HttpCalls.Call("ready", null, null, _ -> ready());
      case "GET metrics" ->
          new HttpCalls.Call(
              "metrics",
              read,
              null,
              _ -> {
                ByteArrayOutputStream out = new ByteArrayOutputStream(BUFFER_BYTES);
                metrics.write(out);
                return HttpCalls.Reply.of(ServerMetrics.contentType(), out.toByteArray());
              });
      case "GET openapi.yaml" ->
          plain("openapi", "application/yaml", () -> resource("openapi.yaml"));
      case "GET status" ->
          plain("status", "text/html; charset=utf-8", () -> resource("status.html"));
      case "GET status.json" ->
          new HttpCalls.Call(
              "status",
              read,
              null,
              _ -> HttpCalls.Reply.of(HttpCalls.JSON_TYPE, utf8(status.json().toString())));
      case "GET debug/jfr" ->
          new HttpCalls.Call(
              "jfr",
              AccessControl.Scope.WRITE,
              null,
              _ -> {
                int seconds = request.integer("seconds", 10, 1, 3600);
                return HttpCalls.Reply.of(IncomingRequest.BINARY_TYPE, recorder.last(seconds));
              });
      default -> {
        if (path[0].equals("snapshots") || key.startsWith("DELETE cluster/peer/")) {
          throw HttpCalls.unsupported(key);
        }
        throw HttpCalls.unknown(method, path);
      }
    };
  }

  private HttpCalls.Reply ready() {
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
    return new HttpCalls.Reply(
        ready ? 200 : 503, HttpCalls.JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = HttpRoutes.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("resource " + name + " is missing from the build");
      }
      return in.readAllBytes();
    }
  }
}
