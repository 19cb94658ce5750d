// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.ProgressListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows stage, rate and remaining time: on a terminal as a line that is rewritten, in a log as a
 * line every few seconds and one at the end of each stage. Thread-safe.
 */
public final class Progress implements ProgressListener, AutoCloseable {
  private static final long TERMINAL_NANOS = 200_000_000L;
  private static final long LOG_NANOS = 10_000_000_000L;

  private final PrintWriter err;
  private final boolean shown;
  private final boolean terminal;
  private final LongSupplier clock;
  private String stage = "";
  private long total;
  private long done;
  private long start;
  private long lastShown;

  Progress(PrintWriter err, boolean shown) {
    this(err, shown, isTerminal(), System::nanoTime);
  }

  Progress(PrintWriter err, boolean shown, boolean terminal, LongSupplier clock) {
    this.clock = clock;
    this.err = err;
    this.shown = shown;
    this.terminal = terminal;
  }

  private static boolean isTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException e) {
      return false; // not Linux: plain lines
    }
  }

  @Override
  public synchronized void stage(String name, long units) {
    finishStage(true);
    stage = name;
    total = units;
    done = 0;
    start = clock.getAsLong();
    lastShown = start;
  }

  @Override
  public synchronized void advanced(long count) {
    done += count;
    long now = clock.getAsLong();
    if (shown && now - lastShown >= (terminal ? TERMINAL_NANOS : LOG_NANOS)) {
      lastShown = now;
      show(line(now, false));
    }
  }

  @Override
  public synchronized void note(String text) {
    if (shown) {
      err.println(text);
      err.flush();
    }
  }

  private void show(String line) {
    if (terminal) {
      err.print("\r\u001b[K" + line);
    } else {
      err.println(line);
    }
    err.flush();
  }

  private void finishStage(boolean complete) {
    if (!stage.isEmpty() && shown) {
      show(line(clock.getAsLong(), complete));
      if (terminal) {
        err.println();
        err.flush();
      }
    }
    stage = "";
  }

  private String line(long now, boolean finished) {
    double seconds = Math.max(1e-9, (now - start) / 1e9);
    double rate = done / seconds;
    String text = String.format(Locale.ROOT, "%-9s", stage);
    if (finished) {
      text += String.format(Locale.ROOT, "done in %.1f s", seconds);
      return total > 1 ? text + String.format(Locale.ROOT, ", %,.0f/s", rate) : text;
    }
    double left = rate > 0 ? (total - done) / rate : 0;
    return text
        + String.format(
            Locale.ROOT,
            "%5.1f %%  %,d of %,d  %,.0f/s  %s left",
            100.0 * done / Math.max(1, total),
            done,
            total,
            rate,
            left >= 90 ? Math.round(left / 60) + " min" : Math.round(left) + " s");
  }

  @Override
  public synchronized void close() {
    finishStage(done >= total); // a command that fails closes in the middle of a stage
  }
}
