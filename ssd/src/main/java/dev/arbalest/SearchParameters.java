package dev.arbalest;

/**
 * How a query is answered.
 *
 * @param k neighbours wanted, at least 1
 * @param searchListSize L: candidates the walk keeps, at least {@code rerank}
 * @param rerank most candidates whose vectors are read, at least {@code k}
 * @param prefix components of each of those read first; the best {@code 2 k} by this prefix are
 *     then read whole (Matryoshka embeddings). 0 reads all whole at once
 * @param confidence in [0.5, 1]: a candidate is read while it belongs to the nearest with a
 *     probability above {@code 1 - confidence}; 1 reads all {@code rerank}, as a prefix always does
 */
public record SearchParameters(
    int k, int searchListSize, int rerank, int prefix, double confidence) {
  /** Misses about a neighbour in a few hundred that all candidates read would have given. */
  public static final double DEFAULT_CONFIDENCE = 0.95;

  private static final int MAX_LIST = 100_000;

  /** All candidates are read whole. */
  public SearchParameters(int k, int searchListSize, int rerank) {
    this(k, searchListSize, rerank, 0, 1);
  }

  /** Checks the ranges. */
  public SearchParameters {
    if (k < 1 || k > MAX_LIST) {
      throw new IllegalArgumentException("k must be in [1, " + MAX_LIST + "]: " + k);
    }
    if (rerank < k || rerank > MAX_LIST) {
      throw new IllegalArgumentException(
          "rerank must be in [k = " + k + ", " + MAX_LIST + "]: " + rerank);
    }
    if (prefix < 0) {
      throw new IllegalArgumentException("dimensions must be at least 1: " + prefix);
    }
    if (!(confidence >= 0.5 && confidence <= 1)) {
      throw new IllegalArgumentException("confidence must be in [0.5, 1]: " + confidence);
    }
    if (searchListSize < rerank || searchListSize > MAX_LIST) {
      throw new IllegalArgumentException(
          "list must be in [rerank = " + rerank + ", " + MAX_LIST + "]: " + searchListSize);
    }
  }

  /** The same reading a prefix first. */
  public SearchParameters withPrefix(int newPrefix) {
    return new SearchParameters(k, searchListSize, rerank, newPrefix, confidence);
  }

  /** The same with another confidence. */
  public SearchParameters withConfidence(double newConfidence) {
    return new SearchParameters(k, searchListSize, rerank, prefix, newConfidence);
  }

  /** Candidates read whole after a prefix of all was read. */
  public int survivors() {
    return Math.min(rerank, 2 * k);
  }

  /** 10 neighbours, list 64, as many reads as confidence {@value #DEFAULT_CONFIDENCE} needs. */
  public static SearchParameters defaults() {
    return forK(10);
  }

  /**
   * Defaults for {@code k} neighbours: list 64 or {@code 4 k}, whichever is more, all of it read if
   * confidence {@value #DEFAULT_CONFIDENCE} needs it.
   */
  public static SearchParameters forK(int k) {
    int list = Math.max(64, Math.min(MAX_LIST, 4 * k));
    return new SearchParameters(k, list, list, 0, DEFAULT_CONFIDENCE);
  }
}
