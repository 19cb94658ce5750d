// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import dev.arbalest.collections.model.CollectionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Configuration;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;

/** A flight recording that is always on and keeps the last minutes. */
public final class JfrRecorder implements AutoCloseable {
  private static final Duration KEPT = Duration.ofMinutes(10);

  /** What may hold secrets of this machine's owner, and says nothing of the server. */
  private static final List<String> SECRETS =
      List.of(
          "jdk.InitialEnvironmentVariable",
          "jdk.InitialSystemProperty",
          "jdk.InitialSecurityProperty",
          "jdk.JVMInformation",
          "jdk.SystemProcess",
          "jdk.ProcessStart");

  private static final long MAX_BYTES = 64L << 20;

  private final @Nullable Recording recording;

  public JfrRecorder(boolean on) throws IOException {
    if (!on) {
      recording = null;
      return;
    }
    try {
      Recording made = new Recording(Configuration.getConfiguration("default"));
      made.setName("arbalest");
      SECRETS.forEach(made::disable);
      made.setMaxAge(KEPT);
      made.setMaxSize(MAX_BYTES);
      made.start();
      recording = made;
    } catch (ParseException e) {
      throw new IOException("the JDK's default recording settings cannot be read", e);
    }
  }

  /** The last seconds, as a file of the JDK's flight recorder. */
  public byte[] last(int seconds) throws IOException {
    Recording present = recording;
    if (present == null) {
      throw new CollectionException(
          CollectionException.Kind.UNSUPPORTED, "the server runs without a flight recording");
    }
    Path file = Files.createTempFile("arbalest", ".jfr");
    try (Recording copy = present.copy(true)) {
      copy.setMaxAge(Duration.ofSeconds(seconds));
      copy.dump(file);
      return Files.readAllBytes(file);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  @Override
  public void close() {
    Recording present = recording;
    if (present != null) {
      present.close();
    }
  }
}
