// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.Searcher;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Keeps the list of default parameters as long as an index that is written to needs it. Judges it
 * by every hundred searches for stored vectors that were checked: doubles it while they find too
 * little, halves it where they find more than enough, and stores what it measured as the index's
 * recall curve, which the next opening reads. Thread-safe.
 */
final class DefaultList {
  /** Checks that one judgement rests on. */
  static final int CHECKS = 100;

  private static final int LARGEST_LIST = 1000;

  /** Recall above which half the list may do. */
  private static final double ENOUGH = 0.995;

  /** Standard errors by which a recall must differ from the stored one to be stored. */
  private static final double NEWS = 2;

  private final Searcher searcher;
  private final Path directory;
  private final long generation;
  private final SearchParameters shortest = SearchParameters.defaults();

  private int checks;
  private double recalls;
  private double squaredRecalls;
  private long reads;
  private long scored;

  /** Longest list that was too short since lists began to grow; it is not tried again. */
  private int tooShort;

  DefaultList(Searcher searcher) {
    this.searcher = searcher;
    this.directory = searcher.loaded().directory();
    this.generation = searcher.loaded().manifest().checkpoint().base();
  }

  /** Takes a check of a search with default parameters for ten neighbours. */
  synchronized void checked(double recall, SearchResult found) throws IOException {
    if (searcher.scanPolicy() != ScanPolicy.IF_SMALL) {
      return; // lists do not matter
    }
    checks++;
    recalls += recall;
    squaredRecalls += recall * recall;
    reads += found.reads();
    scored += found.scored();
    if (checks == CHECKS) {
      judge();
      checks = 0;
      recalls = 0;
      squaredRecalls = 0;
      reads = 0;
      scored = 0;
    }
  }

  private void judge() throws IOException {
    double mean = recalls / checks;
    double variance = Math.max(0, squaredRecalls / checks - mean * mean);
    double error = Math.sqrt(variance / checks);
    int list = (int) Math.round(searcher.listFactor() * shortest.searchListSize());
    store(
        new RecallCurve.Point(
            list,
            SearchParameters.DEFAULT_CONFIDENCE,
            false,
            mean,
            error,
            reads / (double) checks,
            scored / (double) checks));
    int next = list;
    if (mean + error < RecallCurve.WANTED) {
      tooShort = Math.max(tooShort, list);
      next = Math.min(LARGEST_LIST, 2 * list);
    } else if (mean - error > ENOUGH && list / 2 > tooShort) {
      next = Math.max(shortest.searchListSize(), list / 2);
    }
    searcher.lengthen(Math.max(1, next / (double) shortest.searchListSize()));
  }

  /** Stores what default parameters do, unless the stored curve says so. */
  private void store(RecallCurve.Point now) throws IOException {
    Optional<RecallCurve> present;
    try {
      present = RecallCurve.read(directory, generation);
    } catch (CorruptIndexException e) {
      present = Optional.empty(); // opening the index named it; this replaces it
    }
    if (present.isPresent() && present.get().k() != shortest.k()) {
      return; // somebody tuned it for another number of neighbours
    }
    RecallCurve.Point before = present.map(RecallCurve::defaults).orElse(null);
    if (before != null
        && before.searchListSize() == now.searchListSize()
        && Math.abs(before.recall() - now.recall())
            <= NEWS * (before.standardError() + now.standardError())) {
      return;
    }
    double nearDuplicates = present.map(RecallCurve::nearDuplicates).orElse(0.0);
    List<RecallCurve.Point> points = present.isPresent() ? present.get().points() : List.of(now);
    new RecallCurve(generation, shortest.k(), checks, nearDuplicates, points, now).write(directory);
  }
}
