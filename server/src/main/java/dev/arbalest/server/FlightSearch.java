package dev.arbalest.server;

import dev.arbalest.natives.Metric;
import dev.arbalest.ssd.IdType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flight.BackpressureStrategy;
import org.apache.arrow.flight.FlightProducer.ServerStreamListener;
import org.apache.arrow.flight.FlightProducer.StreamListener;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Result;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.pojo.Schema;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Searches over Arrow Flight: in tickets, in actions and in exchanges. Thread-safe. */
final class FlightSearch {
  /** Name of the command and of the action. */
  static final String COMMAND = "VectorSearch";

  private final Collections collections;
  private final SearchPool pool;
  private final BufferAllocator allocator;

  FlightSearch(Collections collections, SearchPool pool, BufferAllocator allocator) {
    this.collections = collections;
    this.pool = pool;
    this.allocator = allocator;
  }

  /** A search object: collection, queries and what is wanted of each. */
  private record Search(
      Collection collection,
      List<JsonNode> vectors,
      SearchRequest options,
      boolean withVectors,
      boolean withDistances,
      boolean explain) {

    Schema schema() {
      boolean texts = collection.settings().idType() == IdType.UTF8;
      return ArrowRows.searchSchema(texts, withDistances, withVectors);
    }

    /** One of the queries. */
    SearchRequest query(JsonNode node) {
      float[] vector = JsonBody.toVector(node);
      int dimension = collection.settings().dimension();
      if (vector.length != dimension) {
        throw Collection.dimensionMismatch(dimension, vector.length);
      }
      return options.withVector(vector);
    }
  }

  private Search parse(FlightRequest request) {
    JsonNode node = request.body();
    Collection collection = collections.get(request.name());
    if (!node.has("k") || node.path("k").asInt(0) < 1) {
      throw ServerException.invalid("k must be at least 1");
    }
    List<JsonNode> vectors = new ArrayList<>();
    if (node.path("vector").isArray() && !node.path("vector").isEmpty()) {
      vectors.add(node.path("vector"));
    }
    node.path("vectors").forEach(vectors::add);
    if (vectors.isEmpty()) {
      throw ServerException.invalid("no query vector provided");
    }
    SearchRequest options =
        new SearchRequest(
            new float[0],
            node.path("k").asInt(0),
            FlightFilters.parse(node.path("filters")),
            node.path("list").asInt(0),
            node.path("rerank").asInt(0),
            node.path("recall").asDouble(0),
            node.path("dimensions").asInt(0),
            node.path("exact").asBoolean(false));
    return new Search(
        collection,
        vectors,
        options,
        node.path("include_vectors").asBoolean(false),
        node.path("return_distance").asBoolean(false),
        node.path("explain").asBoolean(false));
  }

  private Collection.Answer run(Search search, SearchRequest query) {
    return pool.call(() -> search.collection().search(query, false, search.withVectors()));
  }

  /** Answers a ticket with a batch per query. */
  void answer(FlightRequest request, ServerStreamListener listener) {
    Search search = parse(request);
    List<SearchRequest> queries = search.vectors().stream().map(search::query).toList();
    Metric metric = search.collection().settings().metric();
    BackpressureStrategy pressure = new BackpressureStrategy.CallbackBackpressureStrategy();
    pressure.register(listener);
    try (VectorSchemaRoot root = VectorSchemaRoot.create(search.schema(), allocator)) {
      boolean started = false;
      for (SearchRequest query : queries) {
        Collection.Answer answer = run(search, query);
        if (!started) {
          listener.start(root); // after the first search: its failure can still be the status
          started = true;
        }
        ArrowRows.fillSearch(root, answer.points(), metric);
        FlightReplies.await(pressure);
        if (search.explain()) {
          listener.putNext(FlightReplies.buffer(allocator, explanation(answer)));
        } else {
          listener.putNext();
        }
      }
    }
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

  /** Answers rows of dataset, k and query vector with a batch each; failed ones with none in it. */
  void exchange(AccessControl.Client client, FlightStream reader, ServerStreamListener writer) {
    BackpressureStrategy pressure = new BackpressureStrategy.CallbackBackpressureStrategy();
    pressure.register(writer);
    Schema schema = ArrowRows.searchSchema(true, true, false);
    try (VectorSchemaRoot reply = VectorSchemaRoot.create(schema, allocator)) {
      writer.start(reply);
      while (reader.next()) {
        if (!reader.hasRoot()) {
          continue; // a message of metadata alone
        }
        ExchangeQueries queries = new ExchangeQueries(reader.getRoot());
        for (int row = 0; row < queries.count(); row++) {
          exchange(client, queries, row, reply, writer, pressure);
        }
      }
    }
  }

  private void exchange(
      AccessControl.Client client,
      ExchangeQueries queries,
      int row,
      VectorSchemaRoot reply,
      ServerStreamListener writer,
      BackpressureStrategy pressure) {
    ObjectNode error = null;
    try {
      String name = queries.dataset(row);
      client.require(AccessControl.Scope.READ, name);
      Collection collection = collections.get(name);
      SearchRequest request = SearchRequest.of(queries.vector(row), queries.k(row));
      Collection.Answer answer = pool.call(() -> collection.search(request, false, false));
      ArrowRows.fillSearch(reply, answer.points(), collection.settings().metric());
    } catch (ServerException e) {
      if (e.kind() == ServerException.Kind.INTERNAL) {
        ServerLog.warn("a row of an exchange", e);
      }
      ArrowRows.fillSearch(reply, List.of(), Metric.COSINE);
      error = FlightReplies.object().put("row", row).put("error", e.text());
    }
    FlightReplies.await(pressure);
    if (error == null) {
      writer.putNext();
    } else {
      writer.putNext(FlightReplies.buffer(allocator, error));
    }
  }

  /** Columns {@code dataset}, {@code k} and {@code query_vector} of a batch of queries. */
  private static final class ExchangeQueries {
    private final VarCharVector datasets;
    private final FieldVector ks;
    private final ArrowPoints vectors;

    ExchangeQueries(VectorSchemaRoot root) {
      FieldVector dataset = root.getVector("dataset");
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

    int count() {
      return vectors.count();
    }

    String dataset(int row) {
      if (datasets.isNull(row)) {
        throw ServerException.invalid("the row names no dataset");
      }
      return new String(datasets.get(row), StandardCharsets.UTF_8);
    }

    int k(int row) {
      return ks.getObject(row) instanceof Number number ? number.intValue() : 0;
    }

    float[] vector(int row) {
      return vectors.vector(row);
    }
  }

  /** Answers an action with an Arrow stream per query. */
  void answer(FlightRequest request, StreamListener<Result> listener) throws IOException {
    Search search = parse(request);
    for (JsonNode vector : search.vectors()) {
      List<Point> points;
      try {
        points = run(search, search.query(vector)).points();
      } catch (ServerException e) {
        if (search.vectors().size() == 1 || e.kind() != ServerException.Kind.INVALID) {
          throw e;
        }
        points = List.of(); // positions of the others hold
      }
      listener.onNext(new Result(stream(search, points)));
    }
  }

  /** The same for the vector of a point. */
  void answerById(FlightRequest body, StreamListener<Result> listener) throws IOException {
    Collection collection = collections.get(body.name());
    PointId id = body.ids().getFirst();
    List<Point> self = collection.retrieve(List.of(id), true);
    float[] vector = self.isEmpty() ? null : self.getFirst().vector();
    if (vector == null) {
      throw new ServerException(
          ServerException.Kind.NOT_FOUND, "id " + id + " not found in " + collection.name());
    }
    int k = body.get("k").asInt(0);
    SearchRequest request = SearchRequest.of(vector, k);
    Search search =
        new Search(
            collection,
            List.of(),
            request,
            body.get("include_vectors").asBoolean(false),
            body.get("return_distance").asBoolean(false),
            false);
    listener.onNext(new Result(stream(search, run(search, request).points())));
  }

  /** What a search found as a complete Arrow IPC stream. */
  private byte[] stream(Search search, List<Point> points) throws IOException {
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
}
