// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.access.TlsFiles;
import dev.arbalest.server.flight.FlightService;
import dev.arbalest.server.grpc.GrpcService;
import dev.arbalest.server.http.ConnectionGuard;
import dev.arbalest.server.http.HttpApi;
import dev.arbalest.server.http.OwnEncodings;
import dev.arbalest.server.metrics.JfrRecorder;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.BadOptionException;
import dev.arbalest.server.model.ServerOptions;
import io.helidon.common.tls.TlsClientAuth;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * A running server: collections, Arrow Flight, gRPC and HTTP. It answers as soon as it is made;
 * collections become ready one after the other. Thread-safe.
 */
public final class Server implements AutoCloseable {
  private static final int MAX_CONNECTIONS = 8192;

  /** Within which the head of a connection's next request must have come. */
  private static final int IDLE_SECONDS = 180;

  /** What has not sent a byte for so long is gone. */
  private static final Duration SILENCE = Duration.ofSeconds(IDLE_SECONDS + 60);

  private static final int MAX_REQUESTS = 1024;
  private static final Duration GRACE = Duration.ofSeconds(10);

  private final ServerOptions options;
  private final Collections collections;
  private final SearchPool pool;
  private final JfrRecorder recorder;
  private final HttpApi http;
  private final ConnectionGuard guard;
  private final WebServer web;
  private final FlightService flight;
  private final @Nullable GrpcService grpc;
  private boolean closed;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed by close(), or on failure
  private Server(ServerOptions options) throws IOException {
    this.options = options;
    ServerMetrics metrics = new ServerMetrics();
    AccessControl access = AccessControl.of(options);
    this.collections = Collections.open(options.collections(), metrics);
    this.recorder = recorder(options, collections);
    this.pool = new SearchPool(options.searchThreads(), options.queue());
    this.guard =
        new ConnectionGuard(options.headSeconds(), IDLE_SECONDS, options.addressConnections());
    try {
      metrics.watch(collections::list, pool::waiting, pool::active, options.memoryBytes());
      this.http = new HttpApi(collections, pool, metrics, access, options, recorder);
      ServerOptions.Tls tls = options.tls();
      SSLContext context = tls == null ? null : TlsFiles.context(tls); // says what is wrong with it
      // HTTP last: a client that sees the server ready may call Flight next.
      FlightService started = FlightService.start(collections, pool, metrics, access, options);
      GrpcService qdrant;
      try {
        qdrant = startGrpc(metrics, access);
      } catch (Throwable e) {
        started.close();
        throw e;
      }
      try {
        this.web = startWeb(context);
      } catch (Throwable e) {
        try (started;
            qdrant) {
          throw e;
        }
      }
      this.flight = started;
      this.grpc = qdrant;
    } catch (Throwable e) {
      try (recorder;
          collections;
          pool;
          guard) {
        throw e;
      }
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private static JfrRecorder recorder(ServerOptions options, Collections collections)
      throws IOException {
    try {
      return new JfrRecorder(options.jfr());
    } catch (Throwable e) {
      collections.close();
      throw e;
    }
  }

  /**
   * Starts one.
   *
   * @throws IOException if a port or the data directory is taken, or a file cannot be read
   */
  @MustBeClosed
  public static Server start(ServerOptions options) throws IOException {
    requireSafe(options);
    return new Server(options);
  }

  /** Any client that connects can read and write everything, so this needs an explicit option. */
  private static void requireSafe(ServerOptions options) throws IOException {
    boolean loopback = InetAddress.getByName(options.host()).isLoopbackAddress();
    if (!loopback && options.tls() == null && !options.insecure()) {
      throw new BadOptionException(
          "binding "
              + options.host()
              + " without TLS lets everybody on the network read tokens and vectors; give "
              + "--tls-certificate and --tls-key, or --insecure if something else protects it");
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private @Nullable GrpcService startGrpc(ServerMetrics metrics, AccessControl access)
      throws IOException {
    return options.grpcPort() < 0
        ? null
        : GrpcService.start(collections, pool, metrics, access, options);
  }

  private WebServer startWeb(@Nullable SSLContext context) throws IOException {
    ServerOptions.Tls tls = options.tls();
    WebServerConfig.Builder builder =
        WebServer.builder()
            .address(InetAddress.getByName(options.host()))
            .port(options.httpPort())
            .shutdownHook(false)
            .shutdownGracePeriod(GRACE)
            .maxTcpConnections(MAX_CONNECTIONS)
            .maxConcurrentRequests(MAX_REQUESTS)
            .connectionOptions(options -> options.readTimeout(SILENCE))
            .protocolsDiscoverServices(false)
            .contentEncoding(new OwnEncodings())
            .addConnectionSelector(guard)
            .routing(routing -> routing.any(this::handle));
    if (tls != null && context != null) {
      builder.tls(config ->
          config
              .sslContext(context)
              .clientAuth(tls.clients() == null ? TlsClientAuth.NONE : TlsClientAuth.REQUIRED));
    }
    try {
      return builder.build().start();
    } catch (RuntimeException e) {
      throw new IOException(
          "HTTP cannot listen on "
              + options.host()
              + ":"
              + options.httpPort()
              + ": "
              + rootMessage(e),
          e);
    }
  }

  private void handle(ServerRequest request, ServerResponse response) {
    guard.began(request);
    try {
      http.handle(request, response);
    } finally {
      guard.ended(request);
    }
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }

  public int httpPort() {
    return web.port();
  }

  /** Port of Qdrant's gRPC, or -1. */
  public int grpcPort() {
    GrpcService present = grpc;
    return present == null ? -1 : present.port();
  }

  public int flightPort() {
    return flight.port();
  }

  public Collections collections() {
    return collections;
  }

  /** Stops accepting requests, lets running ones finish, and closes all collections. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    http.drain();
    collections.prepareClose();
    try (recorder;
        collections;
        pool;
        guard) {
      try (flight;
          grpc) {
        web.stop();
      }
    }
  }
}
