package dev.arbalest.server;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.Metric;
import dev.arbalest.ssd.IdType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.ActionType;
import org.apache.arrow.flight.BackpressureStrategy;
import org.apache.arrow.flight.CallHeaders;
import org.apache.arrow.flight.CallInfo;
import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.ErrorFlightMetadata;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.FlightServerMiddleware;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.NoOpFlightProducer;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.Result;
import org.apache.arrow.flight.Ticket;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Everything the server answers over Arrow Flight. Thread-safe. */
final class FlightService extends NoOpFlightProducer implements AutoCloseable {
  private static final int PAGE_ROWS = 256;
  private static final long CLIENT_WAIT_MILLIS = 60_000;
  private static final long STOP_SECONDS = 10;
  private static final String DATASET = "dataset";
  private static final String NAME = "name";
  private static final String SEARCH = "VectorSearch";
  private static final FlightServerMiddleware.Key<Caller> CALLER =
      FlightServerMiddleware.Key.of("caller");

  private final Collections collections;
  private final SearchPool pool;
  private final ServerMetrics metrics;
  private final ServerOptions options;
  private final BufferAllocator allocator;
  private final ExecutorService executor;
  private final FlightServer server;

  @MustBeClosed
  @SuppressWarnings({"MustBeClosedChecker", "ThisEscapedInObjectConstruction"}) // closed by close()
  private FlightService(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options)
      throws IOException {
    this.collections = collections;
    this.pool = pool;
    this.metrics = metrics;
    this.options = options;
    requireOpenBuffers();
    this.allocator = new RootAllocator(Math.max(options.memoryBytes() / 4, 1L << 28));
    this.executor = Executors.newVirtualThreadPerTaskExecutor();
    ServerOptions.Tls tls = options.tls();
    Location location =
        tls == null
            ? Location.forGrpcInsecure(options.host(), options.flightPort())
            : Location.forGrpcTls(options.host(), options.flightPort());
    FlightServer.Builder builder =
        FlightServer.builder(allocator, location, this)
            .executor(executor)
            .maxInboundMessageSize(options.requestBytes())
            .middleware(CALLER, (call, headers, _) -> new Caller(access, call, headers));
    if (tls != null) {
      builder.useTls(tls.certificate().toFile(), tls.key().toFile());
      if (tls.clients() != null) {
        builder.useMTlsClientVerification(tls.clients().toFile());
      }
    }
    this.server = builder.build();
  }

  /** Starts to listen. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  static FlightService start(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options)
      throws IOException {
    FlightService service = new FlightService(collections, pool, metrics, access, options);
    try {
      service.server.start();
      return service;
    } catch (IOException e) {
      service.close();
      throw new IOException(
          "Arrow Flight cannot listen on "
              + options.host()
              + ":"
              + options.flightPort()
              + ": "
              + e.getMessage(),
          e);
    }
  }

  /** Without this flag a DoPut would wait for ever. */
  private static void requireOpenBuffers() throws IOException {
    Module arrow = RootAllocator.class.getModule();
    if (!java.nio.Buffer.class.getModule().isOpen("java.nio", arrow)) {
      throw new IOException(
          "Arrow Flight needs the JVM's flag --add-opens=java.base/java.nio="
              + (arrow.isNamed() ? arrow.getName() : "ALL-UNNAMED")
              + "; start the server by scripts/arbalest serve");
    }
  }

  int port() {
    return server.getPort();
  }

  /** Finds out who calls before anything is done. */
  private static final class Caller implements FlightServerMiddleware {
    final AccessControl.Client client;

    Caller(AccessControl access, CallInfo call, CallHeaders headers) {
      try {
        client =
            access.identify(
                headers.get("authorization"), headers.get("api-key"), "flight " + call.method());
      } catch (ServerException e) {
        throw status(e);
      }
    }

    @Override
    public void onBeforeSendingHeaders(CallHeaders headers) {
      // nothing to add
    }

    @Override
    public void onCallCompleted(CallStatus status) {
      // counted where it is answered
    }

    @Override
    public void onCallErrored(Throwable error) {
      // logged where it happened
    }
  }

  private static AccessControl.Client client(CallContext context) {
    Caller caller = context.getMiddleware(CALLER);
    return caller == null ? AccessControl.Client.ANYBODY : caller.client;
  }

  private static FlightRuntimeException status(ServerException e) {
    CallStatus status =
        switch (e.kind()) {
          case INVALID, TOO_LARGE -> CallStatus.INVALID_ARGUMENT;
          case UNAUTHENTICATED -> CallStatus.UNAUTHENTICATED;
          case FORBIDDEN -> CallStatus.UNAUTHORIZED;
          case NOT_FOUND -> CallStatus.NOT_FOUND;
          case ALREADY_EXISTS -> CallStatus.ALREADY_EXISTS;
          case EXHAUSTED -> CallStatus.RESOURCE_EXHAUSTED;
          case UNSUPPORTED -> CallStatus.UNIMPLEMENTED;
          case UNAVAILABLE -> CallStatus.UNAVAILABLE;
          case INTERNAL -> CallStatus.INTERNAL;
        };
    status = status.withDescription(e.text());
    if (e.retryMillis() > 0) {
      ErrorFlightMetadata metadata = new ErrorFlightMetadata();
      metadata.insert("retry-delay-ms", Long.toString(e.retryMillis()));
      status = status.withMetadata(metadata);
    }
    return status.toRuntimeException();
  }

  /** What answering a call does. */
  @FunctionalInterface
  private interface Work<T extends @Nullable Object> {
    T run() throws IOException;
  }

  /** Runs a call; whatever goes wrong becomes a status. */
  private <T extends @Nullable Object> T answer(String operation, Work<T> work) {
    long start = System.nanoTime();
    String status = "OK";
    try {
      return work.run();
    } catch (ServerException e) {
      status = e.kind().name();
      if (e.kind() == ServerException.Kind.INTERNAL) {
        ServerLog.warn("flight " + operation, e);
      }
      throw status(e);
    } catch (FlightRuntimeException e) {
      status = e.status().code().name();
      throw e;
    } catch (IOException | RuntimeException | OutOfMemoryError | StackOverflowError e) {
      status = "INTERNAL";
      ServerLog.warn("flight " + operation, e);
      throw CallStatus.INTERNAL.withDescription("internal error: " + e).toRuntimeException();
    } finally {
      metrics.answered("flight", operation, status, System.nanoTime() - start);
    }
  }

  private static JsonNode json(byte[] bytes) {
    try {
      return JsonBody.JSON.readTree(bytes);
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  private static String name(JsonNode node) {
    String name = node.path(DATASET).asString(node.path(NAME).asString(""));
    if (name.isEmpty()) {
      throw ServerException.invalid("the request names no dataset");
    }
    return name;
  }

  private static String pathOf(FlightDescriptor descriptor, int at) {
    List<String> path = descriptor.isCommand() ? List.of() : descriptor.getPath();
    if (path.size() <= at || path.get(at).isEmpty()) {
      throw ServerException.invalid("missing flight descriptor path");
    }
    return path.get(at);
  }

  // DoPut:

  @Override
  public Runnable acceptPut(
      CallContext context, FlightStream stream, StreamListener<PutResult> listener) {
    return () -> {
      AtomicBoolean told = new AtomicBoolean();
      IngestQueue.Acknowledger acknowledger =
          new IngestQueue.Acknowledger() {
            @Override
            public void acknowledge(ObjectNode status, boolean isLast) {
              byte[] bytes = status.toString().getBytes(StandardCharsets.UTF_8);
              try (ArrowBuf buffer = allocator.buffer(bytes.length)) {
                buffer.writeBytes(bytes);
                listener.onNext(PutResult.metadata(buffer));
              }
            }

            @Override
            public void failed(ServerException failure) {
              if (!told.getAndSet(true)) {
                listener.onError(status(failure));
              }
            }
          };
      try {
        answer(
            "put",
            () -> {
              ingest(client(context), pathOf(stream.getDescriptor(), 0), stream, acknowledger);
              return null;
            });
        if (!told.getAndSet(true)) {
          listener.onCompleted();
        }
      } catch (FlightRuntimeException e) {
        if (!told.getAndSet(true)) {
          listener.onError(e);
        }
      }
    };
  }

  private void ingest(
      AccessControl.Client client,
      String name,
      FlightStream stream,
      IngestQueue.Acknowledger acknowledger) {
    client.require(AccessControl.Scope.WRITE, name);
    CollectionName.check(name);
    IngestQueue queue = null;
    try {
      ArrowPoints points = null;
      while (stream.next()) {
        if (!stream.hasRoot()) {
          continue;
        }
        VectorSchemaRoot root = stream.getRoot();
        if (points == null) {
          points = new ArrowPoints(root);
        }
        if (queue == null && root.getRowCount() == 0) {
          continue; // of what dimension is not known yet
        }
        if (queue == null) {
          Collection collection = collectionFor(name, points, root.getSchema());
          queue = new IngestQueue(collection, options.batchBytes(), acknowledger);
        }
        queue.put(points);
      }
      if (queue != null) {
        queue.finish();
      }
    } catch (RuntimeException e) {
      if (queue != null) {
        queue.requireSound(); // or that is why waiting for a batch was interrupted
      }
      throw e;
    } finally {
      if (queue != null) {
        queue.close();
      }
      boolean _ = Thread.interrupted(); // by the queue
    }
  }

  /** The collection a stream goes into, made if there is none. */
  private Collection collectionFor(String name, ArrowPoints points, Schema schema) {
    CollectionSettings wanted =
        new CollectionSettings(points.dimension(), ArrowPoints.metric(schema), null, null);
    Collection collection = collections.getOrCreate(name, wanted);
    CollectionSettings settings = collection.settings();
    if (settings.dimension() != points.dimension()) {
      throw Collection.dimensionMismatch(settings.dimension(), points.dimension());
    }
    if (schema.getFields().size() > 2) {
      collection.keepSchema(kept -> ArrowRows.merge(kept, schema));
    }
    return collection;
  }

  // DoGet:

  @Override
  public void getStream(CallContext context, Ticket ticket, ServerStreamListener listener) {
    try {
      answer(
          "get",
          () -> {
            get(client(context), ticket, listener);
            return null;
          });
      listener.completed();
    } catch (FlightRuntimeException e) {
      listener.error(e);
    }
  }

  private void get(AccessControl.Client client, Ticket ticket, ServerStreamListener listener)
      throws IOException {
    String text = new String(ticket.getBytes(), StandardCharsets.UTF_8);
    if (!text.stripLeading().startsWith("{")) {
      client.require(AccessControl.Scope.READ, text);
      fetch(collections.get(text), null, Integer.MAX_VALUE, listener);
      return;
    }
    JsonNode request = json(ticket.getBytes());
    JsonNode search = request.path("search");
    if (!search.isMissingNode()) {
      client.require(AccessControl.Scope.READ, name(search));
      search(search, listener);
      return;
    }
    String name = name(request);
    client.require(AccessControl.Scope.READ, name);
    int limit = request.path("limit").asInt(0);
    Filter filter = FlightFilters.parse(request.path("filters"));
    fetch(collections.get(name), filter, limit > 0 ? limit : Integer.MAX_VALUE, listener);
  }

  private void fetch(
      Collection collection, @Nullable Filter filter, int limit, ServerStreamListener listener)
      throws IOException {
    BackpressureStrategy pressure = new BackpressureStrategy.CallbackBackpressureStrategy();
    pressure.register(listener);
    try (VectorSchemaRoot root =
        VectorSchemaRoot.create(ArrowRows.schema(collection.settings()), allocator)) {
      listener.start(root);
      PointId from = null;
      int left = limit;
      while (left > 0) {
        Collection.Page page = collection.scroll(filter, from, Math.min(left, PAGE_ROWS), true);
        if (!page.points().isEmpty()) {
          ArrowRows.fill(root, page.points());
          await(pressure);
          listener.putNext();
          left -= page.points().size();
        }
        from = page.next();
        if (from == null) {
          break;
        }
      }
    }
  }

  private static void await(BackpressureStrategy pressure) {
    BackpressureStrategy.WaitResult result = pressure.waitForListener(CLIENT_WAIT_MILLIS);
    if (result != BackpressureStrategy.WaitResult.READY) {
      throw CallStatus.CANCELLED
          .withDescription("the client does not read: " + result)
          .toRuntimeException();
    }
  }

  /** A search object: collection, queries and what is wanted of each. */
  private record Search(
      Collection collection,
      List<SearchRequest> queries,
      boolean withVectors,
      boolean withDistances,
      boolean explain) {

    Schema schema() {
      boolean texts = collection.settings().idType() == IdType.UTF8;
      return ArrowRows.searchSchema(texts, withDistances, withVectors);
    }
  }

  private Search parse(JsonNode node) {
    Collection collection = collections.get(name(node));
    if (!node.has("k") || node.path("k").asInt(0) < 1) {
      throw ServerException.invalid("k must be at least 1");
    }
    List<float[]> vectors = new ArrayList<>();
    if (node.path("vector").isArray() && !node.path("vector").isEmpty()) {
      vectors.add(JsonBody.toVector(node.path("vector")));
    }
    node.path("vectors").forEach(vector -> vectors.add(JsonBody.toVector(vector)));
    if (vectors.isEmpty()) {
      throw ServerException.invalid("no query vector provided");
    }
    Filter filter = FlightFilters.parse(node.path("filters"));
    int dimension = collection.settings().dimension();
    List<SearchRequest> queries = new ArrayList<>();
    for (float[] vector : vectors) {
      if (vector.length != dimension) {
        throw Collection.dimensionMismatch(dimension, vector.length);
      }
      queries.add(
          new SearchRequest(
              vector,
              node.path("k").asInt(0),
              filter,
              node.path("list").asInt(0),
              node.path("rerank").asInt(0),
              node.path("recall").asDouble(0),
              node.path("dimensions").asInt(0),
              node.path("exact").asBoolean(false)));
    }
    return new Search(
        collection,
        queries,
        node.path("include_vectors").asBoolean(false),
        node.path("return_distance").asBoolean(false),
        node.path("explain").asBoolean(false));
  }

  private Collection.Answer run(Search search, SearchRequest query) {
    return pool.call(() -> search.collection().search(query, false, search.withVectors()));
  }

  private void search(JsonNode node, ServerStreamListener listener) {
    Search search = parse(node);
    Metric metric = search.collection().settings().metric();
    BackpressureStrategy pressure = new BackpressureStrategy.CallbackBackpressureStrategy();
    pressure.register(listener);
    try (VectorSchemaRoot root = VectorSchemaRoot.create(search.schema(), allocator)) {
      boolean started = false;
      for (SearchRequest query : search.queries()) {
        Collection.Answer answer = run(search, query);
        if (!started) {
          listener.start(root); // after the first search: its failure can still be the status
          started = true;
        }
        ArrowRows.fillSearch(root, answer.points(), metric);
        await(pressure);
        if (search.explain()) {
          listener.putNext(buffer(explanation(answer)));
        } else {
          listener.putNext();
        }
      }
    }
  }

  /** Memory that whoever sends it gives back. */
  private ArrowBuf buffer(ObjectNode node) {
    byte[] bytes = node.toString().getBytes(StandardCharsets.UTF_8);
    ArrowBuf buffer = allocator.buffer(bytes.length);
    buffer.writeBytes(bytes);
    return buffer;
  }

  private static ObjectNode explanation(Collection.Answer answer) {
    var result = answer.result();
    return JsonBody.JSON
        .createObjectNode()
        .put("hops", result.hops())
        .put("scored", result.scored())
        .put("reads", result.reads())
        .put("read_bytes", result.readBytes())
        .put("wasted_reads", result.wastedReads())
        .put("cache_hits", result.cacheHits())
        .put("walk_us", result.walkNanos() / 1000)
        .put("wait_us", result.waitNanos() / 1000)
        .put("rerank_us", result.rerankNanos() / 1000);
  }

  // DoExchange:

  @Override
  public void doExchange(CallContext context, FlightStream reader, ServerStreamListener writer) {
    AtomicBoolean told = new AtomicBoolean();
    try {
      answer(
          "exchange",
          () -> {
            exchange(client(context), reader, writer, told);
            return null;
          });
      if (!told.getAndSet(true)) {
        writer.completed();
      }
    } catch (FlightRuntimeException e) {
      if (!told.getAndSet(true)) {
        writer.error(e);
      }
    }
  }

  private void exchange(
      AccessControl.Client client,
      FlightStream reader,
      ServerStreamListener writer,
      AtomicBoolean told) {
    FlightDescriptor descriptor = reader.getDescriptor();
    if (descriptor.isCommand()) {
      String command = new String(descriptor.getCommand(), StandardCharsets.UTF_8);
      if (!command.equals(SEARCH)) {
        throw new ServerException(
            ServerException.Kind.UNSUPPORTED, "unknown exchange command " + command);
      }
      exchangeSearches(client, reader, writer);
      return;
    }
    if (!pathOf(descriptor, 0).equals("ingest")) {
      throw new ServerException(
          ServerException.Kind.UNSUPPORTED, "unknown exchange " + descriptor.getPath());
    }
    ingest(client, pathOf(descriptor, 1), reader, new BatchAcknowledger(writer, told));
  }

  /** Acknowledges each batch of an exchange once, when all of it is durable. */
  private final class BatchAcknowledger implements IngestQueue.Acknowledger {
    private final ServerStreamListener writer;
    private final AtomicBoolean told;
    private final ArrayNode rejected = JsonBody.JSON.createArrayNode();
    private long batch;
    private long rows;

    BatchAcknowledger(ServerStreamListener writer, AtomicBoolean told) {
      this.writer = writer;
      this.told = told;
    }

    @Override
    public void acknowledge(ObjectNode status, boolean isLast) {
      rows += status.path("rows").asLong(0);
      status.path("rejected").forEach(rejected::add);
      if (!isLast) {
        return;
      }
      if (status.path("status").asString("").equals("ok")) {
        status.put("status", "acked");
      }
      status.put("batch_id", batch++).put("rows", rows);
      if (!rejected.isEmpty()) {
        status.set("rejected", rejected.deepCopy());
      }
      writer.putMetadata(buffer(status));
      rows = 0;
      rejected.removeAll();
    }

    @Override
    public void failed(ServerException failure) {
      if (!told.getAndSet(true)) {
        writer.error(status(failure));
      }
    }
  }

  private void exchangeSearches(
      AccessControl.Client client, FlightStream reader, ServerStreamListener writer) {
    BackpressureStrategy pressure = new BackpressureStrategy.CallbackBackpressureStrategy();
    pressure.register(writer);
    Schema schema = ArrowRows.searchSchema(true, true, false);
    try (VectorSchemaRoot reply = VectorSchemaRoot.create(schema, allocator)) {
      boolean started = false;
      while (reader.next()) {
        VectorSchemaRoot root = reader.getRoot();
        ExchangeQueries queries = new ExchangeQueries(root);
        for (int row = 0; row < root.getRowCount(); row++) {
          String name = queries.dataset(row);
          client.require(AccessControl.Scope.READ, name);
          Collection collection = collections.get(name);
          SearchRequest request = SearchRequest.of(queries.vector(row), queries.k(row));
          Collection.Answer answer = pool.call(() -> collection.search(request, false, false));
          if (!started) {
            writer.start(reply);
            started = true;
          }
          ArrowRows.fillSearch(reply, answer.points(), collection.settings().metric());
          await(pressure);
          writer.putNext();
        }
      }
      if (!started) {
        writer.start(reply);
      }
    }
  }

  /** Columns {@code dataset}, {@code k} and {@code query_vector} of a batch of queries. */
  private static final class ExchangeQueries {
    private final VarCharVector datasets;
    private final FieldVector ks;
    private final ArrowPoints vectors;

    ExchangeQueries(VectorSchemaRoot root) {
      FieldVector dataset = root.getVector(DATASET);
      FieldVector k = root.getVector("k");
      if (!(dataset instanceof VarCharVector texts)
          || k == null
          || root.getVector("query_vector") == null) {
        throw ServerException.invalid(
            "schema mismatch: expected columns dataset, k and query_vector, found "
                + root.getSchema());
      }
      this.datasets = texts;
      this.ks = k;
      this.vectors = ArrowPoints.ofVectors(root, root.getVector("query_vector"));
    }

    String dataset(int row) {
      return new String(datasets.get(row), StandardCharsets.UTF_8);
    }

    int k(int row) {
      return ks.getObject(row) instanceof Number number ? number.intValue() : 0;
    }

    float[] vector(int row) {
      return vectors.vector(row);
    }
  }

  // DoAction:

  @Override
  public void doAction(CallContext context, Action action, StreamListener<Result> listener) {
    try {
      answer(
          "action " + (ACTIONS.contains(action.getType()) ? action.getType() : "unknown"),
          () -> {
            act(client(context), action, listener);
            return null;
          });
      listener.onCompleted();
    } catch (FlightRuntimeException e) {
      listener.onError(e);
    }
  }

  private static final List<String> ACTIONS =
      List.of(
          SEARCH,
          "VectorSearchByID",
          "delete",
          "Delete",
          "create",
          "delete-dataset",
          "drop",
          "CreateNamespace",
          "DeleteNamespace",
          "ListNamespaces",
          "check_readiness",
          "ForceSnapshot",
          "snapshot",
          "stats",
          "compact",
          "reopen");

  @Override
  public void listActions(CallContext context, StreamListener<ActionType> listener) {
    for (String action : ACTIONS) {
      listener.onNext(new ActionType(action, action + "; see docs/flight.md"));
    }
    listener.onCompleted();
  }

  private void act(AccessControl.Client client, Action action, StreamListener<Result> listener)
      throws IOException {
    JsonNode body =
        action.getBody().length == 0 ? JsonBody.JSON.createObjectNode() : json(action.getBody());
    AccessControl.Scope read = AccessControl.Scope.READ;
    AccessControl.Scope write = AccessControl.Scope.WRITE;
    switch (action.getType()) {
      case SEARCH -> {
        client.require(read, name(body));
        searchAction(body, listener);
      }
      case "VectorSearchByID" -> {
        client.require(read, name(body));
        searchById(body, listener);
      }
      case "delete", "Delete" -> {
        client.require(write, name(body));
        int deleted = collections.get(name(body)).delete(ids(body));
        send(listener, object().put("status", "deleted").put("deleted", deleted));
      }
      case "create" -> {
        client.require(write, name(body));
        create(body);
        send(listener, object().put("status", "created"));
      }
      case "delete-dataset", "drop" -> {
        client.require(write, name(body));
        collections.drop(name(body));
        send(listener, object().put("status", "deleted"));
      }
      case "CreateNamespace" -> {
        client.require(write, null);
        collections.createNamespace(name(body));
        send(listener, object().put("status", "created"));
      }
      case "DeleteNamespace" -> {
        client.require(write, null);
        collections.dropNamespace(name(body));
        send(listener, object().put("status", "deleted"));
      }
      case "ListNamespaces" -> {
        client.require(read, null);
        ObjectNode reply = object();
        ArrayNode names = reply.putArray("namespaces");
        collections.namespaces().forEach(names::add);
        send(listener, reply.put("count", names.size()));
      }
      case "check_readiness" -> {
        client.require(read, body.has(DATASET) || body.has(NAME) ? name(body) : null);
        send(listener, readiness(body));
      }
      case "ForceSnapshot", "snapshot" -> {
        for (Collection collection : named(client, body)) {
          collection.checkpoint();
        }
        send(listener, object().put("status", "ok"));
      }
      case "compact" -> {
        for (Collection collection : named(client, body)) {
          collection.compact();
        }
        send(listener, object().put("status", "ok"));
      }
      case "reopen" -> {
        client.require(write, name(body));
        Collection collection = collections.get(name(body));
        String codec = body.path("codec").asString("");
        boolean ready =
            collection.reopen(
                body.path("repair").asBoolean(false),
                codec.isEmpty() ? null : HttpApi.codec(codec));
        send(listener, object().put("ready", ready).put("reason", collection.reason()));
      }
      case "stats" -> send(listener, stats(client, body));
      default ->
          throw new ServerException(
              ServerException.Kind.UNSUPPORTED, "unknown action " + action.getType());
    }
  }

  private static ObjectNode object() {
    return JsonBody.JSON.createObjectNode();
  }

  private static void send(StreamListener<Result> listener, ObjectNode reply) {
    listener.onNext(new Result(reply.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static List<PointId> ids(JsonNode body) {
    List<PointId> ids = new ArrayList<>();
    if (body.has("id")) {
      ids.add(QdrantFilters.pointId(body.path("id")));
    }
    body.path("ids").forEach(id -> ids.add(QdrantFilters.pointId(id)));
    if (ids.isEmpty()) {
      throw ServerException.invalid("the request names no id");
    }
    return ids;
  }

  private void create(JsonNode body) {
    Schema schema =
        new Schema(
            List.of(), java.util.Map.of("arbalest.metric", body.path("metric").asString("cosine")));
    CollectionSettings settings =
        new CollectionSettings(
            body.path("dimension").asInt(0), ArrowPoints.metric(schema), null, null);
    Collection _ = collections.create(name(body), settings);
  }

  /** The collection a request names, or all of them. */
  private List<Collection> named(AccessControl.Client client, JsonNode body) {
    boolean one = body.has(DATASET) || body.has(NAME);
    client.require(AccessControl.Scope.WRITE, one ? name(body) : null);
    return one ? List.of(collections.get(name(body))) : collections.list();
  }

  private ObjectNode readiness(JsonNode body) {
    boolean one = body.has(DATASET) || body.has(NAME);
    if (one && !collections.has(name(body))) {
      return object().put("status", "NOT_FOUND").put(DATASET, name(body));
    }
    List<Collection> asked = one ? List.of(collections.get(name(body))) : collections.list();
    ObjectNode reply = object();
    boolean busy = asked.stream().anyMatch(c -> c.state() == Collection.State.LOADING);
    boolean out = one && asked.stream().anyMatch(c -> c.state() == Collection.State.QUARANTINED);
    reply.put("status", busy || out ? "BUSY" : "READY");
    ObjectNode states = reply.putObject("collections");
    asked.forEach(c -> states.put(c.name(), c.state().name()));
    if (out) {
      reply.put("reason", asked.getFirst().reason());
    }
    return reply;
  }

  private ObjectNode stats(AccessControl.Client client, JsonNode body) {
    boolean one = body.has(DATASET) || body.has(NAME);
    client.require(AccessControl.Scope.READ, one ? name(body) : null);
    ObjectNode reply = object();
    ArrayNode all = reply.putArray("collections");
    for (Collection collection : one ? List.of(collections.get(name(body))) : collections.list()) {
      ObjectNode figures = all.addObject();
      figures.put(NAME, collection.name());
      figures.put("state", collection.state().name());
      figures.put("reason", collection.reason());
      if (collection.state() == Collection.State.READY) {
        Collection.Stats stats = collection.stats();
        figures.put("dimension", collection.settings().dimension());
        figures.put("rows", stats.points());
        figures.put("slots", stats.slots());
        figures.put("unlinked", stats.unlinked());
        figures.put("memory_bytes", stats.memoryBytes());
        figures.put("log_bytes", stats.logBytes());
      }
    }
    return reply;
  }

  private void searchAction(JsonNode body, StreamListener<Result> listener) throws IOException {
    Search search = parse(body);
    for (SearchRequest query : search.queries()) {
      List<Collection.Point> points;
      try {
        points = run(search, query).points();
      } catch (ServerException e) {
        if (search.queries().size() == 1) {
          throw e;
        }
        points = List.of(); // positions of the others hold
      }
      listener.onNext(new Result(stream(search, points)));
    }
  }

  private void searchById(JsonNode body, StreamListener<Result> listener) throws IOException {
    Collection collection = collections.get(name(body));
    PointId id = ids(body).getFirst();
    List<Collection.Point> self = collection.retrieve(List.of(id), true);
    float[] vector = self.isEmpty() ? null : self.getFirst().vector();
    if (vector == null) {
      throw new ServerException(
          ServerException.Kind.NOT_FOUND, "id " + id + " not found in " + collection.name());
    }
    int k = body.path("k").asInt(0);
    SearchRequest request = SearchRequest.of(vector, k);
    Search search =
        new Search(
            collection,
            List.of(request),
            body.path("include_vectors").asBoolean(false),
            body.path("return_distance").asBoolean(false),
            false);
    listener.onNext(new Result(stream(search, run(search, request).points())));
  }

  /** What a search found as a complete Arrow IPC stream. */
  private byte[] stream(Search search, List<Collection.Point> points) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (VectorSchemaRoot root = VectorSchemaRoot.create(search.schema(), allocator);
        ArrowStreamWriter writer = new ArrowStreamWriter(root, null, Channels.newChannel(bytes))) {
      writer.start();
      if (!points.isEmpty()) {
        ArrowRows.fillSearch(root, points, search.collection().settings().metric());
        writer.writeBatch();
      }
      writer.end();
    }
    return bytes.toByteArray();
  }

  // Information:

  @Override
  public void listFlights(
      CallContext context, Criteria criteria, StreamListener<FlightInfo> listener) {
    try {
      answer(
          "list",
          () -> {
            byte[] expression = criteria.getExpression();
            JsonNode wanted =
                expression == null || expression.length == 0 ? object() : json(expression);
            AccessControl.Client client = client(context);
            for (Collection collection : collections.list()) {
              if (client.sees(collection.name())
                  && collection.state() == Collection.State.READY
                  && matches(collection, wanted)) {
                listener.onNext(info(collection));
              }
            }
            return null;
          });
      listener.onCompleted();
    } catch (FlightRuntimeException e) {
      listener.onError(e);
    }
  }

  private static boolean matches(Collection collection, JsonNode criteria) {
    JsonNode filters = criteria.isArray() ? criteria : criteria.path("filters");
    for (JsonNode filter : filters) {
      String field = filter.path("field").asString("");
      String operator = filter.path("operator").asString(filter.path("op").asString(""));
      if (field.equals(NAME)) {
        String text = filter.path("value").asString("");
        boolean same = operator.equals("==") || operator.equals("eq");
        if (same ? !collection.name().equals(text) : !collection.name().contains(text)) {
          return false;
        }
      } else if (field.equals("rows")) {
        long rows = collection.count();
        long value = filter.path("value").asLong(0);
        boolean holds =
            switch (operator) {
              case ">", "gt" -> rows > value;
              case "<", "lt" -> rows < value;
              default -> rows == value;
            };
        if (!holds) {
          return false;
        }
      } else {
        throw ServerException.invalid("criteria filter name and rows, found \"" + field + "\"");
      }
    }
    return true;
  }

  @Override
  public FlightInfo getFlightInfo(CallContext context, FlightDescriptor descriptor) {
    return answer(
        "info",
        () -> {
          String name = pathOf(descriptor, 0);
          client(context).require(AccessControl.Scope.READ, name);
          return info(collections.get(name));
        });
  }

  private static FlightInfo info(Collection collection) throws IOException {
    CollectionSettings settings = collection.settings();
    long rows = collection.count();
    Ticket ticket = new Ticket(collection.name().getBytes(StandardCharsets.UTF_8));
    return new FlightInfo(
        ArrowRows.schema(settings),
        FlightDescriptor.path(collection.name()),
        List.of(new FlightEndpoint(ticket, Location.reuseConnection())),
        rows * settings.dimension() * 4,
        rows);
  }

  private void closeAllocator() {
    try {
      allocator.close();
    } catch (IllegalStateException e) {
      ServerLog.warn("buffers of calls that were cut off are left", e);
    }
  }

  /** Lets calls under way end, then stops. */
  @Override
  public void close() throws IOException {
    try {
      server.shutdown();
      if (!server.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        ServerLog.warn("flight calls were still under way after " + STOP_SECONDS + " s", null);
      }
      server.close();
      executor.close();
      closeAllocator();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while stopping", e);
    }
  }
}
