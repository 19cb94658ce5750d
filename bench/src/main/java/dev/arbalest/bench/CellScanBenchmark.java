// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.CellScan;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Finding the cells of a range in a column of a million. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class CellScanBenchmark {
  private static final int CELLS = 1_000_000 / 64 * 64;

  @Param({"1", "2", "4", "8"})
  int cellBytes;

  private NativeMemory cells;
  private long[] words;

  @Setup
  @SuppressWarnings("MustBeClosedChecker") // closed by tearDown
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    cells = NativeMemory.allocate((long) CELLS * cellBytes);
    for (long at = 0; at < cells.byteSize(); at++) {
      cells.segment().set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
    }
    words = new long[CELLS / 64];
  }

  @TearDown
  public void tearDown() {
    cells.close();
  }

  @Benchmark
  public long[] inRange() {
    CellScan.addInRange(cells.segment(), cellBytes, -20, 30, words, words.length);
    return words;
  }
}
