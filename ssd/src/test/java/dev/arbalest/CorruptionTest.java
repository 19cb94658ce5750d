// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * No damage goes unseen: every byte of every file, every truncation, every exchange of files. By
 * default every {@value #STRIDE}th byte is flipped, the whole of the manifest and all non-zero
 * bytes; {@code -Dsweep=full} flips every byte.
 */
class CorruptionTest {
  private static final int STRIDE = 37;

  @TempDir Path directory;
  private Path index;

  @BeforeEach
  void build() throws IOException {
    F32Rows rows = TestRows.gaussian(1, 9, 6);
    index = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    assertSound();
  }

  @Test
  void everyFlippedByteIsRefused() throws IOException {
    boolean full = "full".equals(System.getProperty("sweep"));
    for (Path file : files()) {
      byte[] sound = Files.readAllBytes(file);
      for (int offset = 0; offset < sound.length; offset++) {
        if (!full && sound[offset] == 0 && offset % STRIDE != 0) {
          continue;
        }
        byte[] damaged = sound.clone();
        damaged[offset] ^= (byte) (1 << offset % 8);
        Files.write(file, damaged);
        assertRefused(file + " with byte " + offset + " flipped");
      }
      Files.write(file, sound);
    }
    assertSound();
  }

  @Test
  void everyTruncationAndExtensionIsRefused() throws IOException {
    for (Path file : files()) {
      byte[] sound = Files.readAllBytes(file);
      for (int length = 0; length < sound.length; length += sound.length < 2000 ? 1 : 128) {
        Files.write(file, Arrays.copyOf(sound, length));
        assertRefused(file + " cut to " + length);
      }
      Files.write(file, Arrays.copyOf(sound, sound.length - 1));
      assertRefused(file + " cut by one byte");
      Files.write(file, Arrays.copyOf(sound, sound.length + 1));
      assertRefused(file + " longer by one byte");
      Files.delete(file);
      if (!file.endsWith("manifest.json")) {
        assertRefused(file + " missing");
      }
      Files.write(file, sound);
    }
    assertSound();
  }

  @Test
  void filesOfAnotherIndexAreRefused() throws IOException {
    Path place = Files.createDirectory(directory.resolve("other"));
    F32Rows rows = TestRows.gaussian(2, 9, 6);
    Path other = TestIndexes.build(place, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    for (Path file : files()) {
      byte[] sound = Files.readAllBytes(file);
      byte[] foreign = Files.readAllBytes(other.resolve(file.getFileName()));
      Files.write(file, foreign);
      if (Arrays.equals(sound, foreign)) {
        assertThat(file.getFileName().toString()).startsWith("ids"); // ids do not depend on rows
      } else {
        assertRefused(file + " of another index");
      }
      Files.write(file, sound);
    }
    for (Path file : files()) {
      for (Path another : files()) {
        if (!file.equals(another)) {
          byte[] sound = Files.readAllBytes(file);
          Files.write(file, Files.readAllBytes(another));
          assertRefused(file + " replaced by " + another);
          Files.write(file, sound);
        }
      }
    }
  }

  @Test
  void missingForeignAndHalfWrittenIndexesAreTold() throws IOException {
    assertThatThrownBy(() -> open(directory.resolve("nothing")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("does not exist");
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertThatThrownBy(() -> open(empty))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("holds no index");
    assertThatThrownBy(() -> open(directory.resolve("rows.fbin")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("is no directory");
    byte[] manifest = Files.readAllBytes(index.resolve("manifest.json"));
    Files.delete(index.resolve("manifest.json"));
    assertThatThrownBy(() -> open(index))
        .isInstanceOf(CorruptIndexException.class)
        .hasMessageContaining("a build was not finished");
    for (String foreign : List.of("{}", "[1]", "", "{\"format\":\"lucene\"}", "\u0000\u0001")) {
      Files.writeString(index.resolve("manifest.json"), foreign);
      assertThatThrownBy(() -> open(index)).isInstanceOf(CorruptIndexException.class);
    }
    String newer =
        new String(manifest, java.nio.charset.StandardCharsets.UTF_8)
            .replace("\"format_version\" : 3", "\"format_version\" : 4");
    Files.writeString(index.resolve("manifest.json"), newer);
    assertThatThrownBy(() -> open(index))
        .isInstanceOf(CorruptIndexException.class)
        .hasMessageContaining("index format version 4, this build reads 1 to 3");
  }

  private void assertRefused(String damage) {
    assertThatThrownBy(() -> open(index)).as(damage).isInstanceOf(CorruptIndexException.class);
    assertThatThrownBy(() -> IndexVerifier.verify(index, 1, ProgressListener.NONE))
        .as(damage)
        .isInstanceOf(CorruptIndexException.class);
  }

  private static void open(Path path) throws IOException {
    OpenOptions single =
        OpenOptions.defaults().withReader(ReaderKind.PREAD).withSearchThreads(1).withLoadThreads(1);
    try (Index opened = Index.open(path, single, ProgressListener.NONE)) {
      assertThat(opened.count()).isPositive();
    }
  }

  private void assertSound() throws IOException {
    open(index);
    IndexVerifier.Report report = IndexVerifier.verify(index, 2, ProgressListener.NONE);
    assertThat(report.reachable()).isEqualTo(9);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(index)) {
      return files.filter(file -> !file.endsWith("LOCK")).sorted().toList();
    }
  }
}
