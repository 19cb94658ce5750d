package dev.arbalest.server;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes the server's log: a JSON object per line on standard error. */
final class ServerLog {
  private static final JsonMapper JSON = new JsonMapper();

  private ServerLog() {}

  static void info(String message) {
    write("info", message, null, null);
  }

  static void warn(String message, @Nullable Throwable cause) {
    write("warn", message, null, cause);
  }

  /** Notes a request that failed by the server's fault. */
  static void failed(String requestId, String request, Throwable cause) {
    write("error", request, requestId, cause);
  }

  private static void write(
      String level, String message, @Nullable String requestId, @Nullable Throwable cause) {
    ObjectNode line = JSON.createObjectNode();
    line.put("time", Instant.now().toString());
    line.put("level", level);
    line.put("message", message);
    if (requestId != null) {
      line.put("request_id", requestId);
    }
    if (cause != null) {
      line.put("error", String.valueOf(cause));
      StringWriter trace = new StringWriter();
      cause.printStackTrace(new PrintWriter(trace));
      line.put("trace", trace.toString());
    }
    PrintStream out = System.err;
    out.println(line);
  }
}
