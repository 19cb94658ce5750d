// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.Ids;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.WriteOptions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mends an index of format 2 whose 200 vectors of 16 dimensions were inserted again over themselves
 * by an earlier version, after which searches reach one of them.
 */
class UpgradeTest {
  private static final OpenOptions OPEN = OpenOptions.defaults().withWarmUpMillis(0);
  private static final WriteOptions WRITE = WriteOptions.defaults();

  @TempDir private Path directory;

  private final List<String> notes = new ArrayList<>();
  private final ProgressListener listener =
      new ProgressListener() {
        @Override
        public void stage(String name, long total) {}

        @Override
        public void advanced(long count) {}

        @Override
        public void note(String text) {
          notes.add(text);
        }
      };

  @BeforeEach
  void unzip() throws IOException {
    try (InputStream resource =
            Objects.requireNonNull(UpgradeTest.class.getResourceAsStream("cut-off-index.zip"));
        ZipInputStream zip = new ZipInputStream(resource)) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        Files.write(directory.resolve(entry.getName()), zip.readAllBytes());
      }
    }
    assertThatThrownBy(() -> IndexVerifier.verify(directory, 1, ProgressListener.NONE))
        .isInstanceOf(CorruptIndexException.class)
        .hasMessageContaining("199 of 200 vectors cannot be reached")
        .hasMessageContaining("repair the index");
  }

  @Test
  void openingForWritingLinksWhatWasCutOff() throws IOException {
    try (LiveIndex index = LiveIndex.openForWriting(directory, OPEN, WRITE, listener)) {
      assertWhole(index);
    }
    assertSound();
  }

  @Test
  void repairLinksWhatWasCutOff() throws IOException {
    List<String> _ = IndexRepair.repair(directory, 1, listener);
    assertSound();
    try (LiveIndex index =
        LiveIndex.openForWriting(directory, OPEN, WRITE, ProgressListener.NONE)) {
      assertWhole(index);
    }
  }

  private void assertSound() throws IOException {
    assertThat(notes).singleElement().asString().contains("199 were linked again");
    IndexVerifier.Report report = IndexVerifier.verify(directory, 1, ProgressListener.NONE);
    assertThat(report.reachable()).isEqualTo(200);
    assertThat(report.recall()).isGreaterThan(0.99);
  }

  /** Every vector finds itself. */
  private static void assertWhole(LiveIndex index) throws IOException {
    assertThat(index.count()).isEqualTo(200);
    for (int id = 0; id < 200; id++) {
      float[] vector = Objects.requireNonNull(index.vector(Ids.of(id), 0));
      SearchResult result = index.search(vector, SearchParameters.forK(1));
      assertThat(result.distance(0)).isZero();
    }
  }
}
