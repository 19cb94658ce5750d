// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.ElementType;
import dev.arbalest.VectorSource;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.ssd.store.MemoryBudget;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.Metric;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What a build will keep in memory, decided before it starts.
 *
 * @param budget the parts and the limit
 * @param vectors what stands for the vectors while the graph is built
 */
public record BuildPlan(MemoryBudget budget, Vectors vectors) {
  /** Heap, code and thread stacks of the JVM, staging buffers: what no part below counts. */
  public static final long BASE_BYTES = 256L << 20;

  private static final String BASE = "base";
  private static final String ONE_BYTE_CODES = "one-byte codes";

  /**
   * Staging memory of all workers together: were it to grow with their number, the plan would
   * depend on it, and with the plan the bytes of the index.
   */
  static final long STAGING_BYTES = 8L << 20;

  /** Codes that stand for the vectors where those do not fit. */
  public static final CodecSpec NARROW = CodecSpec.parse("sq8");

  /**
   * What a build searches on: one bit per dimension. On 100,000 vectors of 1536 dimensions the
   * graph took 0.37 of the time of searches on vectors, 0.84 of those on two bits, and its recall
   * was the highest of the three: candidates that are a little wrong are more diverse.
   */
  static final CodecSpec WALK = CodecSpec.rabitq1();

  /** What stands for the vectors while the graph is built. */
  enum Vectors {
    /** Themselves, in memory. */
    RESIDENT("in memory"),
    /** One-byte codes in memory; the vectors are read once. */
    NARROW("as one-byte codes in memory"),
    /** Themselves, through the page cache. */
    PAGED("read through the page cache");

    private final String description;

    Vectors(String description) {
      this.description = description;
    }
  }

  /**
   * Plans.
   *
   * @throws dev.arbalest.MemoryBudgetExceededException naming the smallest budget that works
   */
  static BuildPlan of(VectorSource input, int prefixDimension, BuildSpec options) {
    MemoryBudget budget = required(input.count(), prefixDimension, options);
    budget.check();
    long vectorBytes = 4L * input.count() * input.dimension();
    long narrowBytes = (long) input.count() * NARROW.codeBytesAtMost(prefixDimension);
    if (budget.addIfFits("vectors", vectorBytes)) {
      return new BuildPlan(budget, Vectors.RESIDENT);
    }
    if (budget.addIfFits(ONE_BYTE_CODES, narrowBytes)) {
      return new BuildPlan(budget, Vectors.NARROW);
    }
    if (options.storage() != ElementType.F32) {
      // Distances are computed between floats, which half floats in a file are not.
      budget.require(ONE_BYTE_CODES + ", which storage f16 needs in memory", narrowBytes);
      budget.check();
    }
    return new BuildPlan(budget, Vectors.PAGED);
  }

  /** Planned bytes that grow with the number of vectors. */
  long bytesOfVectors() {
    return budget.parts().stream()
        .filter(part -> !part.what().equals(BASE))
        .mapToLong(MemoryBudget.Part::bytes)
        .sum();
  }

  /** What a build cannot do without. */
  public static MemoryBudget required(int count, int prefixDimension, BuildSpec options) {
    MemoryBudget budget = new MemoryBudget(options.memoryBytes());
    budget.require(BASE, BASE_BYTES + STAGING_BYTES);
    budget.require("checksums", 4L * count);
    budget.require("order", (options.metric() == Metric.DOT ? 8L : 4L) * count);
    // The graph grows with slack and is then copied.
    BuildParameters graph = options.graph();
    budget.require(
        "graph",
        Graph.byteSize(count, graph.slackDegree()) + Graph.byteSize(count, graph.degree()));
    budget.require("codes", (long) count * options.codec().codeBytesAtMost(prefixDimension));
    if (!options.codec().equals(WALK)) {
      budget.require("codes of the walk", (long) count * WALK.codeBytesAtMost(prefixDimension));
    }
    return budget;
  }

  /** A line for people. */
  String describe() {
    return String.format(
        Locale.ROOT,
        "memory plan: %s = %s of %s; vectors %s",
        budget.parts().stream()
            .map(part -> part.what() + " " + mebibytes(part.bytes()))
            .collect(Collectors.joining(" + ")),
        mebibytes(budget.plannedBytes()),
        mebibytes(budget.limitBytes()),
        vectors.description);
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }
}
