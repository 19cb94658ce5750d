// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A life of a small index, create to reopening, in which any step may fail once; afterwards what
 * was acknowledged must be there. Keeps account of what was, and of what may be as its write
 * failed.
 */
final class FailureScenario {
  private static final int DIMENSION = 24;
  private static final int IDS = 220;
  private static final int POOL = 700;
  private static final F32Rows ROWS = TestRows.clustered(3, POOL, DIMENSION, 6);
  private static final WriteOptions WRITE =
      WriteOptions.defaults()
          .withMemoryBytes(2 * Runtime.getRuntime().maxMemory() + (2L << 30)) // the heap counts
          .withLinkThreads(1);
  private static final OpenOptions OPEN =
      OpenOptions.defaults().withSearchThreads(1).withWarmUpMillis(0);

  private final Path path;

  /** Whether to go on with an index of which a step has failed, until it is closed. */
  private final boolean isStubborn;

  private final Map<Long, Set<Integer>> allowed = new HashMap<>();
  private boolean isCreated;
  private int nextRow;

  /** The first failure, if there was one. */
  private @Nullable Throwable failure;

  FailureScenario(Path path, boolean isStubborn) {
    this.path = path;
    this.isStubborn = isStubborn;
    for (long id = 0; id < IDS; id++) {
      allowed.put(id, Set.of(-1));
    }
  }

  /** A step. */
  @FunctionalInterface
  private interface Step {
    void run() throws IOException;
  }

  /** Thrown to end the life of an index early. */
  private static final class Ended extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private void step(Step step) {
    if (failure != null && !isStubborn) {
      throw new Ended();
    }
    try {
      step.run();
    } catch (Exception | OutOfMemoryError e) {
      noteFailure(e);
    }
  }

  private void noteFailure(Throwable e) {
    String message = String.valueOf(e.getMessage());
    if (e instanceof NullPointerException || message.isBlank() || message.equals("null")) {
      throw new AssertionError("a failure that does not say why", e);
    }
    if (failure == null) {
      failure = e;
    }
  }

  /** Runs it. */
  void run() {
    try {
      step(this::create);
      if (!isCreated) {
        return;
      }
      session(this::firstLife);
      session(this::secondLife);
    } catch (Ended e) {
      // the rest is left out
    }
  }

  private void create() throws IOException {
    F32Rows sample = new F32Rows(ROWS.memory(), 0, ROWS.strideBytes(), 60, DIMENSION);
    LiveIndex.create(path, sample, IdType.INT64, TestIndexes.options(Metric.L2, "rabitq:2"));
    isCreated = true;
  }

  /** What is done with an open index. */
  @FunctionalInterface
  private interface Life {
    void live(LiveIndex index);
  }

  @SuppressWarnings("MustBeClosedChecker") // closed below, and what that fails with is noted
  private void session(Life life) {
    LiveIndex[] opened = new LiveIndex[1];
    step(() -> opened[0] = open());
    LiveIndex index = opened[0];
    if (index == null) {
      return;
    }
    try {
      life.live(index);
    } catch (Ended e) {
      // it is closed as it is
    }
    try {
      index.close();
    } catch (Exception | OutOfMemoryError e) {
      noteFailure(e);
    }
  }

  @com.google.errorprone.annotations.MustBeClosed
  private LiveIndex open() throws IOException {
    return LiveIndex.openForWriting(path, OPEN, WRITE, ProgressListener.NONE);
  }

  private void firstLife(LiveIndex index) {
    insert(index, 0, 120);
    insert(index, 40, 60);
    delete(index, 70, 30);
    step(index::awaitLinked);
    step(index::checkpoint);
    insert(index, 100, 120);
    insert(index, 30, 1);
    delete(index, 0, 60);
    step(() -> search(index));
    step(() -> index.compact(ProgressListener.NONE));
    insert(index, 10, 20);
  }

  private void secondLife(LiveIndex index) {
    insert(index, 200, 20);
    delete(index, 110, 40);
    step(index::awaitLinked);
  }

  private void search(LiveIndex index) throws IOException {
    int count = index.count();
    SearchResult result =
        index.search(
            TestIndexes.row(ROWS, 1), SearchParameters.forK(5).withList(64).withConfidence(1));
    if (result.size() != Math.min(5, count)) {
      throw new AssertionError("a search found " + result.size() + " of " + count);
    }
  }

  private void insert(LiveIndex index, int from, int count) {
    int first = nextRow;
    nextRow += count;
    float[][] vectors = new float[count][];
    for (int i = 0; i < count; i++) {
      vectors[i] = TestIndexes.row(ROWS, first + i);
    }
    write(
        from,
        count,
        first,
        () -> {
          WriteReceipt _ = index.insert(Ids.range(from, count), vectors);
        });
  }

  private void delete(LiveIndex index, int from, int count) {
    write(
        from,
        count,
        -1,
        () -> {
          WriteReceipt _ = index.delete(Ids.range(from, count));
        });
  }

  /** Makes a change; one that fails may be there or not, but for refusals. */
  private void write(int from, int count, int firstRow, Step change) {
    step(() -> {
      boolean[] isRefused = new boolean[1];
      boolean isDone = false;
      try {
        change.run();
        isDone = true;
      } catch (WriteRefusedException e) {
        isRefused[0] = true;
        throw e;
      } finally {
        for (int i = 0; i < count && !isRefused[0]; i++) {
          Set<Integer> rows = new HashSet<>(Set.of(firstRow < 0 ? -1 : firstRow + i));
          if (!isDone) {
            rows.addAll(allowed.getOrDefault((long) from + i, Set.of()));
          }
          allowed.put((long) from + i, rows);
        }
      }
    });
  }

  /** The first failure, or null. */
  @Nullable Throwable failure() {
    return failure;
  }

  /** Opens the index again, nothing failing any more, and looks whether all is there. */
  void assertHolds() throws IOException {
    if (!isCreated) {
      // Nothing is in the way of another attempt, unless the first came to its end all the same.
      if (IndexInfo.exists(path)) {
        isCreated = true;
      } else {
        create();
      }
    }
    try (LiveIndex index = open()) {
      int present = 0;
      for (Map.Entry<Long, Set<Integer>> entry : allowed.entrySet()) {
        float @Nullable [] vector = index.vector(Ids.of(entry.getKey()), 0);
        boolean isAllowed = false;
        for (int row : entry.getValue()) {
          isAllowed |= row < 0 ? vector == null : Arrays.equals(vector, TestIndexes.row(ROWS, row));
        }
        if (!isAllowed) {
          throw new AssertionError(
              "id "
                  + entry.getKey()
                  + " has "
                  + (vector == null ? "no vector" : "another vector")
                  + ", allowed are the rows "
                  + entry.getValue());
        }
        present += vector == null ? 0 : 1;
      }
      if (index.count() != present) {
        throw new AssertionError("count " + index.count() + ", ids found " + present);
      }
      WriteReceipt _ = index.insert(Ids.of(IDS), TestIndexes.row(ROWS, 0));
    }
    if (IndexVerifier.verify(path, 1, ProgressListener.NONE).bytes() == 0) {
      throw new AssertionError("nothing verified");
    }
  }
}
