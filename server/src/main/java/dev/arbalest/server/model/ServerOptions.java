// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.model;

import dev.arbalest.collections.CollectionOptions;
import dev.arbalest.natives.SystemFacts;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a server runs.
 *
 * @param data directory of the collections
 * @param host address to bind
 * @param flightPort port of Arrow Flight, 0 for any
 * @param httpPort port of HTTP, 0 for any
 * @param grpcPort port of Qdrant's gRPC, 0 for any, -1 for none
 * @param memoryBytes budget of the process: beyond nine tenths inserts are slowed down, beyond the
 *     whole refused
 * @param searchThreads searches at a time
 * @param queue searches that may wait for a thread; more are refused
 * @param linkThreads threads per collection that put inserted vectors into the graph
 * @param batchBytes size of the batches in which vectors are written
 * @param requestBytes largest body over HTTP
 * @param flightBatchBytes largest batch over Arrow Flight
 * @param bodySeconds a request's body must come within, and a second more for each 256 KiB
 * @param headSeconds the head of a connection's first request must come within
 * @param addressConnections connections of one address at a time
 * @param openCollections most collections whose files are open while others want theirs opened
 * @param strictFilters whether filters on fields without an index are refused
 * @param recallSample of how many searches one may be checked for its recall, 0 for none
 * @param syncMillis 0: a write is durable when acknowledged; otherwise at most this long after
 * @param requestsPerSecond of one client, 0 for any number
 * @param corsOrigins origins whose pages may call the server, {@code *} for all
 * @param tokens file of access tokens, or null for none
 * @param tls certificate and key, or null for plain text
 * @param jfr whether a flight recording is always on
 * @param insecure whether plain text is wanted on other addresses than loopback
 */
public record ServerOptions(
    Path data,
    String host,
    int flightPort,
    int httpPort,
    int grpcPort,
    long memoryBytes,
    int searchThreads,
    int queue,
    int linkThreads,
    int batchBytes,
    int requestBytes,
    int flightBatchBytes,
    int bodySeconds,
    int headSeconds,
    int addressConnections,
    int openCollections,
    boolean strictFilters,
    int recallSample,
    int syncMillis,
    int requestsPerSecond,
    List<String> corsOrigins,
    @Nullable Path tokens,
    @Nullable Tls tls,
    boolean jfr,
    boolean insecure) {

  /**
   * Files for encrypted connections, in PEM.
   *
   * @param certificate chain of the server
   * @param key of it, PKCS #8
   * @param clients certificates of authorities that clients must be certified by, or null
   */
  public record Tls(Path certificate, Path key, @Nullable Path clients) {}

  /** The part of them that collections keep to. */
  public CollectionOptions collections() {
    return new CollectionOptions(
        data,
        memoryBytes,
        searchThreads,
        linkThreads,
        openCollections,
        strictFilters,
        recallSample,
        syncMillis);
  }

  /** Settings that can still be changed; at first loopback, free ports and half of the memory. */
  public static final class Builder {
    private static final long MIN_BATCH_BYTES = 4 << 20;
    private static final long MAX_BATCH_BYTES = 1 << 30;

    private final Path data;
    public String host = "127.0.0.1";
    public int flightPort;
    public int httpPort;
    public int grpcPort;
    public long memoryBytes = SystemFacts.memoryLimitBytes() / 2;
    public int searchThreads = Runtime.getRuntime().availableProcessors();
    public int queue = 1024;
    public int linkThreads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    public int batchBytes = 8 << 20;
    public int requestBytes = 64 << 20;
    public int flightBatchBytes;
    public int bodySeconds = 30;
    public int headSeconds = 10;
    public int addressConnections = 1024;
    public int openCollections;
    public boolean strictFilters;
    public int recallSample = 10;
    public int syncMillis;
    public int requestsPerSecond;
    public List<String> corsOrigins = List.of();
    public @Nullable Path tokens;
    public @Nullable Tls tls;
    public boolean jfr;
    public boolean insecure;

    public Builder(Path data) {
      this.data = data;
    }

    public Builder host(String value) {
      host = value;
      return this;
    }

    public Builder flightPort(int value) {
      flightPort = value;
      return this;
    }

    public Builder httpPort(int value) {
      httpPort = value;
      return this;
    }

    public Builder grpcPort(int value) {
      grpcPort = value;
      return this;
    }

    public Builder memoryBytes(long value) {
      memoryBytes = value;
      return this;
    }

    public Builder searchThreads(int value) {
      searchThreads = value;
      return this;
    }

    public Builder queue(int value) {
      queue = value;
      return this;
    }

    public Builder linkThreads(int value) {
      linkThreads = value;
      return this;
    }

    public Builder batchBytes(int value) {
      batchBytes = value;
      return this;
    }

    public Builder requestBytes(int value) {
      requestBytes = value;
      return this;
    }

    /** 0 for as much as memory allows. */
    public Builder flightBatchBytes(int value) {
      flightBatchBytes = value;
      return this;
    }

    public Builder bodySeconds(int value) {
      bodySeconds = value;
      return this;
    }

    public Builder headSeconds(int value) {
      headSeconds = value;
      return this;
    }

    /** 0 for as many as go with the memory. */
    public Builder openCollections(int value) {
      openCollections = value;
      return this;
    }

    public Builder strictFilters(boolean value) {
      strictFilters = value;
      return this;
    }

    /** 0 to check none. */
    public Builder recallSample(int value) {
      recallSample = value;
      return this;
    }

    public Builder addressConnections(int value) {
      addressConnections = value;
      return this;
    }

    public Builder syncMillis(int value) {
      syncMillis = value;
      return this;
    }

    public Builder requestsPerSecond(int value) {
      requestsPerSecond = value;
      return this;
    }

    public Builder corsOrigins(List<String> value) {
      corsOrigins = List.copyOf(value);
      return this;
    }

    public Builder tokens(@Nullable Path value) {
      tokens = value;
      return this;
    }

    public Builder tls(@Nullable Tls value) {
      tls = value;
      return this;
    }

    public Builder jfr(boolean value) {
      jfr = value;
      return this;
    }

    public Builder insecure(boolean value) {
      insecure = value;
      return this;
    }

    /** Clients may send a table as one batch, and several batches are in memory at a time. */
    private int fittingBatchBytes() {
      long heap = Runtime.getRuntime().maxMemory(); // and as much is for Netty, which reads them
      long most = Math.clamp(heap / 8, MIN_BATCH_BYTES, MAX_BATCH_BYTES);
      return (int) Math.clamp((memoryBytes - heap) / 64, MIN_BATCH_BYTES, most);
    }

    public ServerOptions build() {
      return new ServerOptions(
          data,
          host,
          flightPort,
          httpPort,
          grpcPort,
          memoryBytes,
          searchThreads,
          queue,
          linkThreads,
          batchBytes,
          requestBytes,
          flightBatchBytes == 0 ? fittingBatchBytes() : flightBatchBytes,
          bodySeconds,
          headSeconds,
          addressConnections,
          openCollections == 0
              ? CollectionOptions.fittingCollections(memoryBytes)
              : openCollections,
          strictFilters,
          recallSample,
          syncMillis,
          requestsPerSecond,
          corsOrigins,
          tokens,
          tls,
          jfr,
          insecure);
    }
  }
}
