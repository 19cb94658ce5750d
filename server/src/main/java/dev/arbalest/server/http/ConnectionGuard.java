// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Connections of HTTP that do not bring a request: the head of the first must be there soon, that
 * of the next after some minutes. An address has a limited number of connections; when one more
 * comes, the one of them that has waited longest without a request goes, so that a client that
 * holds many does not keep others behind the same address out. Bodies have deadlines of their own
 * ({@link BodyTimeouts}). Thread-safe.
 */
public final class ConnectionGuard implements ServerConnectionSelector, AutoCloseable {
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final ServerConnectionSelector http =
      Http1ConnectionSelector.builder().config(Http1Config.create()).build();
  private final long headNanos;
  private final long idleNanos;
  private final int mostPerAddress;
  private final Map<String, Guarded> all = new ConcurrentHashMap<>();

  /** By address, those that came first first. Guarded by itself. */
  private final Map<String, Set<Guarded>> byAddress = new HashMap<>();

  private final Thread watcher;
  private volatile boolean closed;

  /**
   * Creates it.
   *
   * @param headSeconds within which the head of a connection's first request must have come
   * @param idleSeconds within which the next head must start
   * @param mostPerAddress connections of one address at a time
   */
  public ConnectionGuard(int headSeconds, int idleSeconds, int mostPerAddress) {
    this.headNanos = TimeUnit.SECONDS.toNanos(headSeconds);
    this.idleNanos = TimeUnit.SECONDS.toNanos(idleSeconds);
    this.mostPerAddress = mostPerAddress;
    this.watcher =
        Thread.ofPlatform().daemon().name("arbalest-connections").start(this::watchForEver);
  }

  @Override
  public int bytesToIdentifyConnection() {
    return http.bytesToIdentifyConnection();
  }

  @Override
  public Support supports(BufferData data) {
    return http.supports(data);
  }

  @Override
  public Set<String> supportedApplicationProtocols() {
    return http.supportedApplicationProtocols();
  }

  @Override
  public ServerConnection connection(ConnectionContext context) {
    Guarded made =
        new Guarded(
            context.socketId() + " " + context.childSocketId(),
            context.remotePeer().host(),
            http.connection(new OldHttp(context)));
    all.put(made.id, made);
    Guarded inTheWay = null;
    synchronized (byAddress) {
      Set<Guarded> its = byAddress.computeIfAbsent(made.address, _ -> new LinkedHashSet<>());
      its.add(made);
      if (its.size() > mostPerAddress) {
        inTheWay = its.stream().filter(Guarded::isWaiting).findFirst().orElse(made);
        its.remove(inTheWay);
      }
    }
    if (inTheWay != null) {
      inTheWay.end();
    }
    return made;
  }

  private void forget(Guarded guarded) {
    all.remove(guarded.id);
    synchronized (byAddress) {
      Set<Guarded> its = byAddress.get(guarded.address);
      if (its != null && its.remove(guarded) && its.isEmpty()) {
        byAddress.remove(guarded.address);
      }
    }
  }

  /** Notes that the head of a request has arrived. */
  public void began(ServerRequest request) {
    Guarded its = all.get(key(request));
    if (its != null) {
      its.since = Guarded.BUSY;
    }
  }

  /** Notes that a request was answered. */
  public void ended(ServerRequest request) {
    Guarded its = all.get(key(request));
    if (its != null) {
      its.allowedNanos = idleNanos;
      its.since = System.nanoTime() | 1;
    }
  }

  private static String key(ServerRequest request) {
    return request.serverSocketId() + " " + request.socketId();
  }

  /** Connections there are. */
  int count() {
    return all.size();
  }

  private void watchForEver() {
    while (!closed) {
      LockSupport.parkNanos(LOOK_NANOS);
      long now = System.nanoTime();
      all.values().forEach(guarded -> guarded.endIfLate(now));
    }
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(watcher);
  }

  /** A connection. */
  private final class Guarded implements ServerConnection {
    private static final long BUSY = 0;

    private final String id;
    private final String address;
    private final ServerConnection connection;

    /** Since when it waits for a head, or {@link #BUSY}. */
    private volatile long since = System.nanoTime() | 1;

    private volatile long allowedNanos = headNanos;

    Guarded(String id, String address, ServerConnection connection) {
      this.id = id;
      this.address = address;
      this.connection = connection;
    }

    boolean isWaiting() {
      return since != BUSY;
    }

    void endIfLate(long now) {
      long waits = since;
      if (waits != BUSY && now - waits > allowedNanos) {
        end();
      }
    }

    void end() {
      connection.close(true);
    }

    @Override
    public void handle(Limit requests) throws InterruptedException {
      try {
        connection.handle(requests);
      } finally {
        forget(this);
      }
    }

    @Override
    public Duration idleTime() {
      return connection.idleTime();
    }

    @Override
    public void close(boolean interrupt) {
      connection.close(interrupt);
    }
  }
}
