// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.remote;

import dev.arbalest.BadInputException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A server with Qdrant's REST interface. Requests that the server is too busy for are sent again,
 * for ten minutes at most. Thread-safe.
 */
public final class ServerClient implements AutoCloseable {
  private static final int OK = 200;
  private static final int NOT_FOUND = 404;
  private static final int BUSY = 429;
  private static final int UNAVAILABLE = 503;
  private static final Duration PATIENCE = Duration.ofMinutes(10);
  private static final long MAX_WAIT_MILLIS = 5000;

  private final String url;
  private final @Nullable String key;
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(10))
          .build();

  /**
   * Creates it; nothing is sent yet.
   *
   * @param url such as {@code http://localhost:9090}
   * @param key access token, or null for none
   * @throws BadInputException if the URL is none
   */
  public ServerClient(String url, @Nullable String key) {
    URI parsed;
    try {
      parsed = URI.create(url);
    } catch (IllegalArgumentException e) {
      throw new BadInputException("'" + url + "' is no URL: " + e.getMessage());
    }
    if (parsed.getHost() == null || !String.valueOf(parsed.getScheme()).startsWith("http")) {
      throw new BadInputException(
          "'" + url + "' is no URL of a server; give one as http://localhost:9090");
    }
    this.url = url.endsWith("/") ? url.substring(0, url.length() - 1) : url;
    this.key = key;
  }

  /** The path of a collection. */
  public static String path(String collection) {
    return "/collections/"
        + URLEncoder.encode(collection, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** The description of a collection, or null if it is not there. */
  public @Nullable JsonNode describe(String collection) throws IOException {
    HttpResponse<String> response = send("GET", path(collection), "application/json", null);
    return response.statusCode() == NOT_FOUND ? null : result("GET", path(collection), response);
  }

  /** Sends JSON; returns the result in the answer. */
  public JsonNode json(String method, String path, String body) throws IOException {
    HttpRequest.BodyPublisher publisher = HttpRequest.BodyPublishers.ofString(body);
    return result(method, path, send(method, path, "application/json", publisher));
  }

  /** Sends bytes; returns the result in the answer. */
  public JsonNode bytes(String method, String path, byte[] body) throws IOException {
    HttpRequest.BodyPublisher publisher = HttpRequest.BodyPublishers.ofByteArray(body);
    return result(method, path, send(method, path, "application/octet-stream", publisher));
  }

  private HttpResponse<String> send(
      String method, String path, String type, HttpRequest.@Nullable BodyPublisher body)
      throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url + path))
            .timeout(PATIENCE)
            .header("content-type", type)
            .method(method, body == null ? HttpRequest.BodyPublishers.noBody() : body);
    if (key != null) {
      request.header("api-key", key);
    }
    long end = System.nanoTime() + PATIENCE.toNanos();
    long wait = 100;
    try {
      while (true) {
        HttpResponse<String> response =
            http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        boolean isBusy =
            response.statusCode() == BUSY
                || (response.statusCode() == UNAVAILABLE
                    && response.headers().firstValue("retry-after").isPresent());
        if (!isBusy || System.nanoTime() > end) {
          return response;
        }
        Thread.sleep(wait);
        wait = Math.min(2 * wait, MAX_WAIT_MILLIS);
      }
    } catch (ConnectException e) {
      throw new IOException("no server answers at " + url, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + url, e);
    }
  }

  private JsonNode result(String method, String path, HttpResponse<String> response)
      throws IOException {
    JsonNode answer;
    try {
      answer = JsonMapper.shared().readTree(response.body());
    } catch (JacksonException e) {
      throw new IOException(
          url + path + " did not answer with JSON, but status " + response.statusCode(), e);
    }
    if (response.statusCode() == OK) {
      return answer.path("result");
    }
    String error = answer.path("status").path("error").asString("status " + response.statusCode());
    String message = method + " " + url + path + ": " + error;
    if (response.statusCode() >= 400 && response.statusCode() < 500) {
      throw new BadInputException(message);
    }
    throw new IOException(message);
  }

  @Override
  public void close() {
    http.close();
  }
}
