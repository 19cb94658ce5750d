// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.Searcher;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Keeps the list of default parameters as long as an index that is written to needs it. Judges it
 * by every hundred searches for stored vectors that were checked: doubles it while they find too
 * little, halves it again where they find more than enough, and stores what it measured as the
 * index's recall curve, which the next opening reads. It never goes below the list that the index
 * was opened with, which queries unlike the vectors may need. Thread-safe.
 */
final class DefaultList {
  /** Checks that one judgement rests on. */
  static final int CHECKS = 100;

  private static final int LARGEST_LIST = 1000;

  /** Recall above which half the list may do. */
  private static final double ENOUGH = 0.995;

  /** Standard errors by which a recall must differ from the stored one to be stored. */
  private static final double NEWS = 2;

  private final Index index;
  private final Searcher searcher;
  private final Path directory;
  private final long generation;
  private final SearchParameters defaults = SearchParameters.defaults();

  /** The list that the index was opened with. */
  private final int shortest;

  private int checks;
  private double recalls;
  private double squaredRecalls;
  private long reads;
  private long scored;

  /** Longest list that was too short since lists began to grow; it is not tried again. */
  private int tooShort;

  DefaultList(Index index) {
    this.index = index;
    this.searcher = index.searcher;
    this.directory = searcher.loaded().directory();
    this.generation = searcher.loaded().manifest().checkpoint().base();
    this.shortest = list();
  }

  /** Takes a check of a search with default parameters for ten neighbours. */
  synchronized void checked(double recall, SearchResult found) throws IOException {
    if (searcher.scanPolicy() != ScanPolicy.IF_SMALL || index.count() < Tuner.MIN_MEASURED) {
      return; // all codes are compared, whatever the list
    }
    checks++;
    recalls += recall;
    squaredRecalls += recall * recall;
    reads += found.reads();
    scored += found.scored();
    if (checks == CHECKS) {
      RecallCurve.Point now = measured();
      checks = 0;
      recalls = 0;
      squaredRecalls = 0;
      reads = 0;
      scored = 0;
      judge(now);
    }
  }

  private int list() {
    return (int) Math.round(searcher.listFactor() * defaults.searchListSize());
  }

  private RecallCurve.Point measured() {
    double mean = recalls / checks;
    double variance = Math.max(0, squaredRecalls / checks - mean * mean);
    return new RecallCurve.Point(
        list(),
        searcher.confidence(),
        false,
        mean,
        Math.sqrt(variance / checks),
        reads / (double) checks,
        scored / (double) checks);
  }

  private void judge(RecallCurve.Point now) throws IOException {
    Optional<RecallCurve> present;
    try {
      present = RecallCurve.read(directory, generation);
    } catch (CorruptIndexException e) {
      present = Optional.empty(); // opening the index named it; this replaces it
    }
    if (present.isPresent() && present.get().k() != defaults.k()) {
      return; // somebody tuned it for another number of neighbours
    }
    int list = now.searchListSize();
    if (now.recall() + now.standardError() < RecallCurve.WANTED) {
      tooShort = Math.max(tooShort, list);
      list = Math.max(list, Math.min(LARGEST_LIST, 2 * list));
    } else if (now.recall() - now.standardError() > ENOUGH && list / 2 > tooShort) {
      list = Math.max(shortest, list / 2);
    }
    searcher.lengthen(list / (double) defaults.searchListSize());
    if (present.isEmpty() || isNews(present.get().defaults(), now)) {
      store(present, now);
    }
  }

  private static boolean isNews(RecallCurve.Point before, RecallCurve.Point now) {
    return before.searchListSize() != now.searchListSize()
        || before.confidence() != now.confidence()
        || isFurtherThanErrors(before, now);
  }

  private static boolean isFurtherThanErrors(RecallCurve.Point a, RecallCurve.Point b) {
    return Math.abs(a.recall() - b.recall()) > NEWS * (a.standardError() + b.standardError());
  }

  private static boolean doesNoMore(RecallCurve.Point a, RecallCurve.Point b) {
    return a.searchListSize() <= b.searchListSize() && a.confidence() <= b.confidence();
  }

  /** Stores what default parameters do, and forgets what it shows to be true no more. */
  private void store(Optional<RecallCurve> present, RecallCurve.Point now) throws IOException {
    List<RecallCurve.Point> points = new ArrayList<>();
    for (RecallCurve.Point point : present.map(RecallCurve::points).orElse(List.of())) {
      boolean isSame =
          point.searchListSize() == now.searchListSize() && point.confidence() == now.confidence();
      boolean contradicts =
          (doesNoMore(point, now) && point.recall() > now.recall())
              || (doesNoMore(now, point) && point.recall() < now.recall());
      if (!isSame && !(contradicts && isFurtherThanErrors(point, now))) {
        points.add(point);
      }
    }
    points.add(now);
    points.sort(Comparator.comparingDouble(RecallCurve.Point::recall));
    double nearDuplicates = present.map(RecallCurve::nearDuplicates).orElse(0.0);
    new RecallCurve(generation, defaults.k(), CHECKS, nearDuplicates, points, now).write(directory);
  }
}
