// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Batches that are checked once and inserted later. */
class VectorBatchTest {
  private static final int DIMENSION = 8;

  @TempDir private Path directory;

  @MustBeClosed
  private LiveIndex open(String name) throws IOException {
    Path path = directory.resolve(name);
    F32Rows sample = TestRows.gaussian(1, 50, DIMENSION);
    LiveIndex.create(path, sample, IdType.INT64, TestIndexes.options(Metric.COSINE, "sq8"));
    return LiveIndex.openForWriting(path);
  }

  @Test
  void aCheckedBatchIsStoredAsAnUncheckedOne() throws IOException {
    F32Rows rows = TestRows.gaussian(2, 20, DIMENSION);
    try (LiveIndex one = open("one");
        LiveIndex other = open("other")) {
      VectorBatch batch = one.check(Ids.range(0, 20), rows);
      assertThat(batch.size()).isEqualTo(20);
      assertThat(one.count()).isZero();
      assertThat(one.insert(batch).count()).isEqualTo(20);
      assertThat(other.insert(Ids.range(0, 20), rows).count()).isEqualTo(20);
      for (int row = 0; row < 20; row++) {
        assertThat(one.vector(Ids.of(row), 0)).isEqualTo(other.vector(Ids.of(row), 0));
      }
    }
  }

  @Test
  void aBatchOfAnotherIndexIsRefused() throws IOException {
    F32Rows rows = TestRows.gaussian(2, 3, DIMENSION);
    try (LiveIndex one = open("one");
        LiveIndex other = open("other")) {
      VectorBatch batch = one.check(Ids.range(0, 3), rows);
      assertThatThrownBy(() -> other.insert(batch))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("checked by another index");
      assertThat(other.count()).isZero();
    }
  }

  @Test
  void checksNameTheRow() throws IOException {
    F32Rows rows = TestRows.gaussian(2, 3, DIMENSION);
    rows.memory().set(F32Rows.FLOAT, rows.offset(2) + 4, Float.NaN);
    try (LiveIndex index = open("one")) {
      assertThatThrownBy(() -> index.check(Ids.range(0, 3), rows))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("row 2: component 1 is NaN");
      assertThatThrownBy(() -> index.check(Ids.range(0, 2), rows))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("2 ids for 3 vectors");
    }
  }
}
