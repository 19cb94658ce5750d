// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.IdType;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What an index consists of: {@code manifest.json}. It is replaced atomically, and a directory is
 * an index exactly when it holds one. The last member is a CRC32C of the document without it; a
 * file whose bytes are not exactly what this class would write for the same content is refused.
 *
 * @param generation counts the times a manifest was committed in this directory, from 1
 * @param dimension components per vector
 * @param storage components of the vector file
 * @param metric distance
 * @param count number of nodes, and of slots
 * @param live nodes that hold a vector; the others are free
 * @param idType what vectors are known by
 * @param entryPoint node searches start at, -1 if there is no vector
 * @param codec compressed codes
 * @param prefixDimension components that codes and graph were made of: all, or a prefix
 * @param build how the graph was built
 * @param degree most neighbours of a node in the graph file: more than R once it was changed
 * @param checkpoint where the log goes on
 * @param files the index's files by kind
 */
public record Manifest(
    long generation,
    int dimension,
    ElementType storage,
    Metric metric,
    int count,
    int live,
    IdType idType,
    int entryPoint,
    CodecSpec codec,
    int prefixDimension,
    BuildParameters build,
    int degree,
    Checkpoint checkpoint,
    Map<Part, Entry> files) {

  public static final String FILE_NAME = "manifest.json";
  private static final String FORMAT = "arbalest-index";
  private static final int FORMAT_VERSION = 3;

  /** Before indexes could be changed. */
  private static final int UNCHANGEABLE_VERSION = 1;

  /** Writes could cut vectors off from searches. */
  private static final int CUTTING_VERSION = 2;

  /** The files of an index. */
  public enum Part {
    /** Full-precision vectors. */
    VECTORS,
    /** Out-neighbours. */
    GRAPH,
    /** Compressed codes. */
    CODES,
    /** The codec's trained parameters. */
    CODEC,
    /** External ids. */
    IDS,
    /** Checksums of the vector file's slots. */
    SUMS,
    /** Texts of ids, if they are text. */
    TEXTS,
    /** A bit for each node, set if it is free, if any is. */
    TOMBSTONES;

    boolean isOptional() {
      return this == TEXTS || this == TOMBSTONES;
    }

    public String label() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /**
   * One file.
   *
   * @param name name in the index directory
   * @param bytes size
   * @param checksum CRC32C of the header for vectors, of all bytes for other files
   */
  public record Entry(String name, long bytes, int checksum) {}

  /**
   * State of an index that may be changed.
   *
   * @param base generation in which it was built, which the log belongs to
   * @param logSequence last block of the log that is in the files
   * @param clean whether no free node is a neighbour any more and the log is empty: it was closed
   * @param whole whether only versions wrote to it that leave every vector within reach of searches
   */
  public record Checkpoint(long base, long logSequence, boolean clean, boolean whole) {
    /** That of an index just built. */
    public static Checkpoint built(long generation) {
      return new Checkpoint(generation, 0, true, true);
    }

    /** The same as closed or not. */
    Checkpoint withClean(boolean isClean) {
      return new Checkpoint(base, logSequence, isClean, whole);
    }
  }

  /** Copies the map. */
  public Manifest {
    files = Map.copyOf(files);
  }

  /** The entry of a part, which every index has. */
  public Entry file(Part part) {
    Entry entry = files.get(part);
    if (entry == null) {
      throw new IllegalStateException("manifest without " + part.label());
    }
    return entry;
  }

  /** The parts it has files of, in order. */
  public List<Part> parts() {
    return Arrays.stream(Part.values()).filter(this::has).toList();
  }

  /** Whether there is a file of a part that not every index has. */
  public boolean has(Part part) {
    return files.containsKey(part);
  }

  /** Graph bytes in memory. */
  public long graphBytes() {
    return 4L * count * degree;
  }

  /** The same with other files, and as closed or not. */
  public Manifest with(Map<Part, Entry> newFiles, boolean clean) {
    return new Manifest(
        generation,
        dimension,
        storage,
        metric,
        count,
        live,
        idType,
        entryPoint,
        codec,
        prefixDimension,
        build,
        degree,
        checkpoint.withClean(clean),
        newFiles);
  }

  /** The same in the next generation, with rebuilt files, and as closed or not. */
  public Manifest with(Map<Part, Entry> newFiles, int newDegree, int newEntryPoint, boolean clean) {
    return new Manifest(
        generation + 1,
        dimension,
        storage,
        metric,
        count,
        live,
        idType,
        newEntryPoint,
        codec,
        prefixDimension,
        build,
        newDegree,
        checkpoint.withClean(clean),
        newFiles);
  }

  /** The same in the next generation with another codec. */
  public Manifest with(Map<Part, Entry> newFiles, CodecSpec newCodec) {
    return new Manifest(
        generation + 1,
        dimension,
        storage,
        metric,
        count,
        live,
        idType,
        entryPoint,
        newCodec,
        prefixDimension,
        build,
        degree,
        checkpoint,
        newFiles);
  }

  /** The document's bytes. */
  public byte[] toBytes() {
    return CheckedJson.seal(body());
  }

  private ObjectNode body() {
    ObjectNode root = CheckedJson.newObject();
    root.put("format", FORMAT);
    root.put("format_version", FORMAT_VERSION);
    root.put("product_version", ProductVersion.text());
    root.put("generation", generation);
    root.put("dimension", dimension);
    root.put("metric", metric.label());
    root.put("element_type", storage.label());
    root.put("count", count);
    root.put("live", live);
    root.put("id_type", idType.label());
    root.put("entry_point", entryPoint);
    root.put("codec", codec.toString());
    root.put("code_dimension", prefixDimension);
    ObjectNode parameters = root.putObject("build");
    parameters.put("degree", build.degree());
    parameters.put("build_list", build.searchListSize());
    parameters.put("alpha", build.alpha());
    parameters.put("fast", build.fast());
    parameters.put("seed", build.seed());
    root.put("graph_degree", degree);
    ObjectNode state = root.putObject("checkpoint");
    state.put("base", checkpoint.base());
    state.put("log_sequence", checkpoint.logSequence());
    state.put("clean", checkpoint.clean());
    state.put("whole", checkpoint.whole());
    ObjectNode entries = root.putObject("files");
    for (Part part : Part.values()) {
      if (!has(part)) {
        continue;
      }
      ObjectNode entry = entries.putObject(part.label());
      entry.put("name", file(part).name());
      entry.put("bytes", file(part).bytes());
      entry.put("crc32c", CheckedJson.hex(file(part).checksum()));
    }
    return root;
  }

  /**
   * Reads the manifest of an index directory.
   *
   * @throws NoSuchFileException if there is none
   * @throws CorruptIndexException if it is not exactly as written, or of a version this build
   *     cannot read
   */
  public static Manifest read(Path directory) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    ObjectNode root = CheckedJson.read(path, Manifest::requireFormat);
    try {
      return parse(root);
    } catch (IllegalArgumentException | NullPointerException | JacksonException e) {
      throw new CorruptIndexException(path, "unreadable: " + CheckedJson.firstLine(e));
    }
  }

  private static void requireFormat(Path path, ObjectNode root) throws CorruptIndexException {
    if (!root.path("format").asString("").equals(FORMAT)) {
      throw new CorruptIndexException(path, "not an Arbalest manifest; the file is foreign");
    }
    int version = root.path("format_version").asInt(-1);
    if (version < UNCHANGEABLE_VERSION || version > FORMAT_VERSION) {
      throw new CorruptIndexException(
          path,
          "index format version "
              + version
              + ", this build reads "
              + UNCHANGEABLE_VERSION
              + " to "
              + FORMAT_VERSION
              + "; use a matching version of Arbalest or rebuild the index");
    }
  }

  private static Manifest parse(ObjectNode root) {
    JsonNode parameters = root.path("build");
    Map<Part, Entry> files = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      JsonNode entry = root.path("files").path(part.label());
      if (part.isOptional() && entry.isMissingNode()) {
        continue;
      }
      String name = entry.path("name").stringValue();
      if (name.isEmpty() || name.contains("/") || name.startsWith(".")) {
        throw new IllegalArgumentException("file name " + name);
      }
      files.put(
          part,
          new Entry(
              name,
              entry.path("bytes").longValue(),
              Integer.parseUnsignedInt(entry.path("crc32c").stringValue(), 16)));
    }
    long generation = root.path("generation").longValue();
    BuildParameters build =
        new BuildParameters(
            parameters.path("degree").intValue(),
            parameters.path("build_list").intValue(),
            (float) parameters.path("alpha").doubleValue(),
            parameters.path("fast").booleanValue(),
            parameters.path("seed").longValue());
    int version = root.path("format_version").intValue();
    boolean changeable = version > UNCHANGEABLE_VERSION;
    int count = root.path("count").intValue();
    Manifest manifest =
        new Manifest(
            generation,
            root.path("dimension").intValue(),
            ElementType.parse(root.path("element_type").stringValue()),
            Metric.parse(root.path("metric").stringValue()),
            count,
            changeable ? root.path("live").intValue() : count,
            changeable ? IdType.parse(root.path("id_type").stringValue()) : IdType.INT64,
            root.path("entry_point").intValue(),
            CodecSpec.parse(root.path("codec").stringValue()),
            root.path("code_dimension").intValue(),
            build,
            changeable ? root.path("graph_degree").intValue() : build.degree(),
            changeable
                ? checkpoint(version, root.path("checkpoint"))
                : Checkpoint.built(generation),
            files);
    manifest.requirePossible();
    return manifest;
  }

  private static Checkpoint checkpoint(int version, JsonNode node) {
    long sequence = node.path("log_sequence").longValue();
    return new Checkpoint(
        node.path("base").longValue(),
        sequence,
        node.path("clean").booleanValue(),
        version > CUTTING_VERSION ? node.path("whole").booleanValue() : sequence == 0);
  }

  private void requirePossible() {
    if (count < 1
        || live < 0
        || live > count
        || degree < build.degree()
        || degree > 1024
        || dimension < 1
        || dimension > VectorFile.MAX_DIMENSION
        || prefixDimension < 1
        || prefixDimension > dimension
        || (live < count && !has(Part.TOMBSTONES))
        || (idType == IdType.UTF8 && !has(Part.TEXTS))) {
      throw new IllegalArgumentException(
          "count "
              + count
              + ", live "
              + live
              + ", graph degree "
              + degree
              + ", dimension "
              + dimension
              + ", code dimension "
              + prefixDimension);
    }
  }
}
