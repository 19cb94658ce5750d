// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.CorruptIndexException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class CheckedJsonTest {
  private static final CheckedJson.FormatCheck ANY = (_, _) -> {};

  @TempDir private Path directory;

  @Test
  void everyFlippedBitIsNoticed() throws IOException {
    ObjectNode root = CheckedJson.newObject();
    root.put("format", "test").put("count", 17).put("text", "caf\u00e9");
    root.putObject("nested").put("share", 0.25);
    byte[] bytes = CheckedJson.seal(root);
    Path file = directory.resolve("document.json");
    Files.write(file, bytes);
    assertThat(CheckedJson.read(file, ANY).path("count").asInt()).isEqualTo(17);
    for (int bit = 0; bit < 8 * bytes.length; bit++) {
      byte[] changed = bytes.clone();
      changed[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(file, changed);
      assertThatThrownBy(() -> CheckedJson.read(file, ANY))
          .as("bit %d", bit)
          .isInstanceOf(CorruptIndexException.class);
    }
  }

  @Test
  void theFormatIsLookedAtBeforeTheChecksum() throws IOException {
    Path file = directory.resolve("document.json");
    Files.writeString(file, "{\"format\": \"another\"}");
    assertThatThrownBy(() ->
            CheckedJson.read(
                file,
                (path, root) -> {
                  throw new CorruptIndexException(path, root.path("format").asString());
                }))
        .hasMessageContaining("another");
  }
}
