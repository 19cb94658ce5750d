// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.util.List;

/** Lets web pages of some origins call the server (the CORS protocol of the Fetch standard). */
final class CrossOrigin {
  private static final HeaderName REQUEST_HEADERS =
      HeaderNames.create("Access-Control-Request-Headers");
  private static final HeaderName REQUEST_METHOD =
      HeaderNames.create("Access-Control-Request-Method");
  private static final String METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  private static final String HEADERS = "content-type, authorization, api-key, x-request-id";
  private static final int MAX_AGE_SECONDS = 3600;

  private final List<String> origins;

  /**
   * Makes it.
   *
   * @param origins that are allowed, {@code *} for all
   */
  CrossOrigin(List<String> origins) {
    this.origins = origins;
  }

  /** Adds the headers that let the page behind a request read the answer, if it may. */
  void allow(ServerRequest request, ServerResponse response) {
    if (origins.isEmpty()) {
      return;
    }
    String origin = request.headers().first(HeaderNames.ORIGIN).orElse("");
    if (origin.isEmpty()) {
      return;
    }
    if (origins.contains("*")) {
      response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    } else {
      response
          .headers()
          .add(HeaderValues.create(HeaderNames.VARY, "Origin")); // a cache must not mix up origins
      if (!origins.contains(origin)) {
        return;
      }
      response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.header(HeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, "x-request-id, retry-after");
  }

  /** Whether a request asks what a page may send; then the answer says so. */
  boolean isPreflight(ServerRequest request, ServerResponse response) {
    boolean asks =
        !origins.isEmpty()
            && request.prologue().method().text().equals("OPTIONS")
            && request.headers().contains(HeaderNames.ORIGIN)
            && request.headers().contains(REQUEST_METHOD);
    if (asks) {
      response.header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, METHODS);
      response.header(
          HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS,
          request.headers().first(REQUEST_HEADERS).orElse(HEADERS));
      response.header(HeaderNames.ACCESS_CONTROL_MAX_AGE, Integer.toString(MAX_AGE_SECONDS));
    }
    return asks;
  }
}
