// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.query.PointWrites;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.access.GrpcConnections;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.server.qdrant.QdrantCollections;
import dev.arbalest.server.qdrant.QdrantVersion;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.qdrant.client.grpc.QdrantGrpc;
import io.qdrant.client.grpc.QdrantOuterClass.HealthCheckReply;
import io.qdrant.client.grpc.QdrantOuterClass.HealthCheckRequest;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The server's end of Qdrant's gRPC interface, on a port of its own. Thread-safe. */
public final class GrpcService implements AutoCloseable {
  private static final int MAX_HEADER_BYTES = 64 << 10;
  private static final int HANDSHAKE_SECONDS = 10;
  private static final int IDLE_MINUTES = 30;
  private static final int MAX_CALLS_PER_CONNECTION = 256;
  private static final int PING_SECONDS = 10;
  private static final long STOP_SECONDS = 10;

  private final Server server;
  private final ExecutorService executor;

  private GrpcService(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options)
      throws IOException {
    this.executor = Executors.newVirtualThreadPerTaskExecutor();
    GrpcCalls calls = new GrpcCalls(collections, metrics, access);
    GrpcConnections connections = new GrpcConnections(options.addressConnections());
    QdrantCollections schema = new QdrantCollections(collections);
    QueryEngine engine = new QueryEngine(pool);
    this.server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(options.host(), options.grpcPort()), credentials(options))
            .executor(executor)
            .maxInboundMessageSize(options.requestBytes())
            .maxInboundMetadataSize(MAX_HEADER_BYTES)
            .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
            .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
            .maxConnectionIdle(IDLE_MINUTES, TimeUnit.MINUTES)
            .permitKeepAliveTime(PING_SECONDS, TimeUnit.SECONDS)
            .permitKeepAliveWithoutCalls(true)
            .intercept(calls)
            .intercept(connections) // the last is asked first
            .addTransportFilter(connections)
            .addService(new Health(calls))
            .addService(new CollectionsService(calls, collections, schema))
            .addService(
                new PointsService(
                    calls,
                    new GrpcReads(engine),
                    new GrpcWrites(new PointWrites(options.batchBytes())),
                    schema))
            .addService(new SnapshotsService(calls))
            .build();
  }

  private static ServerCredentials credentials(ServerOptions options) throws IOException {
    ServerOptions.Tls tls = options.tls();
    if (tls == null) {
      return InsecureServerCredentials.create();
    }
    TlsServerCredentials.Builder builder =
        TlsServerCredentials.newBuilder()
            .keyManager(tls.certificate().toFile(), tls.key().toFile());
    if (tls.clients() != null) {
      builder
          .trustManager(tls.clients().toFile())
          .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE);
    }
    return builder.build();
  }

  /** Starts to listen. */
  @MustBeClosed
  public static GrpcService start(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options)
      throws IOException {
    GrpcService service = new GrpcService(collections, pool, metrics, access, options);
    try {
      service.server.start();
      return service;
    } catch (IOException e) {
      service.close();
      throw new IOException(
          "gRPC cannot listen on "
              + options.host()
              + ":"
              + options.grpcPort()
              + ": "
              + e.getMessage()
              + "; name another port by --grpc-port, or -1 for none",
          e);
    }
  }

  public int port() {
    return server.getPort();
  }

  /** Says that the server is there, and which version of Qdrant's interface it has. */
  private static final class Health extends QdrantGrpc.QdrantImplBase {
    private final GrpcCalls calls;

    Health(GrpcCalls calls) {
      this.calls = calls;
    }

    @Override
    public void healthCheck(HealthCheckRequest request, StreamObserver<HealthCheckReply> observer) {
      calls.answer(
          "health",
          request,
          observer,
          _ ->
              HealthCheckReply.newBuilder()
                  .setTitle("arbalest")
                  .setVersion(QdrantVersion.TOLD)
                  .build());
    }
  }

  /** Lets running calls finish, then stops. */
  @Override
  public void close() throws IOException {
    server.shutdown();
    try {
      if (!server.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        ServerLog.warn("gRPC calls were still running after " + STOP_SECONDS + " s", null);
        server.shutdownNow();
      }
      executor.shutdown();
      if (!executor.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        ServerLog.warn("gRPC calls do not end; they are left", null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while stopping", e);
    }
  }
}
