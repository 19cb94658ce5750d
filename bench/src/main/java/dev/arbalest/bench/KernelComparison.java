// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.BitDistance;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.natives.kernels.F32Matrix;
import dev.arbalest.natives.kernels.FastScan;
import dev.arbalest.natives.kernels.NarrowDistance;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/**
 * The kernels of native-bindings beside the same loops in C, compiled by gcc at start and called in
 * the same process, the two taking turns. Prints the median time per row of each and their ratio, C
 * over Java: 1 means as fast as C.
 *
 * <p>Results are compared as well: a kernel that computes something else is refused.
 */
public final class KernelComparison {
  private static final int BATCH = 64;
  private static final int ROUNDS = 15;
  private static final long ROUND_NANOS = 60_000_000L;
  private static final long WARM_UP_NANOS = 1_500_000_000L;
  private static final long DRAM_BYTES = 800L << 20;

  private final Arena arena = Arena.ofAuto();
  private final SymbolLookup library;
  private final String pattern;
  private final SplittableRandom random = new SplittableRandom(1);

  @SuppressWarnings("restricted") // the library compiled just now
  private KernelComparison(Path compiled, String pattern) {
    this.pattern = pattern;
    library = SymbolLookup.libraryLookup(compiled, arena);
  }

  /** One call that scores {@link #BATCH} rows. */
  private interface Kernel {
    void run(int round) throws Throwable;
  }

  /**
   * Compiles the C side and compares the kernels whose name contains the first argument, or all, at
   * 1536 and 3072 dimensions.
   */
  public static void main(String[] arguments) throws Throwable {
    Path directory = Files.createTempDirectory("arbalest-bench");
    Path source = directory.resolve("kernels.c");
    Path compiled = directory.resolve("libkernels.so");
    try {
      try (InputStream in =
          Objects.requireNonNull(KernelComparison.class.getResourceAsStream("kernels.c"))) {
        Files.copy(in, source);
      }
      if (!compile(source, compiled)) {
        System.exit(1);
      }
      new KernelComparison(compiled, arguments.length > 0 ? arguments[0] : "").compareAll();
    } finally {
      Files.deleteIfExists(compiled);
      Files.deleteIfExists(source);
      Files.deleteIfExists(directory);
    }
  }

  private static boolean compile(Path source, Path target)
      throws IOException, InterruptedException {
    Process gcc;
    try {
      gcc =
          new ProcessBuilder(
                  "gcc",
                  "-O3",
                  "-march=native",
                  "-shared",
                  "-fPIC",
                  "-o",
                  target.toString(),
                  source.toString())
              .inheritIO()
              .start();
    } catch (IOException e) {
      System.err.println("gcc is not installed; install it with: sudo apt-get install gcc");
      return false;
    }
    if (!gcc.waitFor(60, TimeUnit.SECONDS) || gcc.exitValue() != 0) {
      System.err.println("gcc could not compile kernels.c");
      return false;
    }
    return true;
  }

  private void compareAll() throws Throwable {
    MethodHandle supported = handle("arbalest_supported", FunctionDescriptor.of(JAVA_INT));
    if ((int) supported.invokeExact() == 0) {
      System.err.println("this processor lacks AVX-512 with VPOPCNTDQ and VBMI: no C side");
      return;
    }
    System.out.println("| kernel | dimension | rows in | Java ns | C ns | C / Java |");
    System.out.println("| --- | --- | --- | --- | --- | --- |");
    for (int dimension : new int[] {1536, 3072}) {
      floats("dot_tile8", "f32 dot, tile of 8", dimension, 64, "L2");
      floats("l2_tile8", "f32 L2, tile of 8", dimension, 64, "L2");
      floats("dot_single", "f32 dot, single", dimension, 64, "L2");
      matrix(dimension);
      int dram = (int) (DRAM_BYTES / (4L * dimension));
      floats("dot_tile8", "f32 dot, tile of 8", dimension, dram, "DRAM");
      floats("l2_tile8", "f32 L2, tile of 8", dimension, dram, "DRAM");
      bits(dimension);
      halves(dimension);
      fastScan(dimension);
    }
  }

  @SuppressWarnings("restricted") // the signatures of kernels.c
  private MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker()
        .downcallHandle(library.findOrThrow(name), descriptor, Linker.Option.critical(false));
  }

  @SuppressWarnings("MustBeClosedChecker") // closed at the end of the comparison
  private void floats(String name, String label, int dimension, int rows, String place)
      throws Throwable {
    MethodHandle c =
        handle(
            name,
            FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
    try (NativeMemory memory = NativeMemory.allocate(4L * dimension * (rows + 1L));
        Arena scratch = Arena.ofConfined()) {
      MemorySegment all = memory.segment();
      for (long i = 0; i < (long) dimension * (rows + 1L); i++) {
        all.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-1, 1));
      }
      int batches = rows == BATCH ? 1 : 256;
      long[][] offsets = new long[batches][BATCH];
      MemorySegment[] cOffsets = new MemorySegment[batches];
      for (int b = 0; b < batches; b++) {
        for (int i = 0; i < BATCH; i++) {
          long row = rows == BATCH ? i : random.nextInt(rows);
          offsets[b][i] = 4L * dimension * (row + 1);
        }
        cOffsets[b] = scratch.allocateFrom(JAVA_LONG, offsets[b]);
      }
      float[] out = new float[BATCH];
      MemorySegment cOut = scratch.allocate(4L * BATCH, 64);
      boolean single = name.equals("dot_single");
      boolean l2 = name.equals("l2_tile8");
      Kernel java =
          round -> {
            long[] batch = offsets[round % batches];
            if (single) {
              for (int i = 0; i < BATCH; i++) {
                out[i] = F32Distance.dot(all, 0, all, batch[i], dimension);
              }
            } else if (l2) {
              F32Distance.squaredL2(all, 0, all, batch, 0, BATCH, dimension, out, 0);
            } else {
              F32Distance.dot(all, 0, all, batch, 0, BATCH, dimension, out, 0);
            }
          };
      Kernel native_ =
          round -> {
            c.invokeExact(all, all, cOffsets[round % batches], BATCH, dimension, cOut);
          };
      compare(label, dimension, place, java, native_, () -> check(out, cOut));
    }
  }

  private void matrix(int dimension) throws Throwable {
    MethodHandle c =
        handle(
            "dot_matrix", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
    int rows = 32;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment memory = scratch.allocate(4L * dimension * rows, 64);
      for (long i = 0; i < (long) dimension * rows; i++) {
        memory.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-1, 1));
      }
      long[] offsets = new long[rows];
      java.util.Arrays.setAll(offsets, i -> 4L * dimension * i);
      MemorySegment cOffsets = scratch.allocateFrom(JAVA_LONG, offsets);
      float[] out = new float[rows * rows];
      F32Matrix.Scratch tile = new F32Matrix.Scratch();
      MemorySegment cOut = scratch.allocate(4L * rows * rows, 64);
      compare(
          "f32 dot, 4 x 4 (per pair)",
          dimension,
          "L2",
          rows * rows,
          round ->
              F32Matrix.dot(
                  memory, offsets, 0, rows, memory, offsets, 0, rows, dimension, out, 0, tile),
          round -> {
            c.invokeExact(memory, cOffsets, rows, dimension, cOut);
          },
          () -> check(out, cOut));
    }
  }

  private static void check(float[] java, MemorySegment c) {
    for (int i = 0; i < java.length; i++) {
      float other = c.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (!(Math.abs(java[i] - other) <= 1e-3f * Math.max(1, Math.abs(other)))) {
        throw new AssertionError("row " + i + ": Java " + java[i] + ", C " + other);
      }
    }
  }

  private void bits(int dimension) throws Throwable {
    MethodHandle c =
        handle(
            "one_by_four",
            FunctionDescriptor.ofVoid(
                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    int words = dimension / 64;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment query = randomBytes(scratch, 32L * words);
      MemorySegment codes = randomBytes(scratch, 8L * words * 512);
      int[] nodes = random.ints(BATCH, 0, 512).toArray();
      MemorySegment cNodes = scratch.allocateFrom(JAVA_INT, nodes);
      int[] out = new int[BATCH];
      MemorySegment cOut = scratch.allocate(4L * BATCH, 64);
      compare(
          "1-bit x 4-bit",
          dimension,
          "L2",
          round ->
              BitDistance.weightedDifferences(
                  query, 4, codes, 0, 8L * words, 1, words, nodes, 0, BATCH, out),
          round -> {
            c.invokeExact(query, codes, 8L * words, words, cNodes, BATCH, cOut);
          },
          () -> checkInts(out, cOut));
    }
  }

  private void halves(int dimension) throws Throwable {
    MethodHandle c =
        handle(
            "half_dot",
            FunctionDescriptor.ofVoid(
                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment rows = scratch.allocate(2L * dimension * 128, 64);
      for (int i = 0; i < dimension * 128; i++) {
        short half = Float.floatToFloat16((float) random.nextDouble(-1, 1));
        rows.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
      }
      float[] query = new float[dimension];
      MemorySegment cQuery = scratch.allocate(4L * dimension, 64);
      for (int i = 0; i < dimension; i++) {
        query[i] = (float) random.nextDouble(-1, 1);
        cQuery.setAtIndex(ValueLayout.JAVA_FLOAT, i, query[i]);
      }
      MemorySegment split = scratch.allocate(4L * dimension, 64);
      NarrowDistance.splitHalfQuery(query, dimension, split);
      int[] nodes = random.ints(BATCH, 0, 128).toArray();
      MemorySegment cNodes = scratch.allocateFrom(JAVA_INT, nodes);
      float[] out = new float[BATCH];
      MemorySegment cOut = scratch.allocate(4L * BATCH, 64);
      compare(
          "f16 dot",
          dimension,
          "L2",
          round ->
              NarrowDistance.dotHalf(
                  split, rows, 0, 2L * dimension, dimension, nodes, 0, BATCH, out),
          round -> {
            c.invokeExact(cQuery, rows, 2L * dimension, dimension, cNodes, BATCH, cOut);
          },
          () -> check(out, cOut));
    }
  }

  private void fastScan(int dimension) throws Throwable {
    MethodHandle c =
        handle(
            "fast_scan",
            FunctionDescriptor.ofVoid(
                ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS,
                ADDRESS));
    int codeBytes = dimension / 16; // one subspace for 8 dimensions
    try (Arena scratch = Arena.ofConfined()) {
      FastScan scan = new FastScan(codeBytes, scratch);
      MemorySegment codes = randomBytes(scratch, (long) codeBytes * 512);
      for (long i = 0; i < scan.tables().byteSize(); i++) {
        scan.tables().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(scan.maxEntry() + 1));
      }
      MemorySegment tables = scan.tables();
      int[] nodes = random.ints(BATCH, 0, 512).toArray();
      MemorySegment cNodes = scratch.allocateFrom(JAVA_INT, nodes);
      MemorySegment turned = scratch.allocate(64L * codeBytes, 64);
      MemorySegment sums = scratch.allocate(128, 64);
      int[] out = new int[BATCH];
      MemorySegment cOut = scratch.allocate(4L * BATCH, 64);
      MethodHandle cBlock =
          handle(
              "fast_scan_block",
              FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
      MemorySegment block = randomBytes(scratch, (long) codeBytes * BATCH);
      compare(
          "4-bit fast scan, block of 64",
          dimension,
          "L1",
          round -> scan.scoreBlock(block, 0, out),
          round -> {
            cBlock.invokeExact(block, codeBytes, tables, sums, cOut);
          },
          () -> checkInts(out, cOut));
      compare(
          "4-bit fast scan, scattered",
          dimension,
          "L2",
          round -> scan.score(codes, 0, codeBytes, nodes, 0, BATCH, out),
          round -> {
            c.invokeExact(
                codes, (long) codeBytes, codeBytes, cNodes, BATCH, tables, turned, sums, cOut);
          },
          () -> checkInts(out, cOut));
    }
  }

  private static void checkInts(int[] java, MemorySegment c) {
    for (int i = 0; i < java.length; i++) {
      if (java[i] != c.getAtIndex(JAVA_INT, i)) {
        throw new AssertionError(
            "row " + i + ": Java " + java[i] + ", C " + c.getAtIndex(JAVA_INT, i));
      }
    }
  }

  private MemorySegment randomBytes(Arena scratch, long size) {
    MemorySegment segment = scratch.allocate(size, 64);
    for (long i = 0; i < size; i++) {
      segment.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    return segment;
  }

  private void compare(
      String label, int dimension, String place, Kernel java, Kernel c, Runnable check)
      throws Throwable {
    compare(label, dimension, place, BATCH, java, c, check);
  }

  private void compare(
      String label, int dimension, String place, int results, Kernel java, Kernel c, Runnable check)
      throws Throwable {
    if (!label.contains(pattern)) {
      return;
    }
    long end = System.nanoTime() + WARM_UP_NANOS;
    for (int round = 0; System.nanoTime() < end; round++) {
      java.run(round);
      c.run(round);
      check.run();
    }
    double[] javaNanos = new double[ROUNDS];
    double[] cNanos = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      javaNanos[round] = time(java, results);
      cNanos[round] = time(c, results);
    }
    Arrays.sort(javaNanos);
    Arrays.sort(cNanos);
    double javaMedian = javaNanos[ROUNDS / 2];
    double cMedian = cNanos[ROUNDS / 2];
    String row =
        String.format(
            Locale.ROOT,
            "| %s | %d | %s | %.1f | %.1f | %.2f |",
            label,
            dimension,
            place,
            javaMedian,
            cMedian,
            cMedian / javaMedian);
    System.out.println(row);
  }

  private static double time(Kernel kernel, int results) throws Throwable {
    long start = System.nanoTime();
    long calls = 0;
    long elapsed;
    do {
      for (int i = 0; i < 16; i++) {
        kernel.run((int) (calls++ & 0xffff));
      }
      elapsed = System.nanoTime() - start;
    } while (elapsed < ROUND_NANOS);
    return (double) elapsed / calls / results;
  }
}
