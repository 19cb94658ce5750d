// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
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

/** Scoring 64 codes of 1536 dimensions, per code, and preparing a query. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class CodeScoringBenchmark {
  private static final int DIMENSION = 1536;
  private static final int ROWS = 512;
  private static final int BATCH = 64;

  @Param({"saq:2", "rabitq:1", "rabitq:2", "rabitq:4", "pq:192", "pq4:384", "sq8", "f16"})
  String codec;

  private SlabPool slabs;
  private NativeMemory vectors;
  private NativeMemory codes;
  private CodeScorer scorer;
  private int[] nodes;
  private float[] distances;

  @Setup
  @SuppressWarnings("MustBeClosedChecker") // closed by tearDown
  public void setUp() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    slabs = new SlabPool();
    vectors = NativeMemory.allocate(4L * DIMENSION * ROWS);
    for (int i = 0; i < DIMENSION * ROWS; i++) {
      vectors.segment().setAtIndex(F32Rows.FLOAT, i, (float) random.nextGaussian());
    }
    F32Rows rows = new F32Rows(vectors.segment(), 0, 4L * DIMENSION, ROWS, DIMENSION);
    try (Workers workers = Workers.start(2)) {
      Codec trained = Codec.train(CodecSpec.parse(codec), Metric.L2, rows, 1, workers);
      SlabPool.Lease memory = slabs.lease(); // until the pool is closed
      codes = NativeMemory.allocate((long) trained.codeBytes() * ROWS);
      trained.newEncoder(memory).encode(rows, 0, ROWS, codes.segment());
      scorer = trained.newScorer(codes.segment(), BATCH, memory);
    }
    scorer.query(vectors.segment());
    nodes = random.ints(BATCH, 0, ROWS).toArray();
    distances = new float[BATCH];
  }

  @TearDown
  public void tearDown() {
    slabs.close();
    codes.close();
    vectors.close();
  }

  @Benchmark
  @OperationsPerInvocation(BATCH)
  public float[] score() {
    scorer.score(nodes, 0, BATCH, distances);
    return distances;
  }

  @Benchmark
  public void prepareQuery() {
    scorer.query(vectors.segment());
  }
}
