// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;

/** A server on free ports of the loopback, and a client of its HTTP interface. */
public final class TestServer implements AutoCloseable {
  public final Server server;
  private final HttpClient client = HttpClient.newHttpClient();

  @MustBeClosed
  private TestServer(Server server) {
    this.server = server;
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  public static TestServer start(Path data) throws IOException {
    return start(data, UnaryOperator.identity());
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  public static TestServer start(Path data, UnaryOperator<ServerOptions.Builder> change)
      throws IOException {
    Server server = Server.start(change.apply(new ServerOptions.Builder(data)).build());
    server.collections().awaitLoaded();
    return new TestServer(server);
  }

  public Server server() {
    return server;
  }

  public String url() {
    return "http://127.0.0.1:" + server.httpPort();
  }

  /** An answer: status and body. */
  public record Answer(int status, JsonNode body, java.net.http.HttpHeaders headers) {
    public JsonNode result() {
      return body.path("result");
    }

    public String error() {
      return body.path("status").path("error").asString("");
    }
  }

  public Answer call(String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    return send(method, path, HttpRequest.BodyPublishers.ofString(body), headers);
  }

  public Answer send(String method, String path, HttpRequest.BodyPublisher body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url() + path)).method(method, body);
    if (headers.length > 0) {
      request.headers(headers);
    }
    HttpResponse<byte[]> response =
        client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    boolean isJson =
        response.headers().firstValue("content-type").orElse("").equals("application/json");
    return new Answer(
        response.statusCode(),
        isJson
            ? JsonBody.JSON.readTree(response.body())
            : JsonBody.JSON
                .getNodeFactory()
                .stringNode(new String(response.body(), java.nio.charset.StandardCharsets.UTF_8)),
        response.headers());
  }

  @Override
  public void close() throws IOException {
    try (client) {
      server.close();
    }
  }
}
