package dev.arbalest;

import dev.arbalest.natives.SystemFacts;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.ssd.build.BuildPlan;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.Metric;
import java.util.List;

/**
 * How an index is built.
 *
 * @param metric distance
 * @param storage components of the stored vectors
 * @param codec compressed codes kept in RAM
 * @param codeDimension components codes and graph are made of, a prefix of the vectors (Matryoshka
 *     embeddings); 0 for all
 * @param graph degree, list, alpha, passes, seed
 * @param memoryBytes budget for everything the build keeps in memory
 * @param threads workers, in [1, 1024]; the index does not depend on it
 * @param resume whether to go on with an unfinished build of the directory
 * @param checkpointSeconds least seconds between checkpoints of the graph; 0 for one per batch
 */
public record BuildOptions(
    Metric metric,
    ElementType storage,
    CodecSpec codec,
    int codeDimension,
    BuildParameters graph,
    long memoryBytes,
    int threads,
    boolean resume,
    int checkpointSeconds) {

  private static final List<CodecSpec> AUTOMATIC =
      List.of(CodecSpec.parse("saq:2"), CodecSpec.parse("rabitq:2"), CodecSpec.rabitq1());

  private static final long DEFAULT_MEMORY_BYTES = 8L << 30;
  private static final int DEFAULT_CHECKPOINT_SECONDS = 60;

  /** Checks the ranges. */
  public BuildOptions {
    if (codeDimension < 0) {
      throw new IllegalArgumentException("dimensions must be at least 1: " + codeDimension);
    }
    if (memoryBytes < 1) {
      throw new IllegalArgumentException("memory must be at least 1 byte: " + memoryBytes);
    }
    if (checkpointSeconds < 0) {
      throw new IllegalArgumentException(
          "checkpoint seconds must be at least 0: " + checkpointSeconds);
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
        ElementType.F32,
        CodecSpec.rabitq1(),
        0,
        BuildParameters.defaults(),
        defaultMemoryBytes(),
        Runtime.getRuntime().availableProcessors(),
        false,
        DEFAULT_CHECKPOINT_SECONDS);
  }

  private static long defaultMemoryBytes() {
    return Math.min(DEFAULT_MEMORY_BYTES, SystemFacts.memoryLimitBytes() / 4 * 3);
  }

  /** The same with another metric. */
  public BuildOptions withMetric(Metric newMetric) {
    return new BuildOptions(
        newMetric,
        storage,
        codec,
        codeDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /** The same storing other components. */
  public BuildOptions withStorage(ElementType newStorage) {
    return new BuildOptions(
        metric,
        newStorage,
        codec,
        codeDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /** The same with another codec. */
  public BuildOptions withCodec(CodecSpec newCodec) {
    return new BuildOptions(
        metric,
        storage,
        newCodec,
        codeDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /**
   * The same with the finest of {@code saq:2}, {@code rabitq:2} and {@code rabitq:1} whose codes
   * fit the memory budget beside graph, ids and checksums while serving, and while building beside
   * what stands for the vectors; with {@code rabitq:1} if none does. {@code saq:2} ranks as {@code
   * rabitq:4} does in half the bytes, and finer ones save no more than a read of fourteen.
   */
  public BuildOptions withAutomaticCodec(int count, int dimension) {
    int coded = codeDimension == 0 ? dimension : Math.min(dimension, codeDimension);
    long rest = Graph.byteSize(count, graph.degree()) + 12L * count + BuildPlan.BASE_BYTES;
    long narrow = (long) count * BuildPlan.NARROW.codeBytesAtMost(coded);
    // Vectors read through the page cache while building cost far more than coarser codes.
    for (long besides : new long[] {narrow, 0}) {
      for (CodecSpec spec : AUTOMATIC) {
        if (!spec.fits(coded)) {
          continue;
        }
        long building = BuildPlan.required(count, coded, withCodec(spec)).plannedBytes() + besides;
        long serving = rest + (long) count * spec.codeBytesAtMost(coded);
        if (building <= memoryBytes && serving <= memoryBytes) {
          return withCodec(spec);
        }
      }
    }
    return withCodec(CodecSpec.rabitq1());
  }

  /** The same with codes and graph made of a prefix of the vectors; 0 for all of them. */
  public BuildOptions withCodeDimension(int newCodeDimension) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        newCodeDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /** The same with other graph parameters. */
  public BuildOptions withGraph(BuildParameters newGraph) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        codeDimension,
        newGraph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /** The same with another memory budget. */
  public BuildOptions withMemoryBytes(long newMemoryBytes) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        codeDimension,
        graph,
        newMemoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }

  /** The same with another number of workers. */
  public BuildOptions withThreads(int newThreads) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        codeDimension,
        graph,
        memoryBytes,
        newThreads,
        resume,
        checkpointSeconds);
  }

  /** The same, going on with an unfinished build or not. */
  public BuildOptions withResume(boolean newResume) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        codeDimension,
        graph,
        memoryBytes,
        threads,
        newResume,
        checkpointSeconds);
  }

  /** The same with other seconds between checkpoints of the graph. */
  public BuildOptions withCheckpointSeconds(int newCheckpointSeconds) {
    return new BuildOptions(
        metric,
        storage,
        codec,
        codeDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        newCheckpointSeconds);
  }
}
