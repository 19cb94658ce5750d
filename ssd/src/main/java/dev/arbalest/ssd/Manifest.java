package dev.arbalest.ssd;

import dev.arbalest.natives.Metric;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumMap;
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
 * @param count number of vectors
 * @param entryPoint node searches start at
 * @param codec compressed codes
 * @param codeDimension components that codes and graph were made of: all, or a prefix
 * @param build how the graph was built
 * @param files the index's files by kind
 */
public record Manifest(
    long generation,
    int dimension,
    ElementType storage,
    Metric metric,
    int count,
    int entryPoint,
    CodecSpec codec,
    int codeDimension,
    BuildParameters build,
    Map<Part, Entry> files) {

  static final String FILE_NAME = "manifest.json";
  private static final String FORMAT = "arbalest-index";
  private static final int FORMAT_VERSION = 1;

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
    SUMS;

    String label() {
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

  /** Graph bytes in memory. */
  public long graphBytes() {
    return 4L * count * build.degree();
  }

  /** The document's bytes. */
  byte[] toBytes() {
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
    root.put("entry_point", entryPoint);
    root.put("codec", codec.toString());
    root.put("code_dimension", codeDimension);
    ObjectNode parameters = root.putObject("build");
    parameters.put("degree", build.degree());
    parameters.put("build_list", build.searchListSize());
    parameters.put("alpha", build.alpha());
    parameters.put("fast", build.fast());
    parameters.put("seed", build.seed());
    ObjectNode entries = root.putObject("files");
    for (Part part : Part.values()) {
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
  static Manifest read(Path directory) throws IOException {
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
    if (version != FORMAT_VERSION) {
      throw new CorruptIndexException(
          path,
          "index format version "
              + version
              + ", this build reads "
              + FORMAT_VERSION
              + "; use a matching version of Arbalest or rebuild the index");
    }
  }

  private static Manifest parse(ObjectNode root) {
    JsonNode parameters = root.path("build");
    Map<Part, Entry> files = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      JsonNode entry = root.path("files").path(part.label());
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
    Manifest manifest =
        new Manifest(
            root.path("generation").longValue(),
            root.path("dimension").intValue(),
            ElementType.parse(root.path("element_type").stringValue()),
            Metric.parse(root.path("metric").stringValue()),
            root.path("count").intValue(),
            root.path("entry_point").intValue(),
            CodecSpec.parse(root.path("codec").stringValue()),
            root.path("code_dimension").intValue(),
            new BuildParameters(
                parameters.path("degree").intValue(),
                parameters.path("build_list").intValue(),
                (float) parameters.path("alpha").doubleValue(),
                parameters.path("fast").booleanValue(),
                parameters.path("seed").longValue()),
            files);
    if (manifest.count < 1
        || manifest.dimension < 1
        || manifest.dimension > VectorFile.MAX_DIMENSION
        || manifest.codeDimension < 1
        || manifest.codeDimension > manifest.dimension) {
      throw new IllegalArgumentException(
          "count "
              + manifest.count
              + ", dimension "
              + manifest.dimension
              + ", code dimension "
              + manifest.codeDimension);
    }
    return manifest;
  }
}
