// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

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
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.Location;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections that never begin to speak HTTP/2. */
@SuppressWarnings("try") // closing a client may be interrupted
class FlightConnectionsTest {
  private static final int CONNECTIONS = 100;

  @TempDir private Path data;

  /** Whether the server has ended a connection; waits for it. */
  private static boolean isEnded(Socket socket) {
    try {
      socket.setSoTimeout(120_000);
      InputStream in = socket.getInputStream();
      while (in.read() >= 0) {
        // the server's settings come first
      }
      return true;
    } catch (IOException e) {
      return e.getMessage() != null && e.getMessage().contains("reset");
    }
  }

  @Test
  void silentConnectionsAreEndedAndKeepNobodyOut() throws Exception {
    List<Socket> held = new ArrayList<>();
    try (TestServer server = TestServer.start(data)) {
      int port = server.server().flightPort();
      for (int i = 0; i < CONNECTIONS; i++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        held.add(socket);
        if (i % 2 == 1) {
          socket.getOutputStream().write("PRI * HTTP".getBytes(StandardCharsets.US_ASCII));
        }
      }
      try (BufferAllocator allocator = new RootAllocator();
          FlightClient client =
              FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port))
                  .build()) {
        assertThat(client.listActions()).isNotEmpty();
      }
      assertThat(held).allMatch(FlightConnectionsTest::isEnded);
    } finally {
      for (Socket socket : held) {
        socket.close();
      }
    }
  }
}
