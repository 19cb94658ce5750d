package dev.arbalest.ssd;

import dev.arbalest.natives.Metric;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.Graph;

/**
 * How an index is built.
 *
 * @param metric distance
 * @param codec compressed codes kept in RAM
 * @param codeDimension components codes and graph are made of, a prefix of the vectors (Matryoshka
 *     embeddings); 0 for all
 * @param graph degree, list, alpha, passes, seed
 * @param memoryBytes budget for everything the build keeps in memory
 * @param threads workers, in [1, 1024]; the index does not depend on it
 */
public record BuildOptions(
    Metric metric,
    CodecSpec codec,
    int codeDimension,
    BuildParameters graph,
    long memoryBytes,
    int threads) {

  private static final long DEFAULT_MEMORY_BYTES = 8L << 30;

  /** Checks the ranges. */
  public BuildOptions {
    if (codeDimension < 0) {
      throw new IllegalArgumentException("dimensions must be at least 1: " + codeDimension);
    }
    if (memoryBytes < 1) {
      throw new IllegalArgumentException("memory must be at least 1 byte: " + memoryBytes);
    }
    if (threads < 1 || threads > 1024) {
      throw new IllegalArgumentException("threads must be in [1, 1024]: " + threads);
    }
  }

  /**
   * Squared L2, rabitq:1, the graph's defaults, 8 GiB or three quarters of the memory this process
   * may use if that is less, all processors.
   */
  public static BuildOptions defaults() {
    return new BuildOptions(
        Metric.L2,
        CodecSpec.rabitq1(),
        0,
        BuildParameters.defaults(),
        defaultMemoryBytes(),
        Runtime.getRuntime().availableProcessors());
  }

  private static long defaultMemoryBytes() {
    return Math.min(DEFAULT_MEMORY_BYTES, SystemFacts.memoryLimitBytes() / 4 * 3);
  }

  /** The same with another metric. */
  public BuildOptions withMetric(Metric newMetric) {
    return new BuildOptions(newMetric, codec, codeDimension, graph, memoryBytes, threads);
  }

  /** The same with another codec. */
  public BuildOptions withCodec(CodecSpec newCodec) {
    return new BuildOptions(metric, newCodec, codeDimension, graph, memoryBytes, threads);
  }

  /**
   * The same with the finest of {@code rabitq:4} to {@code rabitq:1} whose codes fit the memory
   * budget beside graph, ids and checksums while serving; with {@code rabitq:1} if none does.
   */
  public BuildOptions withAutomaticCodec(int count, int dimension) {
    int coded = codeDimension == 0 ? dimension : Math.min(dimension, codeDimension);
    long rest = Graph.byteSize(count, graph.degree()) + 12L * count + IndexBuilder.BASE_BYTES;
    for (int bits = 4; bits > 1; bits--) {
      CodecSpec spec = new CodecSpec(CodecSpec.Family.RABITQ, bits);
      boolean builds =
          IndexBuilder.required(count, coded, withCodec(spec)).plannedBytes() <= memoryBytes;
      if (builds && rest + (long) count * spec.codeBytesAtMost(coded) <= memoryBytes) {
        return withCodec(spec);
      }
    }
    return withCodec(CodecSpec.rabitq1());
  }

  /** The same with codes and graph made of a prefix of the vectors; 0 for all of them. */
  public BuildOptions withCodeDimension(int newCodeDimension) {
    return new BuildOptions(metric, codec, newCodeDimension, graph, memoryBytes, threads);
  }

  /** The same with other graph parameters. */
  public BuildOptions withGraph(BuildParameters newGraph) {
    return new BuildOptions(metric, codec, codeDimension, newGraph, memoryBytes, threads);
  }

  /** The same with another memory budget. */
  public BuildOptions withMemoryBytes(long newMemoryBytes) {
    return new BuildOptions(metric, codec, codeDimension, graph, newMemoryBytes, threads);
  }

  /** The same with another number of workers. */
  public BuildOptions withThreads(int newThreads) {
    return new BuildOptions(metric, codec, codeDimension, graph, memoryBytes, newThreads);
  }
}
