// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Objects;

/**
 * How a query is answered. Immutable; {@link #forK} makes one and the {@code with} methods change a
 * copy. Equal if all values are.
 */
public final class SearchParameters {
  /** Misses about one neighbour in a few hundred that reading all candidates would have found. */
  public static final double DEFAULT_CONFIDENCE = 0.95;

  private static final int MAX_LIST = 100_000;
  private static final int MIN_DEFAULT_LIST = 64;

  private final int k;
  private final int searchListSize;
  private final int rerank;
  private final int prefixDimension;
  private final double confidence;

  private final boolean isListDefault;
  private final boolean isConfidenceDefault;

  private SearchParameters(
      int k,
      int searchListSize,
      int rerank,
      int prefixDimension,
      double confidence,
      boolean isListDefault,
      boolean isConfidenceDefault) {
    if (k < 1 || k > MAX_LIST) {
      throw new IllegalArgumentException("k must be in [1, " + MAX_LIST + "]: " + k);
    }
    if (rerank < k || rerank > MAX_LIST) {
      throw new IllegalArgumentException(
          "rerank must be in [k = " + k + ", " + MAX_LIST + "]: " + rerank);
    }
    if (prefixDimension < 0) {
      throw new IllegalArgumentException("dimensions must be at least 1: " + prefixDimension);
    }
    if (!(confidence >= 0.5 && confidence <= 1)) {
      throw new IllegalArgumentException("confidence must be in [0.5, 1]: " + confidence);
    }
    if (searchListSize < rerank || searchListSize > MAX_LIST) {
      throw new IllegalArgumentException(
          "list must be in [rerank = " + rerank + ", " + MAX_LIST + "]: " + searchListSize);
    }
    this.k = k;
    this.searchListSize = searchListSize;
    this.rerank = rerank;
    this.prefixDimension = prefixDimension;
    this.confidence = confidence;
    this.isListDefault = isListDefault;
    this.isConfidenceDefault = isConfidenceDefault;
  }

  /** 10 neighbours, list 64, as many reads as confidence {@value #DEFAULT_CONFIDENCE} needs. */
  public static SearchParameters defaults() {
    return forK(10);
  }

  /**
   * Defaults for {@code k} neighbours: list 64 or {@code 4 k}, whichever is more, all of it read if
   * confidence {@value #DEFAULT_CONFIDENCE} needs it. An index whose {@link RecallCurve} says that
   * this finds too few takes a longer list, and a search whose list the codes' errors reach beyond
   * goes on with a longer one, unless {@link #withList} chooses it; or it reads with more
   * confidence, unless {@link #withConfidence} chooses that.
   *
   * @throws IllegalArgumentException if k is out of its range
   */
  public static SearchParameters forK(int k) {
    int list = defaultList(k);
    return new SearchParameters(k, list, list, 0, DEFAULT_CONFIDENCE, true, true);
  }

  /**
   * With another list (L): candidates the traversal keeps, no more and no fewer. Rerank follows it
   * where it was as large.
   */
  public SearchParameters withList(int list) {
    int reads = rerank == searchListSize ? list : Math.min(rerank, list);
    return new SearchParameters(
        k, list, reads, prefixDimension, confidence, false, isConfidenceDefault);
  }

  /** With another limit of candidates whose vectors are read, in [k, list]. */
  public SearchParameters withRerank(int newRerank) {
    return new SearchParameters(
        k, searchListSize, newRerank, prefixDimension, confidence, false, isConfidenceDefault);
  }

  /**
   * With another prefix: components of each candidate read first; the best {@code 2 k} by this
   * prefix are then read whole (Matryoshka embeddings). 0 reads all whole at once.
   */
  public SearchParameters withPrefixDimension(int newPrefixDimension) {
    return new SearchParameters(
        k,
        searchListSize,
        rerank,
        newPrefixDimension,
        confidence,
        newPrefixDimension == 0 && isListDefault,
        isConfidenceDefault);
  }

  /**
   * With another confidence, in [0.5, 1]: a candidate is read while it belongs to the nearest with
   * a probability above {@code 1 - confidence}. 1 reads all of rerank, as a prefix always does.
   */
  public SearchParameters withConfidence(double newConfidence) {
    return new SearchParameters(
        k,
        searchListSize,
        rerank,
        prefixDimension,
        newConfidence,
        newConfidence < 1 && isListDefault,
        false);
  }

  /**
   * Default parameters as an index takes them: with a list longer by a factor, and with another
   * confidence unless the caller chose one. Any others as they are.
   */
  SearchParameters adapted(double factor, double indexConfidence) {
    if (!isListDefault || searchListSize != defaultList(k)) {
      return this;
    }
    double reading = isConfidenceDefault ? indexConfidence : confidence;
    int list = (int) Math.min(MAX_LIST, Math.round(Math.max(1, factor) * searchListSize));
    return new SearchParameters(k, list, list, prefixDimension, reading, true, isConfidenceDefault);
  }

  private static int defaultList(int k) {
    return Math.max(MIN_DEFAULT_LIST, Math.min(MAX_LIST, 4 * k));
  }

  /** Neighbours wanted. */
  public int k() {
    return k;
  }

  /** Whether nobody chose the list, so that searches may take a longer one. */
  public boolean isListDefault() {
    return isListDefault;
  }

  /** Candidates the traversal keeps (L). */
  public int searchListSize() {
    return searchListSize;
  }

  /** Most candidates whose vectors are read. */
  public int rerank() {
    return rerank;
  }

  /** Components read first, 0 for all. */
  public int prefixDimension() {
    return prefixDimension;
  }

  /** Probability with which the answer holds a true neighbour among the candidates. */
  public double confidence() {
    return confidence;
  }

  /** Candidates read whole after a prefix of all was read. */
  public int survivors() {
    return Math.min(rerank, 2 * k);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SearchParameters that
        && k == that.k
        && searchListSize == that.searchListSize
        && rerank == that.rerank
        && prefixDimension == that.prefixDimension
        && Double.compare(confidence, that.confidence) == 0;
  }

  @Override
  public int hashCode() {
    return Objects.hash(k, searchListSize, rerank, prefixDimension, confidence);
  }

  @Override
  public String toString() {
    return "k "
        + k
        + ", list "
        + searchListSize
        + ", rerank "
        + rerank
        + ", prefix dimension "
        + prefixDimension
        + ", confidence "
        + confidence;
  }
}
