// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.model.ServerOptions;
import io.helidon.common.uri.UriQuery;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipException;

/**
 * An HTTP request and its body. The body is read at most once, within limits on its own size, on
 * the size of all bodies together, and on time. It stays open until it is answered, because the
 * objects parsed from a body are about as large as the body. Only the thread that answers the
 * request uses it.
 */
final class IncomingRequest implements AutoCloseable {
  static final HeaderName ID = HeaderNames.create(ServerLog.REQUEST_ID);
  static final String BINARY_TYPE = "application/octet-stream";
  private static final HeaderName API_KEY = HeaderNames.create("api-key");
  private static final int KIBI = 1024;
  private static final long WAIT_SECONDS = 10;
  private static final long RETRY_MILLIS = 1000;
  private static final int PIECE_BYTES = 64 << 10;

  /** Bodies up to this size are bounded by the number of requests alone. */
  private static final int SMALL_BYTES = 32 << 10;

  /** A client slower than this holds others up after some time. */
  private static final long BODY_BYTES_PER_SECOND = 256 << 10;

  /**
   * What all requests share.
   *
   * @param mostBytes of one body
   * @param seconds a body may take, in addition to the time for its bytes
   * @param room KiB that all bodies being read may take together
   * @param permits the KiB of {@code room} still free
   * @param watch ends those that come too slowly
   */
  record Limits(int mostBytes, int seconds, int room, Semaphore permits, BodyTimeouts watch) {
    /** Bodies being read together, in units of the largest. */
    private static final int MAX_BODIES = 4;

    static Limits of(ServerOptions options) {
      int one = options.requestBytes() / KIBI + 1;
      long fitting = Runtime.getRuntime().maxMemory() / 4 / KIBI;
      int room = (int) Math.clamp(fitting, one, (long) MAX_BODIES * one);
      return new Limits(
          options.requestBytes(),
          options.bodySeconds(),
          room,
          new Semaphore(room),
          new BodyTimeouts());
    }

    /** Bytes taken. */
    long taken() {
      return (long) KIBI * (room - permits.availablePermits());
    }
  }

  private final ServerRequest request;
  private final Limits limits;
  private final long start = System.nanoTime();
  private final String id;
  private int held;

  IncomingRequest(ServerRequest request, Limits limits) {
    this.request = request;
    this.limits = limits;
    this.id = ServerLog.requestId(request.headers().first(ID).orElse(null));
  }

  /** What it is called in logs: the client's name for it, or one of ours. */
  String id() {
    return id;
  }

  /** Nanoseconds since it came. */
  long age() {
    return System.nanoTime() - start;
  }

  String method() {
    return request.prologue().method().text();
  }

  UriQuery query() {
    return request.query();
  }

  /** A number of the query string. */
  int integer(String name, int otherwise, int least, int most) {
    String text = query().first(name).orElse("");
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text);
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, name + " must be a whole number, found " + text, 0, e);
    }
    throw CollectionException.invalid(
        name + " must be in [" + least + ", " + most + "], found " + text);
  }

  /** A truth value of the query string, false if it is not there. */
  boolean flag(String name) {
    String text = query().first(name).orElse("false");
    return switch (text) {
      case "true", "" -> true;
      case "false" -> false;
      default -> throw CollectionException.invalid(name + " must be true or false, found " + text);
    };
  }

  /** Whether the body is bytes, not JSON. */
  boolean isBinary() {
    return request
        .headers()
        .first(HeaderNames.CONTENT_TYPE)
        .map(type -> type.startsWith(BINARY_TYPE))
        .orElse(false);
  }

  /** The parts of the path, decoded. */
  String[] segments() {
    String path = request.path().rawPath();
    String[] raw = path.substring(path.startsWith("/") ? 1 : 0).split("/", -1);
    for (int i = 0; i < raw.length; i++) {
      try {
        String escaped = raw[i].replace("+", "%2B");
        raw[i] = URLDecoder.decode(escaped, StandardCharsets.UTF_8);
        // What is no UTF-8 becomes a replacement character.
        if (raw[i].indexOf('\ufffd') >= 0
            && !escaped.toUpperCase(Locale.ROOT).contains("%EF%BF%BD")) {
          throw CollectionException.invalid("the path is no UTF-8: " + escaped);
        }
      } catch (IllegalArgumentException e) {
        throw new CollectionException(
            CollectionException.Kind.INVALID, "the path has a broken escape: " + raw[i], 0, e);
      }
    }
    return raw;
  }

  /** Identifies the client. */
  AccessControl.Client client(AccessControl access) {
    return access.identify(
        request.headers().first(HeaderNames.AUTHORIZATION).orElse(null),
        request.headers().first(API_KEY).orElse(null),
        request.remotePeer().host());
  }

  /**
   * The body.
   *
   * @throws CollectionException TOO_LARGE, EXHAUSTED or TIMED_OUT
   */
  byte[] body() throws IOException {
    long announced = request.headers().contentLength().orElse(-1);
    if (announced > limits.mostBytes()) {
      throw tooLarge(announced + " bytes");
    }
    if (!request.content().hasEntity()) {
      return new byte[0];
    }
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(limits.seconds());
    BodyTimeouts.Reading reading = limits.watch().begin(deadline);
    boolean isCoded = BodyCoding.isCoded(request);
    try (InputStream raw = request.content().inputStream();
        InputStream in = BodyCoding.decode(request, raw)) {
      return read(in, isCoded ? -1 : announced, deadline, reading);
    } catch (ZipException | EOFException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "the body is not in the content-encoding it says: " + e.getMessage(),
          0,
          e);
    } catch (CollectionException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // of the socket, whatever it is called
      boolean late = limits.watch().end(reading);
      throw new CollectionException(
          late ? CollectionException.Kind.TIMED_OUT : CollectionException.Kind.INVALID,
          late ? "the body did not come" : "the client is gone",
          0,
          e);
    } finally {
      boolean _ = limits.watch().end(reading);
    }
  }

  /** Takes room for some bytes; returns how long that took. */
  private long acquire(long bytes) {
    long begin = System.nanoTime();
    int permits = (int) (bytes / KIBI) + 1;
    try {
      if (!limits.permits().tryAcquire(permits, WAIT_SECONDS, TimeUnit.SECONDS)) {
        throw new CollectionException(
            CollectionException.Kind.EXHAUSTED,
            "too many requests are being read",
            RETRY_MILLIS,
            null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectionException(CollectionException.Kind.UNAVAILABLE, "the server stops", 0, e);
    }
    held = permits;
    return System.nanoTime() - begin;
  }

  private byte[] read(InputStream in, long announced, long until, BodyTimeouts.Reading reading)
      throws IOException {
    long deadline = until;
    byte[] bytes =
        new byte[(int) Math.min(announced < 0 ? PIECE_BYTES : announced + 1, PIECE_BYTES)];
    int size = 0;
    while (true) {
      int read = in.read(bytes, size, bytes.length - size);
      if (read < 0) {
        return size == bytes.length ? bytes : Arrays.copyOf(bytes, size);
      }
      size += read;
      if (size > SMALL_BYTES
          && held == 0) { // take all of it at once, so that a request with room can finish
        reading.allowUntil(Long.MAX_VALUE / 2 + System.nanoTime()); // it waits for others
        deadline += acquire(announced < 0 ? limits.mostBytes() : announced);
      }
      if (size > limits.mostBytes()) {
        throw tooLarge("more");
      }
      long allowed = TimeUnit.SECONDS.toNanos(1) / BODY_BYTES_PER_SECOND * size;
      reading.allowUntil(deadline + allowed);
      if (System.nanoTime() - deadline > allowed) {
        throw new CollectionException(
            CollectionException.Kind.TIMED_OUT,
            "the body came too slowly: " + size + " bytes in " + age() / 1_000_000_000L + " s");
      }
      if (size == bytes.length) {
        long next = announced < 0 ? 2L * size : Math.min(announced + 1, 4L * size);
        bytes = Arrays.copyOf(bytes, (int) Math.min(next, limits.mostBytes() + 1L));
      }
    }
  }

  private CollectionException tooLarge(String found) {
    return new CollectionException(
        CollectionException.Kind.TOO_LARGE,
        "a request has at most "
            + limits.mostBytes()
            + " bytes, found "
            + found
            + "; send smaller batches");
  }

  @Override
  public void close() {
    limits.permits().release(held);
    held = 0;
  }
}
