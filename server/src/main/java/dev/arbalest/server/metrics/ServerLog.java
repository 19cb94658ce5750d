// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import dev.arbalest.collections.model.CollectionException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.UUID;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes the server's log: a JSON object per line on standard error. */
public final class ServerLog {
  private static final JsonMapper JSON = new JsonMapper();

  /** Header with what a request is called in the log. */
  public static final String REQUEST_ID = "x-request-id";

  /** Logger of the engine and its collections; held, or its level would be forgotten. */
  private static final Logger OURS = Logger.getLogger("dev.arbalest");

  private static final Pattern ID = Pattern.compile("[\\w.-]{1,64}");

  private ServerLog() {}

  /** What a request is called: the client's name for it, if it is a decent one, or one of ours. */
  public static String requestId(@Nullable String sent) {
    return sent != null && ID.matcher(sent).matches() ? sent : UUID.randomUUID().toString();
  }

  /** Has what libraries log written as lines of this log, from warnings on. */
  public static void takeOver() {
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      root.removeHandler(handler);
    }
    root.setLevel(Level.WARNING);
    OURS.setLevel(Level.INFO);
    root.addHandler(
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (isLoggable(record)) {
              boolean isOurs = String.valueOf(record.getLoggerName()).startsWith(OURS.getName());
              String text = new SimpleFormatter().formatMessage(record);
              write(
                  record.getLevel().intValue() < Level.WARNING.intValue() ? "info" : "warn",
                  isOurs ? text : record.getLoggerName() + ": " + text,
                  null,
                  record.getThrown());
            }
          }

          @Override
          public void flush() {
            System.err.flush();
          }

          @Override
          public void close() {
            flush();
          }
        });
  }

  public static void info(String message) {
    write("info", message, null, null);
  }

  public static void warn(String message, @Nullable Throwable cause) {
    write("warn", message, null, cause);
  }

  /** Records a fault that does not end its request; outcomes that are no fault are not recorded. */
  public static void fault(String what, CollectionException e) {
    if (e.kind() == CollectionException.Kind.INTERNAL) {
      warn(what, e);
    }
  }

  /** Notes a request that failed by the server's fault. */
  public static void failed(String requestId, String request, Throwable cause) {
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
