// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnpackFolderTest {
  @TempDir Path directory;

  private final Properties before = new Properties();

  @BeforeEach
  void keepProperties() {
    before.putAll(System.getProperties());
  }

  @AfterEach
  void restoreProperties() {
    System.setProperties(before);
    assertThat(UnpackFolder.choose(List.of())).isEmpty();
  }

  @Test
  void theTemporaryFolderIsTakenIfItWillDo() {
    assertThat(UnpackFolder.choose(List.of(directory.resolve("other")))).isEmpty();
    assertThat(directory.resolve("other")).doesNotExist();
    assertThat(System.getProperty("ZstdTempFolder")).isNull();
  }

  @Test
  void anotherFolderIsMadeIfItWillNot() {
    System.setProperty("java.io.tmpdir", directory.resolve("missing").toString());
    Path other = directory.resolve("a/b");
    assertThat(UnpackFolder.choose(List.of(Path.of("/proc/none"), other))).isEmpty();
    assertThat(other).isDirectory();
    for (String property :
        List.of("ZstdTempFolder", "org.xerial.snappy.tempdir", "org.sqlite.tmpdir")) {
      assertThat(System.getProperty(property)).isEqualTo(other.toString());
    }
  }

  @Test
  void everyFolderAndItsFaultIsNamed() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    System.setProperty("java.io.tmpdir", file.toString());
    assertThat(UnpackFolder.choose(List.of(file.resolve("below"))))
        .contains(file + " (java.io.tmpdir) does not exist")
        .contains(file.resolve("below") + " cannot be created")
        .contains("-Djava.io.tmpdir=FOLDER")
        .isEqualTo(UnpackFolder.problem());
  }
}
