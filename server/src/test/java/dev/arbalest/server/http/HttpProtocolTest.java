// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** HTTP as proxies, browsers and thrifty clients speak it. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class HttpProtocolTest {
  private static final String POINTS = "/collections/things/points";
  private static final String PAGE = "https://page.test";
  @TempDir private Path data;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(data, options -> options.corsOrigins(List.of(PAGE)));
    TestServer.Answer made =
        server.call("PUT", "/collections/things", "{\"vectors\":{\"size\":2}}");
    assertThat(made.status()).isEqualTo(200);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  /** Sends pieces one after another and returns what comes until the server closes. */
  private String talk(String... pieces) throws IOException, InterruptedException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server().httpPort())) {
      socket.setSoTimeout(60_000);
      OutputStream out = socket.getOutputStream();
      for (String piece : pieces) {
        out.write(piece.getBytes(StandardCharsets.UTF_8));
        out.flush();
        Thread.sleep(20); // so that pieces arrive as such
      }
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void oldHttpIsAnsweredAndTheConnectionClosed() throws Exception {
    assertThat(talk("GET /healthz HTTP/1.0\r\n\r\n"))
        .startsWith("HTTP/1.1 200")
        .endsWith("healthz check passed\n");
    assertThat(talk("GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\n\r\n"))
        .startsWith("HTTP/1.1 200")
        .containsIgnoringCase("connection: close");
    String body = "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}";
    assertThat(
            talk(
                "PUT " + POINTS + " HTTP/1.0\r\nContent-Le",
                "ngth: " + body.length() + "\r\n\r\n" + body.substring(0, 7),
                body.substring(7)))
        .startsWith("HTTP/1.1 200")
        .contains("completed");
    assertThat(server.call("GET", POINTS + "/1", "").status()).isEqualTo(200);
  }

  @Test
  void aConnectionThatIsToBeClosedIsClosed() throws Exception {
    assertThat(talk("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        .endsWith("healthz check passed\n");
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream coded = new GZIPOutputStream(out)) {
      coded.write(bytes);
    }
    return out.toByteArray();
  }

  private static byte[] deflate(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream coded = new DeflaterOutputStream(out)) {
      coded.write(bytes);
    }
    return out.toByteArray();
  }

  private TestServer.Answer put(byte[] body, String coding) throws Exception {
    return server.send(
        "PUT", POINTS, HttpRequest.BodyPublishers.ofByteArray(body), "content-encoding", coding);
  }

  private static byte[] manyPoints() {
    return IntStream.range(0, 300)
        .mapToObj(
            "{\"id\":%1$d,\"vector\":[%1$d,1],\"payload\":{\"t\":\"words that make the answer large enough to be worth it\"}}"
                ::formatted)
        .collect(Collectors.joining(",", "{\"points\":[", "]}"))
        .getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void bodiesMayBeCompressed() throws Exception {
    byte[] points = manyPoints();
    assertThat(put(gzip(points), "gzip").status()).isEqualTo(200);
    assertThat(put(deflate(points), "deflate").status()).isEqualTo(200);
    assertThat(put(points, "gzip").status()).isEqualTo(400);
    byte[] half = gzip(points);
    assertThat(put(Arrays.copyOf(half, half.length / 2), "gzip").status()).isEqualTo(400);
    assertThat(put(points, "br").error()).contains("content-encoding", "br");
    // A small body that becomes a large one is refused by what it becomes.
    assertThat(put(gzip(new byte[100 << 20]), "gzip").status()).isEqualTo(413);
    for (String coding : List.of("gzip", "deflate", "gzip;q=0")) {
      HttpResponse<byte[]> answer = scroll(coding);
      boolean plain = coding.endsWith("q=0");
      assertThat(answer.headers().firstValue("content-encoding").orElse(""))
          .isEqualTo(plain ? "" : coding);
      InputStream body = new ByteArrayInputStream(answer.body());
      try (InputStream decoded =
          plain
              ? body
              : coding.equals("gzip") ? new GZIPInputStream(body) : new InflaterInputStream(body)) {
        assertThat(new String(decoded.readAllBytes(), StandardCharsets.UTF_8))
            .startsWith("{\"result\"")
            .endsWith("}");
      }
    }
  }

  private HttpResponse<byte[]> scroll(String accepted) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(URI.create(server.url() + POINTS + "/scroll"))
              .header("accept-encoding", accepted)
              .header("origin", PAGE)
              .POST(HttpRequest.BodyPublishers.ofString("{\"limit\":300}"))
              .build(),
          HttpResponse.BodyHandlers.ofByteArray());
    }
  }

  @Test
  void pagesOfAllowedOriginsMayCall() throws Exception {
    String preflight =
        "OPTIONS "
            + POINTS
            + " HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\nConnection: close\r\n"
            + "Access-Control-Request-Method: PUT\r\n"
            + "Access-Control-Request-Headers: api-key\r\n\r\n";
    assertThat(talk(preflight.formatted(PAGE)))
        .startsWith("HTTP/1.1 204")
        .containsIgnoringCase("access-control-allow-origin: " + PAGE)
        .containsIgnoringCase("access-control-allow-headers: api-key")
        .contains("PATCH");
    assertThat(talk(preflight.formatted("https://other.test")))
        .doesNotContainIgnoringCase("access-control-allow-origin");
    TestServer.Answer plain = server.call("GET", "/collections", "");
    assertThat(plain.headers().firstValue("access-control-allow-origin")).isEmpty();
    assertThat(put(manyPoints(), "identity").status()).isEqualTo(200);
    assertThat(scroll("gzip").headers().allValues("vary"))
        .anyMatch(value -> value.contains("Origin"))
        .anyMatch(value -> value.contains("Accept-Encoding"));
  }
}
