// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.remote;

import dev.arbalest.BadInputException;
import dev.arbalest.cli.formats.ByteOrderMark;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A file of points, one JSON object per line, as {@code {"id": 1, "vector": [...], "payload":
 * {...}}}, or with vectors by their names; looked through when it is opened, then read from the
 * beginning. Empty lines are passed over. Not thread-safe.
 */
public final class PointFile implements AutoCloseable {
  /** In place of a dimension. */
  private static final int NAMED = 0;

  private final Path path;
  private final BufferedReader lines;
  private final int count;
  private final int dimension;
  private int points;
  private int line;

  /**
   * Opens it, and looks through it once.
   *
   * @throws BadInputException if it is not there, a line is no point with a vector, or the vectors
   *     differ in length
   */
  public PointFile(Path path) throws IOException {
    this.path = path;
    int found = 0;
    int components = 0;
    try (BufferedReader first = Files.newBufferedReader(path)) {
      int at = 0;
      for (String text = first.readLine(); text != null; text = first.readLine()) {
        at++;
        if (!unmarked(text, at).isBlank()) {
          int here = components(unmarked(text, at), at);
          components = found++ == 0 || here == NAMED ? here : components;
          if (here != components && components != NAMED) {
            throw new BadInputException(
                path
                    + ", line "
                    + at
                    + ": expected a vector of "
                    + components
                    + " numbers, as in the lines before, found "
                    + here);
          }
        }
      }
    } catch (NoSuchFileException e) {
      throw new BadInputException(path + " does not exist");
    } catch (MalformedInputException e) {
      throw new BadInputException(path + " is no UTF-8");
    }
    if (found == 0) {
      throw new BadInputException(path + " has no points");
    }
    this.count = found;
    this.dimension = components;
    this.lines = Files.newBufferedReader(path);
  }

  private static String unmarked(String text, int line) {
    return line == 1 ? ByteOrderMark.strip(text) : text;
  }

  private int components(String text, int at) {
    try {
      JsonNode point = JsonMapper.shared().readTree(text);
      JsonNode vector = point.path("vector");
      if (!(vector.isArray() || vector.isObject()) || !point.has("id")) {
        throw new BadInputException(
            path
                + ", line "
                + at
                + ": a point needs \"id\" and \"vector\", a list of numbers or vectors by their"
                + " names");
      }
      return vector.isArray() ? vector.size() : NAMED;
    } catch (JacksonException e) {
      throw new BadInputException(path + ", line " + at + ": no JSON: " + e.getOriginalMessage());
    }
  }

  /** Points in it. */
  public int count() {
    return count;
  }

  /** Components of their vectors, 0 if those of some have names. */
  public int dimension() {
    return dimension;
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
        String text = lines.readLine();
        if (text == null || !unmarked(text, ++line).isBlank()) {
          return text == null ? null : unmarked(text, line);
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
      String point = nextLine();
      if (point == null) {
        break;
      }
      body.append(body.isEmpty() ? "{\"points\":[" : ",\n").append(point);
      points++;
    }
    return body.isEmpty() ? "" : body.append("]}").toString();
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
