package dev.arbalest.server;

import dev.arbalest.pq.CodecSpec;
import dev.arbalest.server.QdrantApi.PayloadOperation;
import io.helidon.common.uri.UriQuery;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Everything the server answers over HTTP: finds the operation by method and path, who asks, reads
 * the body within its limits, and turns failures into statuses. Runs on a virtual thread per
 * request.
 */
final class HttpApi {
  private static final HeaderName API_KEY = HeaderNames.create("api-key");
  private static final HeaderName REQUEST_ID = HeaderNames.create("x-request-id");
  private static final int BUFFER_BYTES = 64 << 10;
  private static final int KIBI = 1024;

  /** Bodies of all requests under way together, in units of the largest request. */
  private static final int BODIES = 4;

  private static final long BODY_WAIT_SECONDS = 10;
  private static final long RETRY_MILLIS = 1000;
  private static final String JSON_TYPE = "application/json";
  private static final String BINARY_TYPE = "application/octet-stream";

  private final Collections collections;
  private final SearchPool pool;
  private final ServerMetrics metrics;
  private final AccessControl access;
  private final ServerOptions options;
  private final QdrantApi qdrant;
  private final StatusPage status;
  private final FlightRecorder recorder;
  private final Semaphore bodies;

  /** Permits of the request this thread is at. */
  private final ThreadLocal<Integer> held = new ThreadLocal<>();

  private volatile boolean draining;

  HttpApi(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options,
      FlightRecorder recorder) {
    this.collections = collections;
    this.pool = pool;
    this.metrics = metrics;
    this.access = access;
    this.options = options;
    this.qdrant = new QdrantApi(collections, pool, options);
    this.status = new StatusPage(collections, pool, metrics, options);
    this.recorder = recorder;
    this.bodies = new Semaphore(BODIES * (options.requestBytes() / KIBI + 1));
  }

  /** From now on the server is not ready for more. */
  void drain() {
    draining = true;
  }

  /** What is sent back. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Reply(int status, String type, byte[] body) {
    static Reply of(String type, byte[] body) {
      return new Reply(200, type, body);
    }
  }

  /** A request, once it is known what it is. */
  private record Call(
      String operation, AccessControl.@Nullable Scope scope, @Nullable String name, Work work) {}

  /** Answers a request. */
  @FunctionalInterface
  private interface Work {
    Reply answer(AccessControl.Client client) throws IOException;
  }

  /** A result in Qdrant's envelope. */
  @FunctionalInterface
  private interface Result {
    JsonNode of(AccessControl.Client client) throws IOException;
  }

  /** Answers a request; never throws what is the client's or the server's fault. */
  void handle(ServerRequest request, ServerResponse response) {
    long start = System.nanoTime();
    String requestId =
        request
            .headers()
            .first(REQUEST_ID)
            .filter(id -> id.matches("[\\w.-]{1,64}"))
            .orElseGet(() -> UUID.randomUUID().toString());
    response.header(REQUEST_ID, requestId);
    String operation = "unknown";
    Reply reply;
    try {
      Call call = find(request, start);
      operation = call.operation();
      AccessControl.Client client = AccessControl.Client.ANYBODY;
      if (call.scope() != null) {
        client =
            access.identify(
                request.headers().first(HeaderNames.AUTHORIZATION).orElse(null),
                request.headers().first(API_KEY).orElse(null),
                request.remotePeer().host());
        client.require(call.scope(), call.name());
      }
      reply = call.work().answer(client);
    } catch (ServerException e) {
      reply = failure(e, start);
      if (e.retryMillis() > 0) {
        response.header(
            HeaderNames.RETRY_AFTER, Long.toString(Math.max(1, (e.retryMillis() + 999) / 1000)));
      }
      if (e.kind() == ServerException.Kind.INTERNAL) {
        ServerLog.failed(requestId, operation, e);
      }
    } catch (IOException | RuntimeException | OutOfMemoryError | StackOverflowError e) {
      ServerLog.failed(requestId, operation, e);
      reply =
          failure(
              new ServerException(
                  ServerException.Kind.INTERNAL, "internal error, request " + requestId),
              start);
    }
    Integer permits = held.get();
    if (permits != null) {
      held.remove();
      bodies.release(permits);
    }
    metrics.answered(
        "http", operation, Integer.toString(reply.status()), System.nanoTime() - start);
    response.status(reply.status());
    response.header(HeaderNames.CONTENT_TYPE, reply.type());
    response.send(reply.body());
  }

  private static Reply failure(ServerException e, long start) {
    ObjectNode body = JsonBody.JSON.createObjectNode();
    body.putObject("status").put("error", e.text());
    body.put("time", (System.nanoTime() - start) / 1e9);
    return new Reply(e.kind().httpStatus(), JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static Call json(
      String operation,
      AccessControl.@Nullable Scope scope,
      @Nullable String name,
      long start,
      Result result) {
    return new Call(
        operation,
        scope,
        name,
        client -> {
          ObjectNode body = JsonBody.JSON.createObjectNode();
          body.set("result", result.of(client));
          body.put("status", "ok");
          body.put("time", (System.nanoTime() - start) / 1e9);
          return Reply.of(JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
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

  private static String[] segments(ServerRequest request) {
    String path = request.path().rawPath();
    String[] raw = path.substring(path.startsWith("/") ? 1 : 0).split("/", -1);
    for (int i = 0; i < raw.length; i++) {
      try {
        raw[i] = URLDecoder.decode(raw[i].replace("+", "%2B"), StandardCharsets.UTF_8);
      } catch (IllegalArgumentException e) {
        throw new ServerException(
            ServerException.Kind.INVALID, "the path has a broken escape: " + raw[i], 0, e);
      }
    }
    return raw;
  }

  private Call find(ServerRequest request, long start) {
    String method = request.prologue().method().text();
    String[] path = segments(request);
    if (path.length == 1 || !path[0].equals("collections")) {
      return findGeneral(request, method, path, start);
    }
    String name = path[1];
    String rest = String.join("/", Arrays.copyOfRange(path, 2, Math.min(path.length, 4)));
    if (path.length == 4 && rest.startsWith("index/") && method.equals("DELETE")) {
      return json(
          "drop_field_index",
          AccessControl.Scope.WRITE,
          name,
          start,
          _ -> qdrant.dropIndex(name, path[3]));
    }
    if (path.length == 4 && method.equals("GET") && path[2].equals("points")) {
      return json(
          "retrieve",
          AccessControl.Scope.READ,
          name,
          start,
          _ -> qdrant.retrieveOne(name, path[3]));
    }
    if (path.length > 5) {
      throw unknown(method, path);
    }
    String key = method + " " + rest + (path.length == 5 ? "/" + path[4] : "");
    return findOfCollection(request, key, name, path, start);
  }

  private Call findOfCollection(
      ServerRequest request, String key, String name, String[] path, long start) {
    AccessControl.Scope read = AccessControl.Scope.READ;
    AccessControl.Scope write = AccessControl.Scope.WRITE;
    return switch (key) {
      case "GET " -> json("describe", read, name, start, _ -> qdrant.describe(name));
      case "GET exists" -> json("exists", read, name, start, _ -> qdrant.exists(name));
      case "PUT " ->
          json("create", write, name, start, _ -> qdrant.createCollection(name, body(request)));
      case "DELETE " -> json("drop", write, name, start, _ -> qdrant.dropCollection(name));
      case "PUT index" ->
          json("field_index", write, name, start, _ -> qdrant.createIndex(name, body(request)));
      case "PUT points" ->
          json("upsert", write, name, start, _ -> qdrant.upsert(name, body(request)));
      case "POST points" ->
          json("retrieve", read, name, start, _ -> qdrant.retrieve(name, body(request)));
      case "POST points/delete" ->
          json("delete", write, name, start, _ -> qdrant.delete(name, body(request)));
      case "POST points/scroll" ->
          json("scroll", read, name, start, _ -> qdrant.scroll(name, body(request)));
      case "POST points/count" ->
          json("count", read, name, start, _ -> qdrant.count(name, body(request)));
      case "POST points/search" ->
          isBinary(request)
              ? new Call("search", read, name, _ -> searchBinary(name, request, start))
              : json("search", read, name, start, _ -> qdrant.search(name, body(request)));
      case "POST points/search/batch" ->
          json("search", read, name, start, _ -> qdrant.batch(name, body(request), false));
      case "POST points/query" ->
          json("search", read, name, start, _ -> qdrant.query(name, body(request)));
      case "POST points/query/batch" ->
          json("search", read, name, start, _ -> qdrant.batch(name, body(request), true));
      case "POST points/payload" -> payload(PayloadOperation.SET, name, request, start);
      case "PUT points/payload" -> payload(PayloadOperation.OVERWRITE, name, request, start);
      case "POST points/payload/delete" -> payload(PayloadOperation.DELETE, name, request, start);
      case "POST points/payload/clear" -> payload(PayloadOperation.CLEAR, name, request, start);
      case "POST checkpoint" -> maintain("checkpoint", name, start, Collection::checkpoint);
      case "POST compact" -> maintain("compact", name, start, Collection::compact);
      case "POST reopen" ->
          json(
              "reopen",
              write,
              name,
              start,
              _ -> {
                Collection collection = collections.get(name);
                String codec = request.query().first("codec").orElse("");
                boolean ready =
                    collection.reopen(
                        request.query().first("repair").isPresent(),
                        codec.isEmpty() ? null : codec(codec));
                return JsonBody.JSON
                    .createObjectNode()
                    .put("ready", ready)
                    .put("reason", collection.reason());
              });
      default -> throw unknown(key.substring(0, key.indexOf(' ')), path);
    };
  }

  private Call payload(PayloadOperation operation, String name, ServerRequest request, long start) {
    return json(
        "payload",
        AccessControl.Scope.WRITE,
        name,
        start,
        _ -> qdrant.changePayload(name, operation, body(request)));
  }

  /** Maintenance of a collection. */
  @FunctionalInterface
  private interface Maintenance {
    void run(Collection collection);
  }

  private Call maintain(String operation, String name, long start, Maintenance maintenance) {
    return json(
        operation,
        AccessControl.Scope.WRITE,
        name,
        start,
        _ -> {
          maintenance.run(collections.get(name));
          return JsonBody.JSON.getNodeFactory().booleanNode(true);
        });
  }

  /** A codec as it is written on the command line. */
  static CodecSpec codec(String text) {
    try {
      return CodecSpec.parse(text);
    } catch (IllegalArgumentException e) {
      throw new ServerException(ServerException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    }
  }

  private static ServerException unknown(String method, String[] path) {
    return new ServerException(
        ServerException.Kind.NOT_FOUND,
        "no operation " + method + " /" + String.join("/", path) + "; see /openapi.yaml");
  }

  private Call findGeneral(ServerRequest request, String method, String[] path, long start) {
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
                AccessControl.Client client =
                    access.identify(
                        request.headers().first(HeaderNames.AUTHORIZATION).orElse(null),
                        request.headers().first(API_KEY).orElse(null),
                        request.remotePeer().host());
                return json("list", null, null, start, _ -> qdrant.listCollections(client))
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
              read,
              null,
              _ -> {
                int seconds = integer(request.query(), "seconds", 10, 1, 3600);
                return Reply.of(BINARY_TYPE, recorder.last(seconds));
              });
      default -> throw unknown(method, path);
    };
  }

  private Reply ready() {
    ObjectNode body = JsonBody.JSON.createObjectNode();
    ObjectNode states = body.putObject("collections");
    boolean ready = !draining;
    for (Collection collection : collections.list()) {
      if (!access.isClosed()) { // names are for those with tokens
        states.put(collection.name(), collection.state().name());
      }
      ready &= collection.state() != Collection.State.LOADING;
    }
    body.put("status", draining ? "DRAINING" : ready ? "READY" : "BUSY");
    return new Reply(ready ? 200 : 503, JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = HttpApi.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("resource " + name + " is missing from the build");
      }
      return in.readAllBytes();
    }
  }

  private static boolean isBinary(ServerRequest request) {
    return request
        .headers()
        .first(HeaderNames.CONTENT_TYPE)
        .map(type -> type.startsWith(BINARY_TYPE))
        .orElse(false);
  }

  private static int integer(UriQuery query, String name, int otherwise, int least, int most) {
    String text = query.first(name).orElse("");
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text);
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw new ServerException(
          ServerException.Kind.INVALID, name + " must be a whole number, found " + text, 0, e);
    }
    throw ServerException.invalid(
        name + " must be in [" + least + ", " + most + "], found " + text);
  }

  /** A query vector as little-endian floats, options in the query string. */
  private Reply searchBinary(String name, ServerRequest request, long start) throws IOException {
    Collection collection = collections.get(name);
    byte[] body = body(request);
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
            integer(query, "limit", 10, 1, 10_000),
            null,
            integer(query, "list", 0, 1, 100_000),
            integer(query, "rerank", 0, 1, 100_000),
            recall,
            integer(query, "dimensions", 0, 1, 65_535),
            query.first("exact").isPresent());
    boolean withPayload = query.first("with_payload").orElse("false").equals("true");
    Collection.Answer answer = pool.call(() -> collection.search(search, withPayload, false));
    return json("search", null, null, start, _ -> qdrant.hits(collection, answer, withPayload))
        .work()
        .answer(AccessControl.Client.ANYBODY);
  }

  /**
   * The body of a request, as long as it is not larger than allowed and there is room for it.
   *
   * @throws ServerException TOO_LARGE or EXHAUSTED
   */
  private byte[] body(ServerRequest request) throws IOException {
    int most = options.requestBytes();
    long announced = request.headers().contentLength().orElse(-1);
    if (announced > most) {
      throw tooLarge(announced + " bytes", most);
    }
    if (!request.content().hasEntity()) {
      return new byte[0];
    }
    int permits = (int) ((announced < 0 ? most : announced) / KIBI) + 1;
    try {
      if (!bodies.tryAcquire(permits, BODY_WAIT_SECONDS, TimeUnit.SECONDS)) {
        throw new ServerException(
            ServerException.Kind.EXHAUSTED, "too many requests are being read", RETRY_MILLIS, null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ServerException(ServerException.Kind.UNAVAILABLE, "the server stops", 0, e);
    }
    try (InputStream in = request.content().inputStream()) {
      byte[] bytes = in.readNBytes(most + 1);
      if (bytes.length > most) {
        throw tooLarge("more", most);
      }
      return bytes;
    } finally {
      held.set(permits); // until the request is answered: what is made of the body is as large
    }
  }

  private static ServerException tooLarge(String found, int most) {
    return new ServerException(
        ServerException.Kind.TOO_LARGE,
        "a request has at most " + most + " bytes, found " + found + "; send smaller batches");
  }
}
