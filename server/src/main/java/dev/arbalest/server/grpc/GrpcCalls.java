// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.protobuf.Message;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Identifies the client of a call and maps its outcome to a status. Thread-safe. */
final class GrpcCalls implements ServerInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION = key("authorization");
  private static final Metadata.Key<String> API_KEY = key("api-key");
  private static final Metadata.Key<String> REQUEST_ID = key(ServerLog.REQUEST_ID);
  private static final Metadata.Key<String> RETRY_AFTER = key("retry-after");
  private static final Context.Key<Caller> CALLER = Context.key("caller");

  private final Collections collections;
  private final ServerMetrics metrics;
  private final AccessControl access;

  GrpcCalls(Collections collections, ServerMetrics metrics, AccessControl access) {
    this.collections = collections;
    this.metrics = metrics;
    this.access = access;
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** Who calls. */
  private record Caller(AccessControl.Client client, String requestId) {}

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    String requestId = ServerLog.requestId(headers.get(REQUEST_ID));
    AccessControl.Client client;
    try {
      // A health check needs no token, as over HTTP.
      client =
          call.getMethodDescriptor().getFullMethodName().endsWith("/HealthCheck")
              ? AccessControl.Client.ANYBODY
              : access.identify(headers.get(AUTHORIZATION), headers.get(API_KEY), "grpc");
    } catch (CollectionException e) {
      call.close(status(e), trailers(e));
      return new ServerCall.Listener<>() {};
    }
    Context context = Context.current().withValue(CALLER, new Caller(client, requestId));
    return Contexts.interceptCall(context, call, headers, next);
  }

  private static Status status(CollectionException e) {
    Status status =
        switch (e.kind()) {
          case INVALID, TOO_LARGE -> Status.INVALID_ARGUMENT;
          case UNAUTHENTICATED -> Status.UNAUTHENTICATED;
          case FORBIDDEN -> Status.PERMISSION_DENIED;
          case NOT_FOUND -> Status.NOT_FOUND;
          case ALREADY_EXISTS -> Status.ALREADY_EXISTS;
          case TIMED_OUT -> Status.DEADLINE_EXCEEDED;
          case EXHAUSTED -> Status.RESOURCE_EXHAUSTED;
          case UNSUPPORTED -> Status.UNIMPLEMENTED;
          case UNAVAILABLE -> Status.UNAVAILABLE;
          case INTERNAL -> Status.INTERNAL;
        };
    return status.withDescription(e.text());
  }

  private static Metadata trailers(CollectionException e) {
    Metadata trailers = new Metadata();
    if (e.retryMillis() > 0) { // in seconds, as over HTTP
      trailers.put(RETRY_AFTER, Long.toString(Math.max(1, (e.retryMillis() + 999) / 1000)));
    }
    return trailers;
  }

  /** A call, once its client is known. */
  final class Call {
    private final AccessControl.Client client;
    private final long start = System.nanoTime();

    private Call(AccessControl.Client client) {
      this.client = client;
    }

    AccessControl.Client client() {
      return client;
    }

    /** The collection that a name stands for, if the client may read it. */
    Collection readable(String name) {
      return allowed(AccessControl.Scope.READ, name);
    }

    /** The collection that a name stands for, if the client may write to it. */
    Collection writable(String name) {
      return allowed(AccessControl.Scope.WRITE, name);
    }

    private Collection allowed(AccessControl.Scope scope, String name) {
      String resolved = collections.resolve(name);
      client.require(scope, resolved);
      return collections.get(resolved);
    }

    /** Finds other collections, if the client may read them. */
    QueryEngine.Lookup lookup() {
      return this::readable;
    }

    /** Seconds it has taken so far. */
    double seconds() {
      return (System.nanoTime() - start) / 1e9;
    }
  }

  /** What answering a call does. */
  @FunctionalInterface
  interface Work<R> {
    R run(Call call) throws IOException;
  }

  /** Answers a call; whatever goes wrong becomes a status. */
  <R extends Message> void answer(
      String operation, Message request, StreamObserver<R> observer, Work<R> work) {
    Caller caller = CALLER.get();
    long start = System.nanoTime();
    String outcome = "OK";
    if (observer instanceof ServerCallStreamObserver<R> toClient) {
      toClient.setOnCancelHandler(() -> {}); // an answer to a client that has gone is no fault
    }
    try {
      if (caller == null) {
        throw new IllegalStateException("the call has no client");
      }
      requireTime();
      GrpcMessages.requireKnown(request);
      R reply = work.run(new Call(caller.client()));
      observer.onNext(reply);
      observer.onCompleted();
    } catch (CollectionException e) {
      outcome = e.kind().name();
      if (e.kind() == CollectionException.Kind.INTERNAL) {
        ServerLog.failed(requestId(caller), "grpc " + operation, e);
      }
      observer.onError(status(e).asRuntimeException(trailers(e)));
    } catch (Throwable e) { // an error of one request is not the end of the server
      outcome = "INTERNAL";
      ServerLog.failed(requestId(caller), "grpc " + operation, e);
      observer.onError(
          Status.INTERNAL
              .withDescription("internal error, request " + requestId(caller))
              .asRuntimeException());
    } finally {
      metrics.answered("grpc", operation, outcome, System.nanoTime() - start);
    }
  }

  private static String requestId(@Nullable Caller caller) {
    return caller == null ? "" : caller.requestId();
  }

  /** A client whose deadline has passed does not wait any more. */
  private static void requireTime() {
    Deadline deadline = Context.current().getDeadline();
    if (deadline != null && deadline.timeRemaining(TimeUnit.NANOSECONDS) <= 0) {
      throw new CollectionException(
          CollectionException.Kind.TIMED_OUT,
          "the client's deadline had passed before it was begun");
    }
  }
}
