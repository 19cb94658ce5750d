// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.vamana.GraphCheckpoints.Position;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The progress of an unfinished build: {@code build.json} in the index directory, replaced
 * atomically after each stage and graph checkpoint, gone when the index is committed.
 *
 * @param generation of the index being built
 * @param job describes input and options; a build resumes only if they are equal
 * @param files files that are complete and durable
 * @param graph the newest checkpoint of the graph, null before the first
 */
public record BuildState(
    long generation,
    String job,
    Map<Manifest.Part, Manifest.Entry> files,
    @Nullable GraphPoint graph) {

  public static final String FILE_NAME = "build.json";
  private static final String FORMAT = "arbalest-build";
  private static final int FORMAT_VERSION = 1;

  /**
   * A checkpoint of the graph.
   *
   * @param file its file
   * @param position how far it is
   */
  public record GraphPoint(Manifest.Entry file, Position position) {}

  /** Copies the map. */
  public BuildState {
    files = Map.copyOf(files);
  }

  /** The same with another file complete. */
  public BuildState with(Map<Manifest.Part, Manifest.Entry> complete) {
    return new BuildState(generation, job, complete, graph);
  }

  /** The same with a newer checkpoint. */
  public BuildState with(GraphPoint point) {
    return new BuildState(generation, job, files, point);
  }

  /** Names of all files this state needs. */
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>();
    names.add(FILE_NAME);
    files.values().forEach(entry -> names.add(entry.name()));
    if (graph != null) {
      names.add(graph.file().name());
    }
    return names;
  }

  public byte[] toBytes() {
    ObjectNode root = CheckedJson.newObject();
    root.put("format", FORMAT);
    root.put("format_version", FORMAT_VERSION);
    root.put("generation", generation);
    root.put("job", job);
    ObjectNode entries = root.putObject("files");
    for (Manifest.Part part : Manifest.Part.values()) {
      Manifest.Entry entry = files.get(part);
      if (entry != null) {
        put(entries.putObject(part.label()), entry);
      }
    }
    if (graph != null) {
      ObjectNode point = root.putObject("graph_checkpoint");
      put(point, graph.file());
      point.put("pass", graph.position().pass());
      point.put("inserted", graph.position().inserted());
    }
    return CheckedJson.seal(root);
  }

  private static void put(ObjectNode node, Manifest.Entry entry) {
    node.put("name", entry.name());
    node.put("bytes", entry.bytes());
    node.put("crc32c", CheckedJson.hex(entry.checksum()));
  }

  /**
   * Reads the state left in a directory.
   *
   * @return the state, or nothing if there is none
   * @throws CorruptIndexException if it is damaged or of another version
   */
  public static Optional<BuildState> read(Path directory) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    if (!Files.exists(path)) {
      return Optional.empty();
    }
    ObjectNode root = CheckedJson.read(path, BuildState::requireFormat);
    try {
      Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(Manifest.Part.class);
      for (Manifest.Part part : Manifest.Part.values()) {
        JsonNode entry = root.path("files").path(part.label());
        if (!entry.isMissingNode()) {
          files.put(part, entry(entry));
        }
      }
      JsonNode point = root.path("graph_checkpoint");
      GraphPoint graph =
          point.isMissingNode()
              ? null
              : new GraphPoint(
                  entry(point),
                  new Position(point.path("pass").intValue(), point.path("inserted").intValue()));
      return Optional.of(
          new BuildState(
              root.path("generation").longValue(), root.path("job").stringValue(), files, graph));
    } catch (JacksonException | IllegalArgumentException | NullPointerException e) {
      throw new CorruptIndexException(path, "unreadable: " + CheckedJson.firstLine(e));
    }
  }

  private static Manifest.Entry entry(JsonNode node) {
    return new Manifest.Entry(
        node.path("name").stringValue(),
        node.path("bytes").longValue(),
        Integer.parseUnsignedInt(node.path("crc32c").stringValue(), 16));
  }

  private static void requireFormat(Path path, ObjectNode root) throws CorruptIndexException {
    if (!root.path("format").asString("").equals(FORMAT)
        || root.path("format_version").asInt(-1) != FORMAT_VERSION) {
      throw new CorruptIndexException(
          path, "not the state of a build of this version; build without resuming to start over");
    }
  }
}
