// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexRepair;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.TestIndexes;
import dev.arbalest.VectorInput;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One session of a process that changes an index below a directory whose changes are recorded:
 * builds it, repairs it, gives it another codec, or writes to it, and then closes it or is gone in
 * the middle. It says what it is about to do and that it is done by writing to the file {@code
 * mark} of that directory, so that both are in the record, in their places.
 */
final class PowerLoad {
  static final int DIMENSION = 136;
  static final int POOL = 1200;
  static final int IDS = 400;

  private final Path index;
  private final FileChannel mark;
  private final SplittableRandom random;
  private final F32Rows pool = pool();
  private int operation;

  private PowerLoad(Path directory, FileChannel mark, long seed) {
    this.index = directory.resolve("index");
    this.mark = mark;
    this.random = new SplittableRandom(seed);
    this.operation = (int) (seed & 0xffff) * 10_000;
  }

  static F32Rows pool() {
    return TestRows.clustered(91, POOL, DIMENSION, 12);
  }

  static BuildOptions options(SplittableRandom random) {
    String codec = new String[] {"rabitq:2", "saq:2", "sq8"}[random.nextInt(3)];
    return TestIndexes.options(Metric.L2, codec);
  }

  /** Arguments: directory, folder for input, seed, what to do. */
  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    try (FileChannel mark =
        FileChannel.open(
            directory.resolve("mark"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      PowerLoad load = new PowerLoad(directory, mark, Long.parseLong(arguments[2]));
      switch (arguments[3]) {
        case "build" -> load.build(Path.of(arguments[1]));
        case "create" -> load.create();
        case "repair" -> load.repair();
        case "recode" -> load.recode();
        case "lazy" -> load.writeLazily();
        default -> load.write();
      }
    }
    // Without closing anything: what is left open the kernel closes.
    Runtime.getRuntime().halt(0);
  }

  private void say(String what) throws IOException {
    int _ = mark.write(ByteBuffer.wrap((what + "\n").getBytes(StandardCharsets.UTF_8)), 0);
  }

  private void begin(String kind, long[] ids, int[] rows) throws IOException {
    StringBuilder text = new StringBuilder("B " + operation + " " + kind);
    for (int i = 0; i < ids.length; i++) {
      text.append(' ').append(ids[i]).append(':').append(rows[i]);
    }
    say(text.toString());
  }

  private void end() throws IOException {
    say("E " + operation++);
  }

  private void build(Path folder) throws IOException {
    int count = 50 + random.nextInt(250);
    int[] rows = random.ints(count, 0, POOL).toArray();
    F32Rows input = TestRows.gaussian(0, count, DIMENSION);
    for (int i = 0; i < count; i++) {
      float[] row = TestIndexes.row(pool, rows[i]);
      for (int j = 0; j < DIMENSION; j++) {
        input.memory().set(F32Rows.FLOAT, input.offset(i) + 4L * j, row[j]);
      }
    }
    Path file = TestIndexes.write(folder.resolve("rows.fbin"), input);
    long[] ids = java.util.stream.LongStream.range(0, count).toArray();
    begin("build", ids, rows);
    try (VectorInput vectors = VectorInput.open(file)) {
      BuildReport _ =
          Index.build(index, vectors, Ids.of(ids), options(random), ProgressListener.NONE);
    }
    end();
  }

  private void create() throws IOException {
    F32Rows sample = new F32Rows(pool.memory(), 0, pool.strideBytes(), 100, DIMENSION);
    begin("build", new long[0], new int[0]);
    LiveIndex.create(index, sample, IdType.INT64, options(random));
    end();
  }

  private void repair() throws IOException {
    begin("damage", new long[0], new int[0]);
    Manifest manifest = Manifest.read(index);
    Manifest.Part part = random.nextBoolean() ? Manifest.Part.GRAPH : Manifest.Part.CODES;
    Files.delete(index.resolve(manifest.file(part).name()));
    List<String> _ = IndexRepair.repair(index, 1, ProgressListener.NONE);
    end();
  }

  private void recode() throws IOException {
    begin("recode", new long[0], new int[0]);
    TestIndexes.recover(index);
    if (Manifest.read(index).live() > 0) {
      IndexRepair.recode(index, options(random).codec(), 1, ProgressListener.NONE);
    }
    end();
  }

  @SuppressWarnings("MustBeClosedChecker") // at times it is not to be closed
  private void write() throws IOException {
    // Small segments, which are synced often, or one that takes long to fill.
    long checkpointBytes = random.nextBoolean() ? 1 << 20 : 64 << 20;
    WriteOptions options =
        WriteOptions.defaults().withCheckpointBytes(checkpointBytes).withLinkThreads(1);
    OpenOptions open = OpenOptions.defaults().withReader(ReaderKind.PREAD).withWarmUpMillis(0);
    boolean isClosed = random.nextBoolean();
    int steps = 5 + random.nextInt(40);
    LiveIndex opened = LiveIndex.openForWriting(index, open, options, ProgressListener.NONE);
    for (int step = 0; step < steps; step++) {
      step(opened);
    }
    if (isClosed) {
      opened.close();
    } else {
      Runtime.getRuntime().halt(0);
    }
  }

  /**
   * Writes that do not wait for the disk, each linked before the next: slots become free while the
   * disk knows nothing of what freed them. All of it is one change, done when the index is closed.
   */
  private void writeLazily() throws IOException {
    int rounds = 5;
    long[][] ids = new long[rounds][];
    int[][] rows = new int[rounds][];
    for (int round = 0; round < rounds; round++) {
      ids[round] = random.longs(IDS, 0, IDS).distinct().toArray();
      rows[round] = random.ints(ids[round].length, 0, POOL).toArray();
    }
    begin(
        "lazy",
        Arrays.stream(ids).flatMapToLong(Arrays::stream).toArray(),
        Arrays.stream(rows).flatMapToInt(Arrays::stream).toArray());
    WriteOptions options =
        WriteOptions.defaults().withCheckpointBytes(64 << 20).withSyncMillis(60_000);
    OpenOptions open = OpenOptions.defaults().withReader(ReaderKind.PREAD).withWarmUpMillis(0);
    try (LiveIndex opened = LiveIndex.openForWriting(index, open, options, ProgressListener.NONE)) {
      for (int round = 0; round < rounds; round++) {
        float[][] vectors =
            Arrays.stream(rows[round])
                .mapToObj(row -> TestIndexes.row(pool, row))
                .toArray(float[][]::new);
        WriteReceipt _ = opened.insert(Ids.of(ids[round]), vectors);
        opened.awaitLinked();
      }
    }
    end();
  }

  private void step(LiveIndex opened) throws IOException {
    int kind = random.nextInt(30);
    if (kind == 0) {
      opened.checkpoint();
    } else if (kind == 1) {
      opened.compact(ProgressListener.NONE);
    } else if (kind == 2) {
      opened.awaitLinked();
    } else {
      boolean isDelete = kind < 11;
      int count = 1 + random.nextInt(random.nextInt(5) == 0 ? IDS : 12);
      long[] ids = random.longs(count, 0, IDS).distinct().toArray();
      if (kind == 29) {
        // Many blocks in one call, of which each replaces what those before it wrote.
        ids = random.longs(8L * IDS, 0, IDS).toArray();
      }
      int[] rows = random.ints(ids.length, 0, POOL).map(row -> isDelete ? -1 : row).toArray();
      begin("write", ids, rows);
      if (isDelete) {
        WriteReceipt _ = opened.delete(Ids.of(ids));
      } else {
        float[][] vectors = new float[ids.length][];
        for (int i = 0; i < ids.length; i++) {
          vectors[i] = TestIndexes.row(pool, rows[i]);
        }
        WriteReceipt _ = opened.insert(Ids.of(ids), vectors);
      }
      end();
    }
  }
}
