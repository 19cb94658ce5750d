// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.server.ServeCommand;
import dev.arbalest.server.TestServer;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManagerFactory;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.CallOption;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightCallHeaders;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.HeaderCallOption;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.flight.Ticket;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens, limits and encrypted connections, over real sockets. */
@SuppressWarnings("try") // closing a client may be interrupted
class AccessTest {
  private static final String CREATE = "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}";

  @TempDir private Path directory;

  @Test
  void namesOfTokensAreTheirOwn() throws Exception {
    Path file = directory.resolve("tokens.json");
    String _ = AccessControl.create(file, "one", List.of("read"), List.of("*"));
    assertThatThrownBy(() -> AccessControl.create(file, "one", List.of("write"), List.of("*")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has a token named one already");
    assertThat(AccessControl.create(file, "two", List.of("read"), List.of("*"))).hasSize(43);
  }

  private static String[] bearer(String token) {
    return new String[] {"authorization", "Bearer " + token};
  }

  @Test
  void tokensAllowWhatTheySay() throws Exception {
    Path file = directory.resolve("tokens.json");
    String all = AccessControl.create(file, "all", List.of("read", "write"), List.of("*"));
    String reader = AccessControl.create(file, "reader", List.of("read"), List.of("open"));
    String writer = AccessControl.create(file, "writer", List.of("write"), List.of("*"));
    assertThat(Files.readString(file)).doesNotContain(all).doesNotContain(reader);
    try (TestServer server =
        TestServer.start(directory.resolve("data"), options -> options.tokens(file))) {
      for (String name : List.of("open", "closed")) {
        String path = "/collections/" + name;
        assertThat(server.call("PUT", path, CREATE).status()).isEqualTo(401);
        assertThat(server.call("PUT", path, CREATE, bearer("wrong")).status()).isEqualTo(401);
        assertThat(server.call("PUT", path, CREATE, bearer(reader)).status()).isEqualTo(403);
        assertThat(server.call("PUT", path, CREATE, "api-key", all).status()).isEqualTo(200);
      }
      String count = "/points/count";
      assertThat(server.call("POST", "/collections/open" + count, "", bearer(reader)).status())
          .isEqualTo(200);
      assertThat(server.call("POST", "/collections/closed" + count, "", bearer(reader)).status())
          .isEqualTo(403);
      assertThat(server.call("DELETE", "/collections/open", "", bearer(reader)).status())
          .isEqualTo(403);
      TestServer.Answer list = server.call("GET", "/collections", "", bearer(reader));
      assertThat(list.result().path("collections").toString()).isEqualTo("[{\"name\":\"open\"}]");
      assertThat(server.call("GET", "/collections", "").status()).isEqualTo(401);
      assertThat(server.call("GET", "/metrics", "").status()).isEqualTo(401);
      assertThat(server.call("GET", "/healthz", "").status()).isEqualTo(200);

      int port = server.server().flightPort();
      assertThat(listing(port, reader)).isEqualTo("[open]");
      assertThat(listing(port, writer)).contains("does not allow read");
      assertThat(server.call("GET", "/collections", "", bearer(writer)).status()).isEqualTo(403);
      assertThat(flight(port, "stats", "{}", null)).isEqualTo(FlightStatusCode.UNAUTHENTICATED);
      assertThat(flight(port, "stats", "{}", "wrong")).isEqualTo(FlightStatusCode.UNAUTHENTICATED);
      assertThat(flight(port, "stats", "{\"dataset\":\"open\"}", reader)).isNull();
      assertThat(flight(port, "stats", "{\"dataset\":\"closed\"}", reader))
          .isEqualTo(FlightStatusCode.UNAUTHORIZED);
      assertThat(flight(port, "drop", "{\"dataset\":\"open\"}", reader))
          .isEqualTo(FlightStatusCode.UNAUTHORIZED);
      assertThat(flight(port, "drop", "{\"dataset\":\"open\"}", all)).isNull();
      for (String token : new String[] {null, "wrong", reader, all}) {
        FlightStatusCode expected =
            token == null || token.equals("wrong")
                ? FlightStatusCode.UNAUTHENTICATED
                : token.equals(reader) ? FlightStatusCode.UNAUTHORIZED : null;
        assertThat(everyCall(port, token)).as(token).containsOnly(expected);
      }
    }
  }

  /** What each of the calls about a collection ends with. */
  @SuppressWarnings("try") // closing may be interrupted
  private static List<@Nullable FlightStatusCode> everyCall(int port, @Nullable String token)
      throws Exception {
    FlightCallHeaders headers = new FlightCallHeaders();
    if (token != null) {
      headers.insert("authorization", "Bearer " + token);
    }
    CallOption option = new HeaderCallOption(headers);
    List<@Nullable FlightStatusCode> codes = new ArrayList<>();
    FlightDescriptor closed = FlightDescriptor.path("closed");
    Schema schema =
        new Schema(
            List.of(
                Field.nullable("id", new ArrowType.Int(64, true)),
                new Field(
                    "vector",
                    FieldType.nullable(new ArrowType.FixedSizeList(4)),
                    List.of(
                        Field.nullable(
                            "item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE))))));
    try (RootAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
        VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
      List<Callable<?>> calls =
          List.of(
              () -> client.getInfo(closed, option),
              () -> {
                try (FlightStream stream =
                    client.getStream(
                        new Ticket("closed".getBytes(StandardCharsets.UTF_8)), option)) {
                  return stream.next();
                }
              },
              () -> {
                try (SyncPutListener listener = new SyncPutListener()) {
                  client.startPut(closed, root, listener, option).completed();
                  listener.getResult();
                  return true;
                }
              },
              () -> {
                try (FlightClient.ExchangeReaderWriter exchange =
                    client.doExchange(FlightDescriptor.path("ingest", "closed"), option)) {
                  exchange.getWriter().start(root);
                  exchange.getWriter().completed();
                  return exchange.getReader().next();
                }
              });
      for (Callable<?> call : calls) {
        try {
          Object _ = call.call();
          codes.add(null);
        } catch (FlightRuntimeException e) {
          codes.add(e.status().code());
        }
      }
    }
    return codes;
  }

  /** Status of an action, null if it worked. */
  private static @Nullable FlightStatusCode flight(
      int port, String action, String body, @Nullable String token) throws Exception {
    FlightCallHeaders headers = new FlightCallHeaders();
    if (token != null) {
      headers.insert("authorization", "Bearer " + token);
    }
    try (RootAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build()) {
      client
          .doAction(
              new Action(action, body.getBytes(StandardCharsets.UTF_8)),
              new CallOption[] {new HeaderCallOption(headers)})
          .forEachRemaining(result -> assertThat(result.getBody()).isNotEmpty());
      return null;
    } catch (FlightRuntimeException e) {
      return e.status().code();
    }
  }

  @Test
  void whoAsksTooOftenIsToldToWait() throws Exception {
    try (TestServer server =
        TestServer.start(directory.resolve("data"), options -> options.requestsPerSecond(1))) {
      List<Integer> statuses = new ArrayList<>();
      TestServer.Answer last = null;
      for (int i = 0; i < 20; i++) {
        last = server.call("GET", "/collections", "");
        statuses.add(last.status());
        if (last.status() == 429) {
          assertThat(last.headers().firstValue("Retry-After")).contains("1");
          assertThat(last.error()).contains("more than 1 requests per second");
        }
      }
      assertThat(statuses).startsWith(200).contains(429).containsOnly(200, 429);
      List<@Nullable FlightStatusCode> codes = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        codes.add(flight(server.server().flightPort(), "stats", "", null));
      }
      assertThat(codes)
          .contains(FlightStatusCode.RESOURCE_EXHAUSTED)
          .containsOnly(null, FlightStatusCode.RESOURCE_EXHAUSTED);
      assertThat(server.call("GET", "/healthz", "").status()).isEqualTo(200);
    }
  }

  /** Names of the collections a token sees, or why it sees none. */
  @SuppressWarnings("try") // closing may be interrupted
  private static String listing(int port, String token) throws Exception {
    FlightCallHeaders headers = new FlightCallHeaders();
    headers.insert("authorization", "Bearer " + token);
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build()) {
      List<String> names = new ArrayList<>();
      client
          .listFlights(Criteria.ALL, new HeaderCallOption(headers))
          .forEach(info -> names.add(info.getDescriptor().getPath().getFirst()));
      return names.toString();
    } catch (FlightRuntimeException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Test
  void whatCannotBeUsedIsBadInput() throws Exception {
    Path broken = Files.writeString(directory.resolve("broken"), "no tokens");
    String data = directory.resolve("data").toString();
    for (String[] options :
        List.of(
            new String[] {"--tokens", directory.resolve("none").toString()},
            new String[] {"--tokens", broken.toString()},
            new String[] {"--tls-certificate", broken.toString(), "--tls-key", broken.toString()},
            new String[] {"--host", "0.0.0.0"},
            new String[] {"--request-bytes", "much"})) {
      List<String> arguments =
          new ArrayList<>(List.of("--data", data, "--http-port", "0", "--flight-port", "0"));
      arguments.addAll(List.of(options));
      assertThat(ServeCommand.run(arguments.toArray(new String[0])))
          .as(arguments.toString())
          .isEqualTo(2);
    }
    String tokens = directory.resolve("tokens.json").toString();
    assertThat(ServeCommand.run("new-token", "--tokens", tokens, "--name", "me", "--scope", "root"))
        .isEqualTo(2);
    assertThat(Path.of(tokens)).doesNotExist();
  }

  @Test
  void otherAddressesNeedEncryption() {
    assertThatThrownBy(
            () -> TestServer.start(directory.resolve("data"), options -> options.host("0.0.0.0")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("--tls-certificate")
        .hasMessageContaining("--insecure");
  }

  private Path openssl(String arguments) throws Exception {
    Process process =
        new ProcessBuilder(("openssl " + arguments).split(" "))
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return directory;
  }

  private void certify(String name, String dates) throws Exception {
    openssl(
        "req -newkey rsa:2048 -nodes -keyout "
            + name
            + ".key -out "
            + name
            + ".csr -subj /CN=localhost");
    Files.writeString(
        directory.resolve("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(
        "x509 -req -in "
            + name
            + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -out "
            + name
            + ".pem -extfile extensions "
            + dates);
  }

  @Test
  void encryptedConnectionsCheckBothSides() throws Exception {
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca");
    certify("good", "-days 30");
    certify("client", "-days 30");
    Files.writeString(directory.resolve("index"), "");
    certify("expired", "-days -1");
    certify("former", "-days -1");

    ServerOptions.Tls tls = tls("good", null);
    try (TestServer server =
        TestServer.start(directory.resolve("a"), options -> options.tls(tls))) {
      assertThat(get(server, context(null))).isEqualTo(200);
      assertThat(encryptedFlight(server, null)).isNull();
      assertThat(server.server().httpPort()).isPositive();
      // Plain text is not understood on a port of encrypted connections.
      assertThatThrownBy(() -> server.call("GET", "/healthz", "")).isInstanceOf(IOException.class);
    }
    ServerOptions.Tls expired = tls("expired", null);
    try (TestServer server =
        TestServer.start(directory.resolve("b"), options -> options.tls(expired))) {
      assertThatThrownBy(() -> get(server, context(null)))
          .isInstanceOf(SSLException.class)
          .hasStackTraceContaining("expired");
      assertThat(encryptedFlight(server, null)).isEqualTo(FlightStatusCode.UNAVAILABLE);
    }
    ServerOptions.Tls mutual = tls("good", "ca.pem");
    try (TestServer server =
        TestServer.start(directory.resolve("c"), options -> options.tls(mutual))) {
      assertThatThrownBy(() -> get(server, context(null))).isInstanceOf(IOException.class);
      assertThat(get(server, context("client"))).isEqualTo(200);
      assertThat(encryptedFlight(server, null)).isEqualTo(FlightStatusCode.UNAVAILABLE);
      assertThat(encryptedFlight(server, "client")).isNull();
      assertThatThrownBy(() -> get(server, context("former"))).isInstanceOf(IOException.class);
      assertThat(encryptedFlight(server, "former")).isEqualTo(FlightStatusCode.UNAVAILABLE);
    }
    assertThatThrownBy(() ->
            TestServer.start(
                directory.resolve("d"),
                options ->
                    options.tls(
                        new ServerOptions.Tls(
                            directory.resolve("ca.key"), directory.resolve("ca.pem"), null))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("ca.");
  }

  private ServerOptions.Tls tls(String name, @Nullable String clients) {
    return new ServerOptions.Tls(
        directory.resolve(name + ".pem"),
        directory.resolve(name + ".key"),
        clients == null ? null : directory.resolve(clients));
  }

  private SSLContext context(@Nullable String name) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (var in = Files.newInputStream(directory.resolve("ca.pem"))) {
      trusted.setCertificateEntry(
          "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    if (name != null) {
      openssl(
          "pkcs12 -export -in "
              + name
              + ".pem -inkey "
              + name
              + ".key -out "
              + name
              + ".p12 -passout pass:secret");
      KeyStore own = KeyStore.getInstance("PKCS12");
      try (var in = Files.newInputStream(directory.resolve(name + ".p12"))) {
        own.load(in, "secret".toCharArray());
      }
      keys.init(own, "secret".toCharArray());
    }
    context.init(name == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private static int get(TestServer server, SSLContext context) throws Exception {
    try (HttpClient client =
        HttpClient.newBuilder().sslContext(context).version(HttpClient.Version.HTTP_1_1).build()) {
      return client
          .send(
              HttpRequest.newBuilder(
                      URI.create(
                          "https://localhost:" + server.server().httpPort() + "/collections"))
                  .build(),
              HttpResponse.BodyHandlers.discarding())
          .statusCode();
    }
  }

  private @Nullable FlightStatusCode encryptedFlight(TestServer server, @Nullable String name)
      throws Exception {
    try (RootAllocator allocator = new RootAllocator();
        var ca = Files.newInputStream(directory.resolve("ca.pem"))) {
      FlightClient.Builder builder =
          FlightClient.builder(
                  allocator, Location.forGrpcTls("localhost", server.server().flightPort()))
              .useTls()
              .trustedCertificates(ca);
      if (name != null) {
        builder.clientCertificate(
            Files.newInputStream(directory.resolve(name + ".pem")),
            Files.newInputStream(directory.resolve(name + ".key")));
      }
      try (FlightClient client = builder.build()) {
        client
            .doAction(new Action("stats", new byte[0]))
            .forEachRemaining(result -> assertThat(result.getBody()).isNotEmpty());
        return null;
      } catch (FlightRuntimeException e) {
        return e.status().code();
      }
    }
  }
}
