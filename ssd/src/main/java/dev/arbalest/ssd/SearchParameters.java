package dev.arbalest.ssd;

/**
 * How a query is answered.
 *
 * @param k neighbours wanted, at least 1
 * @param searchListSize L: candidates the walk keeps, at least {@code rerank}
 * @param rerank candidates whose vectors are read, at least {@code k}
 * @param prefix components of each of those read first; the best {@code 2 k} by this prefix are
 *     then read whole (Matryoshka embeddings). 0 reads all whole at once
 */
public record SearchParameters(int k, int searchListSize, int rerank, int prefix) {
  private static final int MAX_LIST = 100_000;

  /** All candidates are read whole. */
  public SearchParameters(int k, int searchListSize, int rerank) {
    this(k, searchListSize, rerank, 0);
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
    if (searchListSize < rerank || searchListSize > MAX_LIST) {
      throw new IllegalArgumentException(
          "list must be in [rerank = " + rerank + ", " + MAX_LIST + "]: " + searchListSize);
    }
  }

  /** The same reading a prefix first. */
  public SearchParameters withPrefix(int newPrefix) {
    return new SearchParameters(k, searchListSize, rerank, newPrefix);
  }

  /** Candidates read whole after a prefix of all was read. */
  int survivors() {
    return Math.min(rerank, 2 * k);
  }

  /** 10 neighbours, list 64, rerank 32. */
  public static SearchParameters defaults() {
    return forK(10);
  }

  /**
   * Defaults for {@code k} neighbours: rerank 32 or {@code 2 k}, list 64 or twice the rerank,
   * whichever is more.
   */
  public static SearchParameters forK(int k) {
    int rerank = Math.max(32, Math.min(MAX_LIST, 2 * k));
    return new SearchParameters(k, Math.max(64, Math.min(MAX_LIST, 2 * rerank)), rerank);
  }
}
