// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.JfrRecorder;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.ServerOptions;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Method;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.node.ObjectNode;

/**
 * Answers HTTP requests: asks {@link HttpRoutes} for the operation, identifies the client, and
 * turns failures into statuses. Runs on a virtual thread per request.
 */
public final class HttpApi {
  private static final int NO_CONTENT = 204;

  private final ServerMetrics metrics;
  private final AccessControl access;
  private final HttpRoutes routes;
  private final IncomingRequest.Limits limits;
  private final CrossOrigin origins;
  private volatile boolean draining;

  public HttpApi(
      Collections collections,
      SearchPool pool,
      ServerMetrics metrics,
      AccessControl access,
      ServerOptions options,
      JfrRecorder recorder) {
    this.metrics = metrics;
    this.access = access;
    this.routes =
        new HttpRoutes(collections, pool, metrics, access, options, recorder, () -> draining);
    this.limits = IncomingRequest.Limits.of(options);
    this.origins = new CrossOrigin(options.corsOrigins());
    metrics.watchBodies(limits::taken);
  }

  /** From now on the server is not ready for more requests. */
  public void drain() {
    draining = true;
  }

  /** Answers a request; turns every failure of client or server into a response. */
  public void handle(ServerRequest received, ServerResponse response) {
    origins.allow(received, response);
    if (origins.isPreflight(received, response)) {
      response.status(NO_CONTENT).send();
      return;
    }
    HttpCalls.Reply reply;
    try (IncomingRequest request = new IncomingRequest(received, limits)) {
      response.header(IncomingRequest.ID, request.id());
      reply = answer(request, response);
    }
    response.status(reply.status());
    response.header(HeaderNames.CONTENT_TYPE, reply.type());
    if (received.prologue().method().equals(Method.HEAD)) { // as GET, without the body
      response.header(HeaderNames.CONTENT_LENGTH, Integer.toString(reply.body().length));
      response.send();
      return;
    }
    byte[] body = reply.body();
    String coding = BodyCoding.accepted(received, body.length);
    if (coding != null) {
      body = BodyCoding.encode(body, coding);
      response.header(HeaderNames.CONTENT_ENCODING, coding);
      response.headers().add(HeaderValues.create(HeaderNames.VARY, "Accept-Encoding"));
    }
    response.send(body);
  }

  private HttpCalls.Reply answer(IncomingRequest request, ServerResponse response) {
    String operation = "unknown";
    HttpCalls.Reply reply;
    try {
      HttpCalls.Call call = routes.find(request);
      operation = call.operation();
      AccessControl.Client client = AccessControl.Client.ANYBODY;
      if (call.scope() != null) {
        client = request.client(access);
        client.require(call.scope(), call.name());
      }
      reply = call.work().answer(client);
    } catch (JacksonException e) { // of what was sent, wherever it is looked at
      reply = failure(JsonBody.malformed(e), request);
    } catch (CollectionException e) {
      reply = failure(e, request);
      if (e.retryMillis() > 0) {
        response.header(
            HeaderNames.RETRY_AFTER, Long.toString(Math.max(1, (e.retryMillis() + 999) / 1000)));
      }
      if (e.kind() == CollectionException.Kind.INTERNAL) {
        ServerLog.failed(request.id(), operation, e);
      }
    } catch (Throwable e) { // an error of one request is not the end of the server
      ServerLog.failed(request.id(), operation, e);
      reply =
          failure(
              new CollectionException(
                  CollectionException.Kind.INTERNAL, "internal error, request " + request.id()),
              request);
    }
    metrics.answered("http", operation, Integer.toString(reply.status()), request.age());
    return reply;
  }

  private static HttpCalls.Reply failure(CollectionException e, IncomingRequest request) {
    ObjectNode body = JsonBody.JSON.createObjectNode();
    body.putObject("status").put("error", e.text());
    body.put("time", request.age() / 1e9);
    return new HttpCalls.Reply(
        statusOf(e.kind()), HttpCalls.JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  private static int statusOf(CollectionException.Kind kind) {
    return switch (kind) {
      case INVALID -> 400;
      case UNAUTHENTICATED -> 401;
      case FORBIDDEN -> 403;
      case NOT_FOUND -> 404;
      case TIMED_OUT -> 408;
      case ALREADY_EXISTS -> 409;
      case TOO_LARGE -> 413;
      case EXHAUSTED -> 429;
      case INTERNAL -> 500;
      case UNSUPPORTED -> 501;
      case UNAVAILABLE -> 503;
    };
  }
}
