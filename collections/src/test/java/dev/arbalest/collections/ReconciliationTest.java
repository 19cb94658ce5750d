// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Points that a crash left in one of the two stores only. */
class ReconciliationTest {
  @TempDir private Path data;

  @Test
  void unfinishedReconciliationIsTakenUpAgain() throws IOException {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection things = collections.create("things", CollectionSettings.of(2, Metric.L2));
      List<Point> points = new ArrayList<>();
      for (int id = 0; id < 10; id++) {
        points.add(Point.of(PointId.of(id), new float[] {id, 1}, null));
      }
      things.upsert(points);
    }
    Path directory = data.resolve("collections").resolve("things");
    // As many rows without vectors as vectors without rows: their numbers do not tell.
    try (AttributeStore store = AttributeStore.open(directory)) {
      store.remove(List.of(PointId.of(3)));
      store.put(List.of(PointId.of(99)), java.util.Collections.singletonList(null));
    }
    Files.createFile(directory.resolve("reconciling"));
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      List<Point> points = collections.get("things").scroll(null, null, 20, false).points();
      assertThat(points.stream().map(point -> point.id().number()))
          .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
      assertThat(directory.resolve("reconciling")).doesNotExist();
    }
  }
}
