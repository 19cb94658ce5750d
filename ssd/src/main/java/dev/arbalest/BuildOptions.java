// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.SystemFacts;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vector.Metric;

/**
 * How an index is built. Immutable; {@link #builder} makes one.
 *
 * @see Index#build(java.nio.file.Path, VectorSource, BuildOptions, ProgressListener)
 */
public final class BuildOptions {
  /** The codec that lets the build choose by its memory budget. */
  public static final String AUTO_CODEC = "auto";

  private static final long DEFAULT_MEMORY_BYTES = 8L << 30;
  private static final int DEFAULT_CHECKPOINT_SECONDS = 60;
  private static final int MAX_THREADS = 1024;

  private final Metric metric;
  private final ElementType storage;
  private final String codec;
  private final int prefixDimension;
  private final int degree;
  private final int buildList;
  private final float alpha;
  private final boolean fast;
  private final long seed;
  private final long memoryBytes;
  private final int threads;
  private final boolean resume;
  private final int checkpointSeconds;

  private BuildOptions(Builder builder) {
    this.metric = builder.metric;
    this.storage = builder.storage;
    this.codec = builder.codec;
    this.prefixDimension = builder.prefixDimension;
    this.degree = builder.degree;
    this.buildList = builder.buildList;
    this.alpha = builder.alpha;
    this.fast = builder.fast;
    this.seed = builder.seed;
    this.memoryBytes = builder.memoryBytes;
    this.threads = builder.threads;
    this.resume = builder.resume;
    this.checkpointSeconds = builder.checkpointSeconds;
  }

  /** The defaults that {@link Builder} states. */
  public static BuildOptions defaults() {
    return builder().build();
  }

  /** A builder that starts from the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that starts from these options. */
  public Builder toBuilder() {
    Builder builder = new Builder();
    builder.metric = metric;
    builder.storage = storage;
    builder.codec = codec;
    builder.prefixDimension = prefixDimension;
    builder.degree = degree;
    builder.buildList = buildList;
    builder.alpha = alpha;
    builder.fast = fast;
    builder.seed = seed;
    builder.memoryBytes = memoryBytes;
    builder.threads = threads;
    builder.resume = resume;
    builder.checkpointSeconds = checkpointSeconds;
    return builder;
  }

  /** Distance. */
  public Metric metric() {
    return metric;
  }

  /** Component type of the stored vectors. */
  public ElementType storage() {
    return storage;
  }

  /** Codec of the codes in RAM, such as {@code saq:2}, or {@code auto}. */
  public String codec() {
    return codec;
  }

  /** Components that codes and graph are made of; 0 for all. */
  public int prefixDimension() {
    return prefixDimension;
  }

  /** Most out-neighbours of a node (R). */
  public int degree() {
    return degree;
  }

  /** Candidate list of the build (L). */
  public int buildList() {
    return buildList;
  }

  /** Pruning factor. */
  public float alpha() {
    return alpha;
  }

  /** Whether the build leaves out its second pass. */
  public boolean fast() {
    return fast;
  }

  /** Seed of everything random in the build. */
  public long seed() {
    return seed;
  }

  /** Budget for everything the build keeps in memory. */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** Workers. */
  public int threads() {
    return threads;
  }

  /** Whether to continue an unfinished build of the directory. */
  public boolean resume() {
    return resume;
  }

  /** Least seconds between checkpoints of the graph; 0 for one per batch. */
  public int checkpointSeconds() {
    return checkpointSeconds;
  }

  /** Sets one option after another. Not thread-safe. */
  public static final class Builder {
    private static final BuildParameters GRAPH = BuildParameters.defaults();

    private Metric metric = Metric.L2;
    private ElementType storage = ElementType.F32;
    private String codec = AUTO_CODEC;
    private int prefixDimension;
    private int degree = GRAPH.degree();
    private int buildList = GRAPH.searchListSize();
    private float alpha = GRAPH.alpha();
    private boolean fast = GRAPH.fast();
    private long seed = GRAPH.seed();
    private long memoryBytes =
        Math.min(DEFAULT_MEMORY_BYTES, SystemFacts.memoryLimitBytes() / 4 * 3);
    private int threads = Runtime.getRuntime().availableProcessors();
    private boolean resume;
    private int checkpointSeconds = DEFAULT_CHECKPOINT_SECONDS;

    private Builder() {}

    /** Sets the distance; squared L2 by default. */
    public Builder metric(Metric value) {
      metric = value;
      return this;
    }

    /** Sets the component type of the stored vectors; single precision by default. */
    public Builder storage(ElementType value) {
      storage = value;
      return this;
    }

    /**
     * Sets the codec of the codes in RAM, such as {@code saq:2}. By default {@code auto}: the
     * finest of{@code saq:2}, {@code rabitq:2} and {@code rabitq:1} whose codes fit the memory
     * budget.
     */
    public Builder codec(String value) {
      codec = value;
      return this;
    }

    /**
     * Makes codes and graph of a prefix of the vectors (Matryoshka embeddings); 0, the default, for
     * allcomponents.
     */
    public Builder prefixDimension(int value) {
      prefixDimension = value;
      return this;
    }

    /** Sets the most out-neighbours of a node (R), in [4, 512]. */
    public Builder degree(int value) {
      degree = value;
      return this;
    }

    /** Sets the candidate list of the build (L), at least the degree. */
    public Builder buildList(int value) {
      buildList = value;
      return this;
    }

    /** Sets the pruning factor, in [1, 2]. */
    public Builder alpha(float value) {
      alpha = value;
      return this;
    }

    /** Leaves out the second pass over the graph: faster, with lower recall. */
    public Builder fast(boolean value) {
      fast = value;
      return this;
    }

    /** Sets the seed of everything random in the build. */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * Sets the budget for everything the build keeps in memory; by default 8 GiB, or three quarters
     * ofthe memory this process may use if that is less.
     */
    public Builder memoryBytes(long value) {
      memoryBytes = value;
      return this;
    }

    /**
     * Sets the number of workers, in [1, 1024]; by default all processors. The index does not
     * depend onit.
     */
    public Builder threads(int value) {
      threads = value;
      return this;
    }

    /** Continues an unfinished build of the directory. */
    public Builder resume(boolean value) {
      resume = value;
      return this;
    }

    /**
     * Sets the least seconds between checkpoints of the graph; 60 by default, 0 for one per batch.
     */
    public Builder checkpointSeconds(int value) {
      checkpointSeconds = value;
      return this;
    }

    /**
     * Makes the options.
     *
     * @throws IllegalArgumentException naming a value out of its range
     * @throws BadInputException if the codec is none
     */
    public BuildOptions build() {
      BuildParameters _ = new BuildParameters(degree, buildList, alpha, fast, seed);
      if (!codec.equals(AUTO_CODEC)) {
        CodecSpec _ = CodecSpec.parse(codec);
      }
      if (prefixDimension < 0) {
        throw new IllegalArgumentException("dimensions must be at least 1: " + prefixDimension);
      }
      if (memoryBytes < 1) {
        throw new IllegalArgumentException("memory must be at least 1 byte: " + memoryBytes);
      }
      if (checkpointSeconds < 0) {
        throw new IllegalArgumentException(
            "checkpoint seconds must be at least 0: " + checkpointSeconds);
      }
      if (threads < 1 || threads > MAX_THREADS) {
        throw new IllegalArgumentException("threads must be in [1, 1024]: " + threads);
      }
      return new BuildOptions(this);
    }
  }
}
