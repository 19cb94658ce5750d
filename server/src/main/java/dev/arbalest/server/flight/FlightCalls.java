// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import java.io.IOException;
import java.util.Objects;
import java.util.function.Consumer;
import org.apache.arrow.flight.CallHeaders;
import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.ErrorFlightMetadata;
import org.apache.arrow.flight.FlightProducer.CallContext;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.FlightServerMiddleware;
import org.apache.arrow.memory.OutOfMemoryException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** Identifies the client of a Flight call and maps its outcome to a status. Thread-safe. */
final class FlightCalls {
  private static final FlightServerMiddleware.Key<Caller> CALLER =
      FlightServerMiddleware.Key.of("caller");

  private static final long RETRY_MILLIS = 1000;

  private final ServerMetrics metrics;
  private final AccessControl access;

  FlightCalls(ServerMetrics metrics, AccessControl access) {
    this.metrics = metrics;
    this.access = access;
  }

  /** Makes a server identify the client before it does anything. */
  FlightServer.Builder identify(FlightServer.Builder builder) {
    return builder.middleware(CALLER, (_, headers, _) -> new Caller(access, headers));
  }

  /** Identifies the client before anything is done. */
  private static final class Caller implements FlightServerMiddleware {
    final AccessControl.Client client;
    final String requestId;

    Caller(AccessControl access, CallHeaders headers) {
      requestId = ServerLog.requestId(headers.get(ServerLog.REQUEST_ID));
      try {
        client = access.identify(headers.get("authorization"), headers.get("api-key"), "flight");
      } catch (CollectionException e) {
        throw status(e);
      }
    }

    @Override
    public void onBeforeSendingHeaders(CallHeaders headers) {
      headers.insert(ServerLog.REQUEST_ID, requestId);
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

  /** The client of the call. */
  static AccessControl.Client client(CallContext context) {
    return Objects.requireNonNull(context.getMiddleware(CALLER)).client;
  }

  private static String requestId(CallContext context) {
    Caller caller = context.getMiddleware(CALLER);
    return caller == null ? "" : caller.requestId;
  }

  /** A failure as Flight tells it. */
  static FlightRuntimeException status(CollectionException e) {
    CallStatus status =
        switch (e.kind()) {
          case INVALID, TOO_LARGE -> CallStatus.INVALID_ARGUMENT;
          case UNAUTHENTICATED -> CallStatus.UNAUTHENTICATED;
          case FORBIDDEN -> CallStatus.UNAUTHORIZED;
          case NOT_FOUND -> CallStatus.NOT_FOUND;
          case ALREADY_EXISTS -> CallStatus.ALREADY_EXISTS;
          case TIMED_OUT -> CallStatus.TIMED_OUT;
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
  interface Work<T extends @Nullable Object> {
    T run() throws IOException;
  }

  /** Runs a call; whatever goes wrong becomes a status. */
  <T extends @Nullable Object> T answer(CallContext context, String operation, Work<T> work) {
    long start = System.nanoTime();
    String status = "OK";
    try {
      return MessageMemoryLimit.whileTakingIn(work::run);
    } catch (CollectionException e) {
      status = e.kind().name();
      if (e.kind() == CollectionException.Kind.INTERNAL) {
        ServerLog.failed(requestId(context), "flight " + operation, e);
      }
      throw status(e);
    } catch (JacksonException e) { // of what was sent, wherever it is looked at
      status = CollectionException.Kind.INVALID.name();
      throw status(JsonBody.malformed(e));
    } catch (FlightRuntimeException e) {
      status = e.status().code().name();
      throw e;
    } catch (OutOfMemoryException e) { // of Arrow's budget, not of the heap
      status = CollectionException.Kind.EXHAUSTED.name();
      throw status(
          new CollectionException(
              CollectionException.Kind.EXHAUSTED,
              "too many batches are being read; try again",
              RETRY_MILLIS,
              e));
    } catch (Throwable e) { // an error of one request is not the end of the server
      status = "INTERNAL";
      ServerLog.failed(requestId(context), "flight " + operation, e);
      throw CallStatus.INTERNAL
          .withDescription("internal error, request " + requestId(context))
          .toRuntimeException();
    } finally {
      metrics.answered("flight", operation, status, System.nanoTime() - start);
    }
  }

  /** What a call that sends something does. */
  @FunctionalInterface
  interface Task {
    void run() throws IOException;
  }

  /** Runs a call that tells its client by itself how it ended. */
  void run(
      CallContext context,
      String operation,
      Task task,
      Runnable completed,
      Consumer<FlightRuntimeException> failed) {
    try {
      answer(
          context,
          operation,
          () -> {
            task.run();
            return null;
          });
    } catch (FlightRuntimeException e) {
      failed.accept(e);
      return;
    }
    completed.run();
  }
}
