// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections that do not bring what they are for keep nobody out. */
class ConnectionGuardTest {
  @TempDir private Path data;

  private static Socket halfAHead(int port) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket
        .getOutputStream()
        .write("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ".getBytes(StandardCharsets.US_ASCII));
    socket.setSoTimeout(60_000);
    return socket;
  }

  /** Whether the server has ended a connection; waits for it. */
  private static boolean isEnded(Socket socket) {
    try (InputStream in = socket.getInputStream()) {
      return in.read() < 0;
    } catch (IOException e) {
      return e.getMessage() != null && e.getMessage().contains("reset");
    }
  }

  @Test
  void anAddressWithTooManyLosesTheOneThatHasWaitedLongest() throws Exception {
    List<Socket> held = new ArrayList<>();
    try (TestServer server =
        TestServer.start(data, options -> options.headSeconds(600).addressConnections(8))) {
      for (int i = 0; i < 40; i++) {
        held.add(halfAHead(server.server().httpPort()));
      }
      for (int i = 0; i < 5; i++) {
        assertThat(server.call("GET", "/healthz", "").status()).isEqualTo(200);
      }
      assertThat(isEnded(held.getFirst())).isTrue();
    } finally {
      for (Socket socket : held) {
        socket.close();
      }
    }
  }

  @Test
  void aHeadThatDoesNotComeEndsTheConnection() throws Exception {
    try (TestServer server = TestServer.start(data, options -> options.headSeconds(1));
        Socket half = halfAHead(server.server().httpPort())) {
      assertThat(isEnded(half)).isTrue();
    }
  }
}
