// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.PointPage;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.access.GrpcConnections;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.ServerOptions;
import io.grpc.ServerBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.ActionType;
import org.apache.arrow.flight.BackpressureStrategy;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.NoOpFlightProducer;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.Result;
import org.apache.arrow.flight.Ticket;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The server's end of Arrow Flight: dispatches each call and reports its outcome. Thread-safe. */
public final class FlightService extends NoOpFlightProducer implements AutoCloseable {
  private static final int PAGE_ROWS = 256;
  private static final long MEBI = 1 << 20;
  private static final long SLACK = 64 * MEBI;
  private static final int MAX_HEADER_BYTES = 64 << 10;
  private static final String NO_OPERATOR = "criteria have no such operator for ";
  private static final long STOP_SECONDS = 10;

  private final Collections collections;
  private final FlightCalls calls;
  private final FlightIngest ingest;
  private final FlightSearch search;
  private final FlightActions actions;
  private final DescriptorTimeout descriptors = new DescriptorTimeout();

  /** Allocates outgoing batches. */
  private final BufferAllocator allocator;

  private final MessageMemoryLimit memory;

  /** For what comes. */
  private final BufferAllocator incoming;

  private final ExecutorService executor;

  /** Within which a connection must have said that it speaks Flight. */
  private static final int HANDSHAKE_SECONDS = 10;

  private static final int IDLE_MINUTES = 30;

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
    requireOpenBuffers();
    this.collections = collections;
    this.allocator = new RootAllocator(Math.max(options.memoryBytes() / 4, 256 * MEBI));
    long largest = 2L * options.flightBatchBytes() + MEBI; // which is read to say why it is refused
    this.memory = new MessageMemoryLimit(2 * largest);
    this.incoming = new RootAllocator(memory, 2 * largest + SLACK);
    metrics.watchIncoming(memory::taken);
    this.calls = new FlightCalls(metrics, access);
    this.ingest = new FlightIngest(collections, allocator, options);
    metrics.watchStreams(ingest::active);
    this.search = new FlightSearch(collections, pool, allocator);
    this.actions = new FlightActions(collections, search);
    this.executor = Executors.newVirtualThreadPerTaskExecutor();
    ServerOptions.Tls tls = options.tls();
    Location location =
        tls == null
            ? Location.forGrpcInsecure(options.host(), options.flightPort())
            : Location.forGrpcTls(options.host(), options.flightPort());
    FlightServer.Builder builder =
        FlightServer.builder(incoming, location, this)
            .executor(executor)
            .setMaxHeaderListSize(MAX_HEADER_BYTES)
            .maxInboundMessageSize((int) Math.min(Integer.MAX_VALUE, largest))
            .transportHint(
                "grpc.builderConsumer",
                (Consumer<ServerBuilder<?>>) grpc -> limit(grpc, options.addressConnections()));
    calls.identify(builder);
    if (tls != null) {
      builder.useTls(tls.certificate().toFile(), tls.key().toFile());
      if (tls.clients() != null) {
        builder.useMTlsClientVerification(tls.clients().toFile());
      }
    }
    this.server = builder.build();
  }

  private static void limit(ServerBuilder<?> grpc, int connectionsPerAddress) {
    GrpcConnections connections = new GrpcConnections(connectionsPerAddress);
    grpc.intercept(new MessageFlowControl())
        .intercept(connections)
        .addTransportFilter(connections)
        .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
        .maxConnectionIdle(IDLE_MINUTES, TimeUnit.MINUTES);
  }

  /** Starts to listen. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static FlightService start(
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

  public int port() {
    return server.getPort();
  }

  @Override
  public Runnable acceptPut(
      CallContext context, FlightStream stream, StreamListener<PutResult> listener) {
    return () ->
        calls.run(
            context,
            "put",
            () -> ingest.put(FlightCalls.client(context), descriptors.of(stream), stream, listener),
            listener::onCompleted,
            listener::onError);
  }

  @Override
  public void getStream(CallContext context, Ticket ticket, ServerStreamListener listener) {
    calls.run(
        context,
        "get",
        () -> get(FlightCalls.client(context), ticket, listener),
        listener::completed,
        listener::error);
  }

  private void get(AccessControl.Client client, Ticket ticket, ServerStreamListener listener)
      throws IOException {
    String text = new String(ticket.getBytes(), StandardCharsets.UTF_8);
    if (!text.stripLeading().startsWith("{")) {
      client.require(AccessControl.Scope.READ, text);
      fetch(collections.get(text), null, Integer.MAX_VALUE, listener);
      return;
    }
    FlightRequest request = FlightRequest.parse(ticket.getBytes());
    if (request.body().has("search")) {
      FlightRequest searching = new FlightRequest(request.get("search"));
      client.require(AccessControl.Scope.READ, searching.name());
      search.answer(searching, listener);
      return;
    }
    String name = request.name();
    client.require(AccessControl.Scope.READ, name);
    int limit = JsonBody.integer(request.get("limit"), "limit", 0, 0, Integer.MAX_VALUE);
    Collection collection = collections.get(name);
    Filter filter = FlightFilters.parse(request.get("filters"), collection.settings());
    fetch(collection, filter, limit > 0 ? limit : Integer.MAX_VALUE, listener);
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
        PointPage page = collection.scroll(filter, from, Math.min(left, PAGE_ROWS), true);
        if (!page.points().isEmpty()) {
          ArrowRows.fill(root, page.points());
          FlightReplies.await(pressure);
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

  @Override
  public void doExchange(CallContext context, FlightStream reader, ServerStreamListener writer) {
    calls.run(
        context,
        "exchange",
        () -> exchange(FlightCalls.client(context), reader, writer),
        writer::completed,
        writer::error);
  }

  private void exchange(
      AccessControl.Client client, FlightStream reader, ServerStreamListener writer) {
    FlightDescriptor descriptor = descriptors.of(reader);
    if (descriptor.isCommand()) {
      String command = new String(descriptor.getCommand(), StandardCharsets.UTF_8);
      if (!command.equals(FlightSearch.COMMAND)) {
        throw new CollectionException(
            CollectionException.Kind.UNSUPPORTED, "unknown exchange command " + command);
      }
      search.exchange(client, reader, writer);
      return;
    }
    if (!FlightRequest.pathOf(descriptor, 0).equals("ingest")) {
      throw new CollectionException(
          CollectionException.Kind.UNSUPPORTED, "unknown exchange " + descriptor.getPath());
    }
    ingest.exchange(client, descriptor, reader, writer);
  }

  @Override
  public void doAction(CallContext context, Action action, StreamListener<Result> listener) {
    String type = action.getType();
    calls.run(
        context,
        "action " + (FlightActions.TYPES.contains(type) ? type : "unknown"),
        () -> actions.run(FlightCalls.client(context), action, listener),
        listener::onCompleted,
        listener::onError);
  }

  @Override
  public void listActions(CallContext context, StreamListener<ActionType> listener) {
    for (String action : FlightActions.TYPES) {
      listener.onNext(new ActionType(action, action + "; see docs/flight.md"));
    }
    listener.onCompleted();
  }

  @Override
  public void listFlights(
      CallContext context, Criteria criteria, StreamListener<FlightInfo> listener) {
    calls.run(
        context,
        "list",
        () -> list(FlightCalls.client(context), criteria.getExpression(), listener),
        listener::onCompleted,
        listener::onError);
  }

  private void list(
      AccessControl.Client client,
      byte @Nullable [] expression,
      StreamListener<FlightInfo> listener)
      throws IOException {
    JsonNode wanted = FlightRequest.parse(expression).body();
    client.require(AccessControl.Scope.READ);
    for (Collection collection : collections.list()) {
      if (!client.sees(collection.name()) || !collection.isInService()) {
        continue;
      }
      FlightInfo info;
      try {
        if (!matches(collection, wanted) || !hasUnnamed(collection)) {
          continue;
        }
        info = info(collection);
      } catch (CollectionException e) {
        if (e.kind() == CollectionException.Kind.INVALID) {
          throw e;
        }
        ServerLog.warn("collection " + collection.name() + " is left out of a list", e);
        continue;
      }
      listener.onNext(info);
    }
  }

  private static boolean matches(Collection collection, JsonNode criteria) {
    JsonNode filters = criteria.isArray() ? criteria : criteria.path("filters");
    for (JsonNode filter : filters) {
      String field = filter.path("field").asString("");
      String operator = filter.path("operator").asString(filter.path("op").asString(""));
      if (field.equals("name")) {
        String text = filter.path("value").asString("");
        boolean holds =
            switch (operator) {
              case "==", "eq" -> collection.name().equals(text);
              case "", "contains" -> collection.name().contains(text);
              default -> throw CollectionException.invalid(NO_OPERATOR + "name: " + operator);
            };
        if (!holds) {
          return false;
        }
      } else if (field.equals("rows")) {
        long rows = collection.count();
        long value =
            JsonBody.integer(filter.path("value"), "value", 0L, Long.MIN_VALUE, Long.MAX_VALUE);
        boolean holds =
            switch (operator) {
              case ">", "gt" -> rows > value;
              case "<", "lt" -> rows < value;
              case "==", "eq" -> rows == value;
              default -> throw CollectionException.invalid(NO_OPERATOR + "rows: " + operator);
            };
        if (!holds) {
          return false;
        }
      } else {
        throw CollectionException.invalid("criteria filter name and rows, found \"" + field + "\"");
      }
    }
    return true;
  }

  @Override
  public FlightInfo getFlightInfo(CallContext context, FlightDescriptor descriptor) {
    return calls.answer(
        context,
        "info",
        () -> {
          String name = FlightRequest.pathOf(descriptor, 0);
          FlightCalls.client(context).require(AccessControl.Scope.READ, name);
          return info(collections.get(name));
        });
  }

  /** Arrow's rows have the vector without a name. */
  private static boolean hasUnnamed(Collection collection) {
    VectorSpec unnamed = collection.settings().find("");
    return unnamed != null && unnamed.kind() == VectorSpec.Kind.DENSE;
  }

  private static FlightInfo info(Collection collection) throws IOException {
    CollectionSettings settings = collection.settings();
    CollectionStats stats = collection.stats();
    return new FlightInfo(
        ArrowRows.schema(settings),
        FlightDescriptor.path(collection.name()),
        List.of(new FlightEndpoint(ticket(collection.name()), Location.reuseConnection())),
        4L * stats.points() * settings.dimension() + stats.attributeBytes(),
        stats.points());
  }

  /** What fetches a collection: its name, unless that looks like a request. */
  private static Ticket ticket(String name) {
    String text =
        name.stripLeading().startsWith("{")
            ? FlightReplies.object().put("name", name).toString()
            : name;
    return new Ticket(text.getBytes(StandardCharsets.UTF_8));
  }

  private void closeAllocator() {
    try (BufferAllocator _ = incoming) {
      allocator.close();
    } catch (IllegalStateException e) {
      ServerLog.warn("buffers of calls that were cut off are left", e);
    }
  }

  /** Lets running calls finish, then stops. */
  @Override
  public void close() throws IOException {
    try {
      server.shutdown();
      descriptors.cancel(); // those calls have not begun
      if (!server.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        ServerLog.warn("flight calls were still running after " + STOP_SECONDS + " s", null);
      }
      server.close();
      memory.close(); // threads that wait for memory give up
      executor.shutdown();
      if (!executor.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        ServerLog.warn("flight calls do not end; they are left", null);
      }
      closeAllocator();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while stopping", e);
    } finally {
      memory.close();
    }
  }
}
