// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * A connection whose first request may be one of HTTP/1.0, which is read as one of 1.1 whose
 * connection is to be closed: proxies and health checks speak 1.0, and the server library refuses
 * it. Behind a request that wants the connection closed there is nothing more to read, so that it
 * is.
 */
final class OldHttp implements ConnectionContext {
  private static final int MAX_HEAD_BYTES = 16 << 10;
  private static final String VERSION = " HTTP/1.0";
  private static final String END = "\r\n\r\n";

  private final ConnectionContext connection;
  private final DataReader reader;

  // Used by the thread that reads:

  private boolean isFirst = true;

  /** Bytes of the last request that are still to come, -1 if another request may follow. */
  private long left = -1;

  OldHttp(ConnectionContext connection) {
    this.connection = connection;
    this.reader = DataReader.create(this::next);
  }

  /** The bytes that come next, the first head as a whole; null if there are no more. */
  private byte @Nullable [] next() {
    if (left == 0) {
      return null;
    }
    byte[] bytes = some(connection.dataReader());
    if (isFirst) {
      isFirst = false;
      return first(bytes);
    }
    left = left < 0 ? left : Math.max(0, left - bytes.length);
    return bytes;
  }

  private byte[] first(byte[] begin) {
    byte[] bytes = begin;
    while (indexOf(bytes, END) < 0 && bytes.length < MAX_HEAD_BYTES) {
      bytes = joined(bytes, some(connection.dataReader()));
    }
    int end = indexOf(bytes, END);
    if (end < 0) {
      return bytes; // refused as it is
    }
    String head = text(bytes, end);
    byte[] body = Arrays.copyOfRange(bytes, end + END.length(), bytes.length);
    boolean isOld = head.substring(0, (head + "\r\n").indexOf("\r\n")).endsWith(VERSION);
    boolean isLast = isOld || header(head, "connection").toLowerCase(Locale.ROOT).equals("close");
    if (isLast && header(head, "transfer-encoding").isEmpty()) {
      left = Math.max(0, length(header(head, "content-length")) - body.length);
    }
    byte[] newHead = (isOld ? newHead(head) : head).getBytes(StandardCharsets.ISO_8859_1);
    return joined(joined(newHead, END.getBytes(StandardCharsets.ISO_8859_1)), body);
  }

  private static String header(String head, String name) {
    for (String line : head.split("\r\n", -1)) {
      if (line.regionMatches(true, 0, name + ":", 0, name.length() + 1)) {
        return line.substring(name.length() + 1).strip();
      }
    }
    return "";
  }

  private static long length(String text) {
    try {
      return text.isEmpty() ? 0 : Long.parseLong(text);
    } catch (NumberFormatException e) {
      return 0; // refused by who reads the head
    }
  }

  private static byte[] some(DataReader source) {
    source.ensureAvailable();
    return source.readBytes(source.available());
  }

  private static String text(byte[] bytes, int end) {
    return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
  }

  private static int indexOf(byte[] bytes, String what) {
    return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(what);
  }

  private static byte[] joined(byte[] one, byte[] other) {
    byte[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }

  /** The head of a request as 1.1 has it. */
  private static String newHead(String old) {
    String[] lines = old.split("\r\n", -1);
    StringBuilder head = new StringBuilder();
    head.append(lines[0], 0, lines[0].length() - VERSION.length()).append(" HTTP/1.1");
    boolean hasHost = false;
    for (int i = 1; i < lines.length; i++) {
      String name = lines[i].toLowerCase(Locale.ROOT);
      hasHost |= name.startsWith("host:");
      if (!name.startsWith("connection:") && !name.startsWith("keep-alive:")) {
        head.append("\r\n").append(lines[i]);
      }
    }
    if (!hasHost) {
      head.append("\r\nHost: localhost");
    }
    return head.append("\r\nConnection: close").toString();
  }

  @Override
  public DataReader dataReader() {
    return reader;
  }

  @Override
  public ListenerContext listenerContext() {
    return connection.listenerContext();
  }

  @Override
  public ExecutorService executor() {
    return connection.executor();
  }

  @Override
  public DataWriter dataWriter() {
    return connection.dataWriter();
  }

  @Override
  public Router router() {
    return connection.router();
  }

  @Override
  public Optional<ProxyProtocolData> proxyProtocolData() {
    return connection.proxyProtocolData();
  }

  @Override
  public HelidonSocket serverSocket() {
    return connection.serverSocket();
  }

  @Override
  public PeerInfo remotePeer() {
    return connection.remotePeer();
  }

  @Override
  public PeerInfo localPeer() {
    return connection.localPeer();
  }

  @Override
  public boolean isSecure() {
    return connection.isSecure();
  }

  @Override
  public String socketId() {
    return connection.socketId();
  }

  @Override
  public String childSocketId() {
    return connection.childSocketId();
  }
}
