// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.IdType;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.SearchAnswer;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.SearchRequest;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.Scores;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.vector.Metric;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
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
import tools.jackson.databind.node.ArrayNode;
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

  /** A search object: collection, queries and the parameters of each. */
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
        throw CollectionException.dimensionMismatch(dimension, vector.length);
      }
      return options.withVector(vector);
    }
  }

  private Search parse(FlightRequest request) {
    JsonNode node = request.body();
    Collection collection = collections.get(request.name());
    int k = JsonBody.integer(node.path("k"), "k", 0, 1, Integer.MAX_VALUE);
    if (k == 0) {
      throw CollectionException.invalid("k must be at least 1");
    }
    List<JsonNode> vectors = new ArrayList<>();
    if (node.path("vector").isArray() && !node.path("vector").isEmpty()) {
      vectors.add(node.path("vector"));
    }
    node.path("vectors").forEach(vectors::add);
    if (vectors.isEmpty()) {
      throw CollectionException.invalid("no query vector provided");
    }
    SearchRequest options =
        new SearchRequest(
            "",
            new float[0],
            k,
            FlightFilters.parse(node.path("filters"), collection.settings()),
            JsonBody.integer(node.path("list"), "list", 0, 0, Integer.MAX_VALUE),
            JsonBody.integer(node.path("rerank"), "rerank", 0, 0, Integer.MAX_VALUE),
            JsonBody.share(node.path("recall"), "recall"),
            JsonBody.integer(node.path("dimensions"), "dimensions", 0, 0, Integer.MAX_VALUE),
            JsonBody.flag(node.path("exact"), "exact"));
    return new Search(
        collection,
        vectors,
        options,
        node.path("include_vectors").asBoolean(false),
        node.path("return_distance").asBoolean(false),
        node.path("explain").asBoolean(false));
  }

  private SearchAnswer run(Search search, SearchRequest query) {
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
        SearchAnswer answer = run(search, query);
        if (!started) {
          listener.start(root); // after the first search: its failure can still be the status
          started = true;
        }
        ArrowRows.fillSearch(root, answer.points(), metric);
        FlightReplies.await(pressure);
        if (search.explain()) {
          listener.putNext(FlightReplies.buffer(allocator, answer.explanation()));
        } else {
          listener.putNext();
        }
      }
    }
  }

  /** Answers rows of dataset, k and query vector with a batch each; failed ones with none in it. */
  void exchange(AccessControl.Client client, FlightStream reader, ServerStreamListener writer) {
    BatchCopyGuard copying = new BatchCopyGuard();
    BackpressureStrategy pressure =
        new BackpressureStrategy.CallbackBackpressureStrategy() {
          @Override
          protected void cancelCallback() { // in addition to waking the waiting thread
            copying.cancel();
          }
        };
    pressure.register(writer);
    Schema schema = ArrowRows.searchSchema(true, true, false);
    try (VectorSchemaRoot reply = VectorSchemaRoot.create(schema, allocator)) {
      writer.start(reply);
      while (reader.next()) {
        for (int row = 0; reader.hasRoot() && row < reader.getRoot().getRowCount(); row++) {
          int at = row;
          Asked[] asked = new Asked[1];
          copying.run(() -> asked[0] = Asked.of(reader.getRoot(), at));
          exchange(client, asked[0], row, reply, writer, pressure);
        }
        copying.run(() -> {
          if (reader.hasRoot()) {
            reader.getRoot().clear(); // while the next is waited for, others may have the memory
          }
        });
      }
    }
  }

  private void exchange(
      AccessControl.Client client,
      Asked asked,
      int row,
      VectorSchemaRoot reply,
      ServerStreamListener writer,
      BackpressureStrategy pressure) {
    ObjectNode error = null;
    try {
      asked.requireSound();
      client.require(AccessControl.Scope.READ, asked.dataset());
      Collection collection = collections.get(asked.dataset());
      SearchRequest request = SearchRequest.of(asked.vector(), asked.k());
      SearchAnswer answer = pool.call(() -> collection.search(request, false, false));
      ArrowRows.fillSearch(reply, answer.points(), collection.settings().metric());
    } catch (CollectionException e) {
      ServerLog.fault("a row of an exchange", e);
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

  /**
   * A row of an exchange.
   *
   * @param problem why it cannot be answered, or the empty string
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Asked(String dataset, int k, float[] vector, String problem) {
    static Asked of(VectorSchemaRoot root, int row) {
      FieldVector k = root.getVector("k");
      FieldVector vector = root.getVector("query_vector");
      if (!(root.getVector("dataset") instanceof VarCharVector names)
          || k == null
          || vector == null) {
        throw CollectionException.invalid(
            "schema mismatch: expected columns dataset, k and query_vector, found "
                + root.getSchema());
      }
      return of(names, k, ArrowPoints.ofVectors(root, vector), row);
    }

    private static Asked of(VarCharVector names, FieldVector k, ArrowPoints vectors, int row) {
      int wanted = k.getObject(row) instanceof Number number ? number.intValue() : 0;
      if (names.isNull(row)) {
        return new Asked("", wanted, new float[0], "the row names no dataset");
      }
      String name = new String(names.get(row), StandardCharsets.UTF_8);
      try {
        return new Asked(name, wanted, vectors.vector(row), "");
      } catch (CollectionException e) {
        return new Asked(name, wanted, new float[0], e.text());
      }
    }

    void requireSound() {
      if (!problem.isEmpty()) {
        throw CollectionException.invalid(problem);
      }
    }
  }

  /** Answers an action with an Arrow stream per query. */
  void answer(FlightRequest request, StreamListener<Result> listener) throws IOException {
    Search search = parse(request);
    for (JsonNode vector : search.vectors()) {
      List<Point> points;
      try {
        points = run(search, search.query(vector)).points();
      } catch (CollectionException e) {
        boolean isOfThisQuery =
            e.kind() == CollectionException.Kind.INVALID
                || e.kind() == CollectionException.Kind.INTERNAL;
        if (search.vectors().size() == 1 || !isOfThisQuery) {
          throw e;
        }
        ServerLog.fault("a query of several", e);
        points = List.of(); // positions of the others hold
      }
      listener.onNext(new Result(stream(search, points)));
    }
  }

  /** Answers a search for the vector of a point, as existing clients read it: JSON. */
  ObjectNode answerById(FlightRequest body) {
    Collection collection = collections.get(body.name());
    PointId id = body.ids().getFirst();
    List<Point> self = collection.retrieve(List.of(id), true);
    float[] vector = self.isEmpty() ? null : self.getFirst().dense("");
    if (vector == null) {
      throw new CollectionException(
          CollectionException.Kind.NOT_FOUND, "id " + id + " not found in " + collection.name());
    }
    SearchRequest request =
        SearchRequest.of(vector, JsonBody.integer(body.get("k"), "k", 0, 1, Integer.MAX_VALUE));
    Metric metric = collection.settings().metric();
    ObjectNode reply = FlightReplies.object();
    ArrayNode ids = reply.putArray("ids");
    ArrayNode scores = reply.putArray("scores");
    boolean withDistances = body.get("return_distance").asBoolean(false);
    for (Point point : pool.call(() -> collection.search(request, false, false)).points()) {
      if (point.id().text() == null) {
        ids.add(new BigInteger(Long.toUnsignedString(point.id().number()))); // as in a uint64
      } else {
        ids.add(point.id().text());
      }
      scores.add(Scores.flight(metric, point.distance()));
      if (withDistances) {
        reply.withArray("distances").add(Scores.distance(metric, point.distance()));
      }
    }
    return reply;
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
