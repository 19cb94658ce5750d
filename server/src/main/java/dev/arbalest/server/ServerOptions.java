package dev.arbalest.server;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How a server runs.
 *
 * @param data directory of the collections
 * @param host address to bind
 * @param flightPort port of Arrow Flight, 0 for any
 * @param httpPort port of HTTP, 0 for any
 * @param memoryBytes budget of the process: beyond nine tenths inserts are slowed down, beyond the
 *     whole refused
 * @param searchThreads searches at a time
 * @param queue searches that may wait for a thread; more are refused
 * @param linkThreads threads per collection that put inserted vectors into the graph
 * @param batchBytes vectors are written in batches of so many bytes
 * @param requestBytes largest request
 * @param syncMillis 0: a write is durable when acknowledged; else at most so long after
 * @param requestsPerSecond of one client, 0 for any number
 * @param tokens file of access tokens, or null for none
 * @param tls certificate and key, or null for plain text
 * @param jfr whether a flight recording is always on
 * @param insecure whether plain text is wanted on other addresses than loopback
 */
record ServerOptions(
    Path data,
    String host,
    int flightPort,
    int httpPort,
    long memoryBytes,
    int searchThreads,
    int queue,
    int linkThreads,
    int batchBytes,
    int requestBytes,
    int syncMillis,
    int requestsPerSecond,
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
  record Tls(Path certificate, Path key, @Nullable Path clients) {}

  /** Loopback, free ports, half of the memory: for tests and tools. */
  static ServerOptions local(Path data) {
    int processors = Runtime.getRuntime().availableProcessors();
    return new ServerOptions(
        data,
        "127.0.0.1",
        0,
        0,
        dev.arbalest.natives.SystemFacts.memoryLimitBytes() / 2,
        processors,
        1024,
        Math.max(1, processors / 2),
        8 << 20,
        64 << 20,
        0,
        0,
        null,
        null,
        false,
        false);
  }

  /** The same on another address. */
  ServerOptions withHost(String newHost) {
    return new ServerOptions(
        data,
        newHost,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        requestsPerSecond,
        tokens,
        tls,
        jfr,
        insecure);
  }

  /** The same with another budget. */
  ServerOptions withMemoryBytes(long newMemoryBytes) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        newMemoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        requestsPerSecond,
        tokens,
        tls,
        jfr,
        insecure);
  }

  /** The same with another limit of requests. */
  ServerOptions withRateLimit(int newRequestsPerSecond) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        newRequestsPerSecond,
        tokens,
        tls,
        jfr,
        insecure);
  }

  /** The same with another largest request. */
  ServerOptions withRequestBytes(int newRequestBytes) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        newRequestBytes,
        syncMillis,
        requestsPerSecond,
        tokens,
        tls,
        jfr,
        insecure);
  }

  /** The same for those who have tokens. */
  ServerOptions withTokens(Path newTokens) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        requestsPerSecond,
        newTokens,
        tls,
        jfr,
        insecure);
  }

  /** The same with encrypted connections. */
  ServerOptions withTls(Tls newTls) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        requestsPerSecond,
        tokens,
        newTls,
        jfr,
        insecure);
  }

  /** The same with or without a flight recording. */
  ServerOptions withJfr(boolean newJfr) {
    return new ServerOptions(
        data,
        host,
        flightPort,
        httpPort,
        memoryBytes,
        searchThreads,
        queue,
        linkThreads,
        batchBytes,
        requestBytes,
        syncMillis,
        requestsPerSecond,
        tokens,
        tls,
        newJfr,
        insecure);
  }
}
