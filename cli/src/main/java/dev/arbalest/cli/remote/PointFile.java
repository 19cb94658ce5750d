// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.remote;

import dev.arbalest.BadInputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A file of points, one JSON object per line, as {@code {"id": 1, "vector": [...], "payload":
 * {...}}}; read once, from the beginning. Empty lines are passed over. Not thread-safe.
 */
public final class PointFile implements AutoCloseable {
  private final Path path;
  private final BufferedReader lines;
  private int points;

  /**
   * Opens it.
   *
   * @throws BadInputException if it is not there
   */
  public PointFile(Path path) throws IOException {
    this.path = path;
    try {
      this.lines = Files.newBufferedReader(path);
    } catch (NoSuchFileException e) {
      throw new BadInputException(path + " does not exist");
    }
  }

  /** Whether a file is one by its name: {@code .ndjson} or {@code .jsonl}. */
  public static boolean isOne(Path path) {
    return path.toString().endsWith(".ndjson") || path.toString().endsWith(".jsonl");
  }

  /** Points read so far. */
  public int points() {
    return points;
  }

  /** Passes over some points. */
  public void skip(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      if (nextLine() == null) {
        throw new BadInputException(
            "--skip is " + count + ", but " + path + " has " + i + " points");
      }
      points++;
    }
  }

  private @org.jspecify.annotations.Nullable String nextLine() throws IOException {
    try {
      while (true) {
        String line = lines.readLine();
        if (line == null || !line.isBlank()) {
          return line;
        }
      }
    } catch (MalformedInputException e) {
      throw new BadInputException(path + " is no UTF-8 behind " + points + " points");
    }
  }

  /**
   * The body of an upsert of the next points, or the empty string at the end.
   *
   * @param most points
   * @param characters after which no more points are taken
   */
  public String nextUpsert(int most, int characters) throws IOException {
    StringBuilder body = new StringBuilder();
    for (int taken = 0; taken < most && body.length() < characters; taken++) {
      String line = nextLine();
      if (line == null) {
        break;
      }
      body.append(body.isEmpty() ? "{\"points\":[" : ",\n").append(line);
      points++;
    }
    return body.isEmpty() ? "" : body.append("]}").toString();
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
