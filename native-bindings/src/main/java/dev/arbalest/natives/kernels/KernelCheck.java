// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;

/**
 * Times every kernel against its scalar definition. A kernel of the Vector API that the compiler
 * did not turn into vector instructions (an old processor, a JVM flag, a changed compiler) still
 * gives right results, a hundred times as slowly: this is where it shows.
 *
 * <p>Each kernel gets a bounded time to become fast, since compilation runs in the background. The
 * work also warms the kernels up.
 */
public final class KernelCheck {
  /** Rows a call works on. */
  private static final int ROWS = 64;

  private static final int ROUNDS = 8;

  /** Enough for a plain loop to be compiled. */
  private static final long SCALAR_NANOS = 25_000_000L;

  private static final int CODE_BITS = 4;
  private static final int QUERY_BITS = 7;
  private static final int PACKED_BITS = 6;

  private KernelCheck() {}

  /**
   * What one kernel took.
   *
   * @param kernel its name
   * @param nanos per row
   * @param scalarNanos per row, by the plain loop
   */
  public record Finding(String kernel, double nanos, double scalarNanos) {
    /** Whether the plain loop would do as well. */
    public boolean slow() {
      return !(nanos < 1.25 * scalarNanos);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%s: %.0f ns a row, plain loop %.0f ns", kernel, nanos, scalarNanos);
    }
  }

  /** What can be checked. */
  public enum Kernel {
    /** {@link F32Distance#dot}, in tiles. */
    F32_DOT("f32 inner product"),
    /** {@link F32Distance#squaredL2}, in tiles. */
    F32_SQUARED_L2("f32 squared L2"),
    /** {@link F32Matrix}. */
    F32_MATRIX("f32 matrix"),
    /** {@link NarrowDistance#dotHalf}. */
    F16("f16 inner product"),
    /** {@link NarrowDistance#dotByte}. */
    BYTE("byte inner product"),
    /** {@link BitDistance} of one bit by four. */
    ONE_BIT("1-bit code"),
    /** {@link BitDistance} of more bits. */
    SEVERAL_BITS("4-bit code"),
    /** {@link PackedPlanes}. */
    PACKED_PLANES("6-bit packed code"),
    /** {@link FastScan}. */
    FAST_SCAN("4-bit fast scan"),
    /** {@link AdcDistance}. */
    TABLE("8-bit table look-up");

    private final String label;

    Kernel(String label) {
      this.label = label;
    }
  }

  /** A kernel over {@link #ROWS} rows beside the plain loop over one. */
  record Pair(String name, Runnable kernel, IntToDoubleFunction scalar) {}

  /**
   * Checks kernels at a dimension.
   *
   * @param kernels which
   * @param dimension of the rows, rounded up to a multiple of 64 where a kernel needs it
   * @param nanosPerKernel most time a kernel is given to become fast
   */
  public static List<Finding> run(Set<Kernel> kernels, int dimension, long nanosPerKernel) {
    int padded = (dimension + 63) / 64 * 64;
    int codeBytes = padded / 16;
    try (NativeMemory memory = NativeMemory.allocate(4L * padded * (ROWS + 1));
        NativeMemory split = NativeMemory.allocate(4L * padded);
        Arena tables = Arena.ofConfined()) {
      FastScan scan = new FastScan((codeBytes + 7) / 8 * 8, tables);
      PackedPlanes packed = packedPlanes(padded, tables);
      fill(memory.segment());
      List<Finding> findings = new ArrayList<>();
      for (Kernel kernel : kernels) {
        Pair pair = pair(kernel, padded, memory.segment(), split.segment(), scan, packed);
        findings.add(check(pair, nanosPerKernel));
      }
      return findings;
    }
  }

  private static void fill(MemorySegment segment) {
    SplittableRandom random = new SplittableRandom(1);
    for (long i = 0; i < segment.byteSize() / 4; i++) {
      segment.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-1, 1));
    }
  }

  /** A query of random bits for a sixth of the components. */
  private static PackedPlanes packedPlanes(int dimension, Arena memory) {
    int words = packedWords(dimension);
    PackedPlanes packed = new PackedPlanes(words, PACKED_BITS, PACKED_BITS, memory);
    SplittableRandom random = new SplittableRandom(2);
    for (int plane = 0; plane < PACKED_BITS; plane++) {
      for (int word = 0; word < words; word++) {
        packed.setQuery(plane, word, random.nextLong());
      }
    }
    return packed;
  }

  private static int packedWords(int dimension) {
    return Math.max(1, dimension / 64 / PACKED_BITS);
  }

  private static Pair pair(
      Kernel kernel,
      int dimension,
      MemorySegment rows,
      MemorySegment split,
      FastScan scan,
      PackedPlanes packed) {
    long rowBytes = 4L * dimension;
    int words = dimension / 64;
    int codeBytes = (int) (scan.tables().byteSize() / 32);
    int subspaces = dimension / 8;
    long[] offsets = new long[ROWS];
    int[] nodes = new int[ROWS];
    float[] query = new float[dimension];
    for (int i = 0; i < ROWS; i++) {
      offsets[i] = rowBytes * (i + 1);
      nodes[i] = i;
    }
    MemorySegment.copy(rows, F32Rows.FLOAT, 0, query, 0, dimension);
    NarrowDistance.splitHalfQuery(query, dimension, split);
    float[] table = new float[subspaces * AdcDistance.CENTROIDS];
    int[] indexes = new int[subspaces];
    float[] out = new float[ROWS];
    float[] square = new float[ROWS];
    F32Matrix.Scratch scratch = new F32Matrix.Scratch();
    int[] counts = new int[ROWS];
    return switch (kernel) {
      case F32_DOT ->
          new Pair(
              kernel.label,
              () -> F32Distance.dot(rows, 0, rows, offsets, 0, ROWS, dimension, out, 0),
              i -> F32ScalarKernels.dot(rows, 0, rows, offsets[i], dimension));
      case F32_SQUARED_L2 ->
          new Pair(
              kernel.label,
              () -> F32Distance.squaredL2(rows, 0, rows, offsets, 0, ROWS, dimension, out, 0),
              i -> F32ScalarKernels.squaredL2(rows, 0, rows, offsets[i], dimension));
      case F32_MATRIX ->
          new Pair(
              kernel.label,
              () ->
                  F32Matrix.squaredL2(
                      rows, offsets, 0, 8, rows, offsets, 8, 8, dimension, square, 0, scratch),
              i -> F32ScalarKernels.squaredL2(rows, 0, rows, offsets[i], dimension));
      case F16 ->
          new Pair(
              kernel.label,
              () ->
                  NarrowDistance.dotHalf(
                      split, rows, 0, 2L * dimension, dimension, nodes, 0, ROWS, out),
              i -> CodeScalarKernels.dotHalf(query, rows, 2L * dimension * i));
      case BYTE ->
          new Pair(
              kernel.label,
              () ->
                  NarrowDistance.dotByte(rows, rows, 0, dimension, dimension, nodes, 0, ROWS, out),
              i -> CodeScalarKernels.dotByte(query, rows, (long) dimension * i));
      case ONE_BIT ->
          new Pair(
              kernel.label,
              () ->
                  BitDistance.weightedDifferences(
                      rows, 4, rows, 0, 8L * words, 1, words, nodes, 0, ROWS, counts),
              i -> CodeScalarKernels.weightedDifferences(rows, 4, rows, 8L * words * i, 1, words));
      case SEVERAL_BITS ->
          new Pair(
              kernel.label,
              () ->
                  BitDistance.weightedDifferences(
                      rows,
                      QUERY_BITS,
                      rows,
                      0,
                      8L * words * CODE_BITS,
                      CODE_BITS,
                      words,
                      nodes,
                      0,
                      ROWS,
                      counts),
              i ->
                  CodeScalarKernels.weightedDifferences(
                      rows, QUERY_BITS, rows, 8L * words * CODE_BITS * i, CODE_BITS, words));
      case PACKED_PLANES -> {
        int packedWords = packedWords(dimension);
        int stride = PackedPlanes.codeBytes(packedWords, PACKED_BITS);
        yield new Pair(
            kernel.label,
            () -> packed.weightedDifferences(rows, stride, stride, nodes, 0, ROWS, counts),
            i ->
                CodeScalarKernels.weightedDifferences(
                    split, PACKED_BITS, rows, (long) stride * i, PACKED_BITS, packedWords));
      }
      case FAST_SCAN ->
          new Pair(
              kernel.label,
              () -> scan.scoreBlock(rows, 0, counts),
              i ->
                  CodeScalarKernels.fastScan(scan.tables(), codeBytes, rows, (long) codeBytes * i));
      case TABLE ->
          new Pair(
              kernel.label,
              () ->
                  AdcDistance.sum(
                      table, subspaces, rows, 0, subspaces, nodes, 0, ROWS, out, 0, indexes),
              i -> CodeScalarKernels.adc(table, subspaces, rows, (long) subspaces * i));
    };
  }

  /** Runs the plain loop until it is compiled, then the kernel until it is fast or out of time. */
  static Finding check(Pair pair, long nanosPerKernel) {
    long end = System.nanoTime() + nanosPerKernel;
    double scalar = scalar(pair, System.nanoTime() + Math.min(SCALAR_NANOS, nanosPerKernel));
    double kernel = Double.POSITIVE_INFINITY;
    do {
      // The fastest round: a pause in another says nothing about the kernel.
      for (int round = 0; round < ROUNDS; round++) {
        long start = System.nanoTime();
        pair.kernel().run();
        kernel = Math.min(kernel, (double) (System.nanoTime() - start) / ROWS);
      }
    } while (!(2 * kernel < scalar) && System.nanoTime() < end);
    return new Finding(pair.name(), kernel, scalar);
  }

  private static double scalar(Pair pair, long end) {
    double fastest = Double.POSITIVE_INFINITY;
    long expected = 0;
    boolean first = true;
    do {
      double sum = 0;
      long start = System.nanoTime();
      for (int i = 0; i < ROUNDS; i++) {
        sum += pair.scalar().applyAsDouble(i);
      }
      fastest = Math.min(fastest, (double) (System.nanoTime() - start) / ROUNDS);
      long bits = Double.doubleToLongBits(sum);
      if (!first && bits != expected) {
        throw new IllegalStateException("the plain loop of " + pair.name() + " changed its result");
      }
      first = false;
      expected = bits;
    } while (System.nanoTime() < end);
    return fastest;
  }
}
