// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.Searcher;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Measures the recall of search parameters and stores the cheapest for each. Queries are given, or
 * taken from the index itself; such a vector is left out of its own answer.
 */
public final class Tuner {
  private static final int LARGEST_LIST = 1000;
  private static final double LIST_GROWTH = 1.12;
  private static final double[] CONFIDENCES = {0.5, 0.8, 0.95, 0.99, 0.999};

  /** Recall above which longer lists are not tried. */
  private static final double ENOUGH = 0.9995;

  /** Fewer vectors than this are not measured when an index is built. */
  static final int MIN_MEASURED = 1000;

  /** Vectors taken as queries when an index is built: a fiftieth, between these. */
  private static final int FEWEST_QUERIES = 50;

  private static final int MOST_QUERIES = 200;

  /** Lists measured when an index is built; those behind the default only while they are needed. */
  private static final int[] BUILD_LISTS = {20, 32, 64, 128, 256, 512, 1000};

  private static final double CAREFUL_CONFIDENCE = 0.99;

  /** Recall that comparing all codes must add. */
  private static final double MIN_SCAN_GAIN = 0.01;

  /** Codes scored in about the time in which a disk reads a vector. */
  private static final double SCORED_PER_READ = 150;

  private static final Comparator<RecallCurve.Point> BY_COST =
      Comparator.comparingDouble(p -> p.reads() + p.scored() / SCORED_PER_READ);

  private Tuner() {}

  /**
   * Tunes an index: reads all its vectors once for the exact answers, searches with every pair of
   * list and confidence tried, and replaces what tuning stored before. The result does not depend
   * on {@code threads}. May run beside searches; a build that replaces the index meanwhile makes
   * the result void.
   *
   * @param given queries like those to come, or null to take vectors of the index
   * @param k neighbours asked for, at least 1 and fewer than there are vectors
   * @param sample most queries used, at least 20
   * @param threads workers, in [1, 1024]
   * @throws BadInputException if there are too few queries or vectors, or queries of another
   *     dimension
   * @throws CorruptIndexException if the index is damaged
   * @throws IOException if a file cannot be read or written; an earlier result remains
   */
  public static RecallCurve tune(
      Path directory,
      @Nullable VectorInput given,
      int k,
      int sample,
      int threads,
      ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes = RecallTrial.checkedQueries(index, given, k, sample);
      RecallCurve curve =
          RecallTrial.run(
              index, given, nodes, k, workers, listener, ScanPolicy.IF_SMALL, Tuner::measure);
      curve.write(directory);
      return curve;
    }
  }

  /**
   * Adds edges to the graph of an index, learnt from queries that are unlike its vectors, such as
   * text that looks for pictures. The queries that {@link #tune} would measure with are left out,
   * so that what it measures then holds for others. A repair of the graph forgets them, and writes
   * lose them little by little: learn again.
   *
   * @param given at least 40 queries like those to come; thousands are better
   * @param k neighbours that {@code tune} will ask for
   * @param sample most queries that {@code tune} will use, at least 20; of the same file and as
   *     many, or it measures with queries that were learnt from
   * @param threads workers, in [1, 1024]
   * @return how many edges were added
   * @throws BadInputException if there are too few queries, or they have another dimension
   * @throws IOException if the index is open elsewhere, or a file cannot be read or written; the
   *     graph is then as it was
   */
  public static long learn(
      Path directory, VectorInput given, int k, int sample, int threads, ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    int[] held;
    try (Index index = Index.open(directory, options, ProgressListener.NONE)) {
      held = RecallTrial.checkedQueries(index, given, k, sample);
    }
    if (given.rows().count() < 2 * RecallTrial.MIN_QUERIES || held.length == given.rows().count()) {
      throw new BadInputException(
          given.name()
              + ": learning needs more queries than the "
              + held.length
              + " that recall is measured with; found "
              + given.rows().count()
              + ": give more, or a smaller sample");
    }
    try (Workers workers = Workers.start(threads)) {
      return new QueryLearning(given, workers, listener).learn(directory, held, options);
    }
  }

  /**
   * Measures the recall of searches with default parameters as the index is now. Stores nothing.
   *
   * @param given queries, or null to take vectors of the index, each left out of its own answer
   * @param k neighbours asked for, at least 1 and fewer than there are vectors
   * @param sample most queries used, at least 20
   * @param threads workers, in [1, 1024]
   * @throws BadInputException if there are too few queries or vectors, or queries of another
   *     dimension
   * @throws IOException if a file cannot be read
   * @see #tune
   */
  public static RecallCurve.Point recall(
      Path directory,
      @Nullable VectorInput given,
      int k,
      int sample,
      int threads,
      ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes = RecallTrial.checkedQueries(index, given, k, sample);
      SearchParameters defaults = index.defaultParameters(k);
      return RecallTrial.run(
          index,
          given,
          nodes,
          k,
          workers,
          listener,
          index.searcher.scanPolicy(),
          trial -> {
            trial.compare();
            listener.stage("recall", nodes.length);
            return trial.measure(defaults.searchListSize(), defaults.confidence());
          });
    }
  }

  /**
   * Measures an index that was just built with a few of its vectors as queries, chooses what
   * searches with default parameters do, and stores both. Empty if there are too few vectors, or if
   * somebody has opened the index for writing since.
   */
  static Optional<RecallCurve> measureBuilt(Path directory, int threads, ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, ProgressListener.NONE);
        Workers workers = Workers.start(threads)) {
      if (index.count() < MIN_MEASURED) {
        return Optional.empty();
      }
      int k = SearchParameters.defaults().k();
      int count = Math.clamp(index.count() / 50, FEWEST_QUERIES, MOST_QUERIES);
      int[] nodes = RecallTrial.queryNodes(index, count, index.stats().slots(), true);
      RecallCurve curve =
          RecallTrial.run(
              index, null, nodes, k, workers, listener, ScanPolicy.IF_SMALL, Tuner::measureFew);
      curve.write(directory);
      return Optional.of(curve);
    } catch (CorruptIndexException e) {
      throw e;
    } catch (IOException e) {
      // The index is committed: it shall not seem to have failed.
      listener.note("recall was not measured: " + e.getMessage() + "; 'tune' measures it");
      return Optional.empty();
    }
  }

  /** Recall@k of default parameters and the graph on an index with more vectors than k. */
  static double recallOfDefaults(
      Path directory, int k, int sample, int threads, ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes =
          RecallTrial.queryNodes(
              index, Math.min(sample, index.count()), index.stats().slots(), true);
      SearchParameters defaults = SearchParameters.forK(k);
      return RecallTrial.run(
          index,
          null,
          nodes,
          k,
          workers,
          listener,
          ScanPolicy.NEVER,
          trial -> trial.measure(defaults.searchListSize(), defaults.confidence()).recall());
    }
  }

  private static RecallCurve measure(RecallTrial trial) throws IOException {
    trial.compare();
    int k = trial.k();
    List<Integer> lists = new ArrayList<>();
    int longest = Math.min(LARGEST_LIST, trial.index().count());
    for (int list = k + 1; list < longest; list = (int) Math.max(list + 1, list * LIST_GROWTH)) {
      lists.add(list);
    }
    lists.add(Math.max(longest, k));
    trial.listener().stage("tune", (long) lists.size() * CONFIDENCES.length * trial.queries());
    List<RecallCurve.Point> all = new ArrayList<>();
    for (int list : lists) {
      double best = 0;
      double atDefault = 0;
      for (double confidence : CONFIDENCES) {
        RecallCurve.Point point = trial.measure(list, confidence);
        all.add(point);
        best = point.recall();
        atDefault = confidence == SearchParameters.DEFAULT_CONFIDENCE ? best : atDefault;
      }
      // High confidence grows short lists at any price: longer ones may find as much for less.
      if (best >= ENOUGH && atDefault >= RecallCurve.WANTED) {
        break;
      }
    }
    return curve(trial, all, defaults(trial, all));
  }

  private static RecallCurve curve(
      RecallTrial trial, List<RecallCurve.Point> all, RecallCurve.Point defaults)
      throws IOException {
    long generation = trial.index().loaded.manifest().checkpoint().base();
    if (!all.contains(defaults)) {
      all.add(defaults);
    }
    return new RecallCurve(
        generation, trial.k(), trial.queries(), trial.nearDuplicates(), cheapest(all), defaults);
  }

  /** Short lists, and longer ones until default parameters find enough. */
  private static RecallCurve measureFew(RecallTrial trial) throws IOException {
    trial.compare();
    trial.listener().stage("recall", (long) BUILD_LISTS.length * trial.queries());
    double confidence = SearchParameters.DEFAULT_CONFIDENCE;
    int defaultList = SearchParameters.forK(trial.k()).searchListSize();
    List<RecallCurve.Point> all = new ArrayList<>();
    for (int list : BUILD_LISTS) {
      RecallCurve.Point point = trial.measure(list, confidence);
      all.add(point);
      if (list >= defaultList) {
        all.add(trial.measure(list, CAREFUL_CONFIDENCE));
        if (point.recall() >= RecallCurve.WANTED) {
          break;
        }
      }
    }
    return curve(trial, all, defaults(trial, all));
  }

  /**
   * What default parameters do: the cheapest of the points that finds enough without reading less
   * carefully or keeping fewer candidates than any index does; if none does, a scan of all codes
   * where that finds more.
   */
  private static RecallCurve.Point defaults(RecallTrial trial, List<RecallCurve.Point> all)
      throws IOException {
    int least = SearchParameters.forK(trial.k()).searchListSize();
    double confidence = SearchParameters.DEFAULT_CONFIDENCE;
    List<RecallCurve.Point> careful =
        all.stream()
            .filter(p -> p.searchListSize() >= least && p.confidence() >= confidence)
            .toList();
    if (careful.isEmpty()) { // shorter lists found nearly all
      return trial.measure(least, confidence);
    }
    Optional<RecallCurve.Point> enough =
        careful.stream().filter(p -> p.recall() >= RecallCurve.WANTED).min(BY_COST);
    if (enough.isPresent()) {
      return enough.get();
    }
    RecallCurve.Point best =
        Collections.max(careful, Comparator.comparingDouble(RecallCurve.Point::recall));
    Searcher searcher = trial.index().searcher;
    searcher.scan(ScanPolicy.ALWAYS);
    try {
      RecallCurve.Point scanned = trial.measure(least, confidence);
      return scanned.recall() > best.recall() + MIN_SCAN_GAIN ? scanned : best;
    } finally {
      searcher.scan(ScanPolicy.IF_SMALL);
    }
  }

  /** Points that no other beats in both recall and cost, by rising recall. */
  private static List<RecallCurve.Point> cheapest(List<RecallCurve.Point> all) {
    List<RecallCurve.Point> byCost = new ArrayList<>(all);
    byCost.sort(BY_COST);
    List<RecallCurve.Point> kept = new ArrayList<>();
    double best = 0;
    for (RecallCurve.Point point : byCost) {
      if (point.recall() > best) {
        kept.add(point);
        best = point.recall();
      }
    }
    return kept;
  }
}
