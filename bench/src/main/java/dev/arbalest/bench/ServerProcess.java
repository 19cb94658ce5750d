// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A server in a process of its own. */
final class ServerProcess implements AutoCloseable {
  private final Process process;

  private ServerProcess(Process process) {
    this.process = process;
  }

  /**
   * Starts a server and waits until it is ready.
   *
   * @param command starts a server
   * @param work holds its data and log
   * @param port of HTTP; Flight takes the next
   * @param cgroup directory of a control group for it, or null
   */
  @MustBeClosed
  static ServerProcess start(String command, Path work, int port, @Nullable Path cgroup)
      throws Exception {
    String enter = cgroup == null ? "" : "echo $$ > " + cgroup.resolve("cgroup.procs") + " && ";
    String line =
        "%sexec %s --data %s --http-port %d --flight-port %d --grpc-port %d"
            .formatted(enter, command, work.resolve("data"), port, port + 1, port + 2);
    Process process =
        new ProcessBuilder("sh", "-c", line)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(Files.createDirectories(work).resolve("server.log").toFile())
            .start();
    for (int i = 0; i < 3000 && process.isAlive(); i++) {
      try (PlainHttp client = new PlainHttp(port)) {
        if (client.send("GET", "/readyz", HttpLoad.JSON_TYPE, new byte[0]).status() == 200) {
          return new ServerProcess(process);
        }
      } catch (IOException e) {
        assert e.getMessage() != null || i >= 0; // it does not listen yet
      }
      Thread.sleep(100);
    }
    process.destroyForcibly();
    throw new IOException("the server did not start; see " + work.resolve("server.log"));
  }

  /** Processor time it has taken so far, in nanoseconds. */
  long cpuNanos() {
    return process.toHandle().info().totalCpuDuration().orElseThrow().toNanos();
  }

  /** Stops it as an operator does. */
  void stop() throws Exception {
    process.destroy();
    if (!process.waitFor(120, TimeUnit.SECONDS)) {
      throw new IOException("the server did not stop within two minutes");
    }
  }

  /** Kills it and waits until it is gone. */
  void kill() throws Exception {
    close();
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      throw new IOException("the killed server still runs");
    }
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }

  /** Anonymous memory in megabytes, twice a minute, over some seconds. */
  List<Double> watch(int seconds) throws Exception {
    List<Double> readings = new ArrayList<>();
    Path status = Path.of("/proc", Long.toString(process.pid()), "status");
    for (int second = 0; second < seconds; second++) {
      Thread.sleep(1000);
      if (second % 30 == 29) {
        for (String line : Files.readAllLines(status)) {
          if (line.startsWith("RssAnon:")) {
            long kilobytes = Long.parseLong(line.replaceAll("[^0-9]", ""));
            readings.add(Math.round(kilobytes / 102.4) / 10.0);
          }
        }
      }
    }
    return readings;
  }

  /** Mean of the last third of the readings behind the first minute, as a share of the first's. */
  static double growth(List<Double> readings) {
    List<Double> later = readings.subList(Math.min(2, readings.size()), readings.size());
    int third = later.size() / 3;
    if (third == 0) {
      return 1;
    }
    return mean(later.subList(later.size() - third, later.size())) / mean(later.subList(0, third));
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }
}
