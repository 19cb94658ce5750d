// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Writes to an index without end, to be killed: inserts, upserts, deletes, checkpoints and
 * compactions. Tells on standard output what it is about to do and that it is done: a plan (1,
 * number of ids, then id and row each, row -1 to delete), then 2 when it was acknowledged.
 */
final class CrashLoad {
  static final int DIMENSION = 48;
  static final int POOL = 4000;
  static final int IDS = 1500;

  private CrashLoad() {}

  static F32Rows pool() {
    return TestRows.clustered(77, POOL, DIMENSION, 12);
  }

  static WriteOptions options() {
    return WriteOptions.defaults().withCheckpointBytes(1 << 20).withLinkThreads(1);
  }

  public static void main(String[] arguments) throws IOException {
    Path path = Path.of(arguments[0]);
    SplittableRandom random = new SplittableRandom(Long.parseLong(arguments[1]));
    F32Rows pool = pool();
    DataOutputStream out = new DataOutputStream(System.out);
    OpenOptions open = OpenOptions.defaults().withReader(ReaderKind.PREAD);
    try (LiveIndex index = LiveIndex.openForWriting(path, open, options(), ProgressListener.NONE)) {
      out.writeByte(0);
      out.flush();
      while (true) {
        step(index, pool, random, out);
      }
    }
  }

  private static void step(
      LiveIndex index, F32Rows pool, SplittableRandom random, DataOutputStream out)
      throws IOException {
    int kind = random.nextInt(60);
    if (kind == 0) {
      index.checkpoint();
      return;
    }
    if (kind == 1) {
      index.compact(ProgressListener.NONE);
      return;
    }
    int count = 1 + random.nextInt(random.nextInt(8) == 0 ? 150 : 12);
    boolean isDelete = kind < 22;
    long[] ids = random.longs(count, 0, IDS).distinct().toArray();
    int[] rows = random.ints(ids.length, 0, POOL).toArray();
    out.writeByte(1);
    out.writeInt(ids.length);
    for (int i = 0; i < ids.length; i++) {
      out.writeLong(ids[i]);
      out.writeInt(isDelete ? -1 : rows[i]);
    }
    out.flush();
    if (isDelete) {
      WriteReceipt _ = index.delete(Ids.of(ids));
    } else {
      float[][] vectors = new float[ids.length][];
      for (int i = 0; i < ids.length; i++) {
        vectors[i] = TestIndexes.row(pool, rows[i]);
      }
      WriteReceipt _ = index.insert(Ids.of(ids), vectors);
    }
    out.writeByte(2);
    out.flush();
  }

  /** The row an id should have: the acknowledged one, or that of the write under way. */
  static boolean isExpected(
      float @Nullable [] found, @Nullable Integer row, @Nullable Integer pending, F32Rows pool) {
    return isRow(found, row, pool) || (pending != null && isRow(found, pending, pool));
  }

  private static boolean isRow(float @Nullable [] found, @Nullable Integer row, F32Rows pool) {
    if (found == null || row == null || row < 0) {
      return found == null && (row == null || row < 0);
    }
    return java.util.Arrays.equals(found, TestIndexes.row(pool, row));
  }
}
