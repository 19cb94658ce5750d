// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.natives.kernels.F32Matrix;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Exact distances of one query to 64 rows that fit the second-level cache, per row. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class F32DistanceBenchmark {
  private static final int ROWS = 64;
  private static final int MATRIX = 16;

  private final float[] matrix = new float[MATRIX * MATRIX];
  private final F32Matrix.Scratch scratch = new F32Matrix.Scratch();

  @Param({"1536", "3072"})
  int dimension;

  private NativeMemory memory;
  private long[] offsets;
  private float[] out;

  @Setup
  @SuppressWarnings("MustBeClosedChecker") // closed by tearDown
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    memory = NativeMemory.allocate(4L * dimension * (ROWS + 1));
    offsets = new long[ROWS];
    out = new float[ROWS];
    for (int i = 0; i < dimension * (ROWS + 1); i++) {
      memory.segment().setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-1, 1));
    }
    for (int row = 0; row < ROWS; row++) {
      offsets[row] = 4L * dimension * (row + 1);
    }
  }

  @TearDown
  public void tearDown() {
    memory.close();
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public float[] dotTile() {
    F32Distance.dot(memory.segment(), 0, memory.segment(), offsets, 0, ROWS, dimension, out, 0);
    return out;
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public float[] squaredL2Tile() {
    F32Distance.squaredL2(
        memory.segment(), 0, memory.segment(), offsets, 0, ROWS, dimension, out, 0);
    return out;
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public float[] cosineTile() {
    F32Distance.cosine(memory.segment(), 0, memory.segment(), offsets, 0, ROWS, dimension, out, 0);
    return out;
  }

  /** Per pair. */
  @Benchmark
  @OperationsPerInvocation(MATRIX * MATRIX)
  public float[] dotMatrix() {
    MemorySegment segment = memory.segment();
    F32Matrix.dot(
        segment, offsets, 0, MATRIX, segment, offsets, MATRIX, MATRIX, dimension, matrix, 0,
        scratch);
    return matrix;
  }

  /** Per pair. */
  @Benchmark
  @OperationsPerInvocation(MATRIX * MATRIX)
  public float[] squaredL2Matrix() {
    MemorySegment segment = memory.segment();
    F32Matrix.squaredL2(
        segment, offsets, 0, MATRIX, segment, offsets, MATRIX, MATRIX, dimension, matrix, 0,
        scratch);
    return matrix;
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public float squaredL2Single() {
    MemorySegment segment = memory.segment();
    float sum = 0;
    for (int row = 0; row < ROWS; row++) {
      sum += F32Distance.squaredL2(segment, 0, segment, offsets[row], dimension);
    }
    return sum;
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public float dotSingle() {
    MemorySegment segment = memory.segment();
    float sum = 0;
    for (int row = 0; row < ROWS; row++) {
      sum += F32Distance.dot(segment, 0, segment, offsets[row], dimension);
    }
    return sum;
  }
}
