// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.CorruptIndexException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Small JSON documents whose last member is a CRC32C of the rest: a file whose bytes are not
 * exactly what this class would write for the same content is refused.
 */
public final class CheckedJson {
  private static final int MAX_BYTES = 1 << 20;
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private CheckedJson() {}

  /** Refuses a document of another format or version, before its checksum is looked at. */
  @FunctionalInterface
  public interface FormatCheck {
    void check(Path path, ObjectNode root) throws CorruptIndexException;
  }

  public static ObjectNode newObject() {
    return JSON.createObjectNode();
  }

  /** Adds the checksum and returns the document's bytes. */
  public static byte[] seal(ObjectNode root) {
    root.put("checksum", checksum(root));
    return render(root);
  }

  private static byte[] render(ObjectNode root) {
    String text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    return text.replace("\r\n", "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static String checksum(ObjectNode body) {
    CRC32C crc = new CRC32C();
    crc.update(render(body));
    return hex((int) crc.getValue());
  }

  static String hex(int checksum) {
    return String.format("%08x", checksum);
  }

  /**
   * Reads a document.
   *
   * @throws java.nio.file.NoSuchFileException if there is none
   * @throws CorruptIndexException if it is not exactly as written, or of another format
   */
  public static ObjectNode read(Path path, FormatCheck format) throws IOException {
    if (Files.size(path) > MAX_BYTES) {
      throw new CorruptIndexException(path, "too large for a manifest");
    }
    byte[] bytes = Files.readAllBytes(path);
    ObjectNode root;
    try {
      if (!(JSON.readTree(bytes) instanceof ObjectNode object)) {
        throw new CorruptIndexException(path, "not a JSON object; the file is damaged or foreign");
      }
      root = object;
    } catch (JacksonException e) {
      throw new CorruptIndexException(path, "unreadable: " + firstLine(e));
    }
    format.check(path, root);
    String stored = root.path("checksum").asString("");
    root.remove("checksum");
    String computed = checksum(root);
    root.put("checksum", stored);
    if (!computed.equals(stored) || !Arrays.equals(render(root), bytes)) {
      throw new CorruptIndexException(
          path, "checksum is " + stored + ", the content's " + computed + "; the file was damaged");
    }
    return root;
  }

  public static String firstLine(Exception e) {
    String message = String.valueOf(e.getMessage());
    return message.lines().findFirst().orElse(message);
  }
}
