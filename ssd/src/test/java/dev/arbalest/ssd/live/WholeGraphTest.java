// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.VectorInput;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever is written, every vector stays within reach of searches, and searches with default
 * parameters find as much as in an index built from the same vectors: random sequences of inserts,
 * replacements of any share of what lives, deletes, compactions, checkpoints, crashes, repairs and
 * changes of codec. {@code -Dsequences=2000} for a campaign, {@code -Dseed=17} for one sequence.
 *
 * <p>A codec trained on the same vectors in another order may be worth up to a point of recall more
 * or less. Where an index finds less than the one built from the same vectors, its graph is
 * therefore built again over its own codes: a graph that updates have made worse gains by that.
 */
class WholeGraphTest {
  private static final int SEQUENCES = Integer.getInteger("sequences", 30);
  private static final int QUERIES = 1000;
  private static final double MAX_LOSS = 0.005;

  /**
   * Lengths of decoded vectors are not exact, and under inner product the graph depends on them.
   */
  private static final double MAX_LOSS_DOT = 0.02;

  private static final OpenOptions OPEN = OpenOptions.defaults().withWarmUpMillis(0);
  private static final WriteOptions WRITE = WriteOptions.defaults().withCheckpointBytes(1 << 20);
  private static final List<Metric> METRICS = List.of(Metric.L2, Metric.DOT, Metric.COSINE);
  private static final List<String> CODECS =
      List.of("saq:2", "saq:3", "rabitq:1", "rabitq:2", "rabitq:4", "sq8", "f16", "pq", "pq4");

  @TempDir private Path directory;

  @Test
  void everySequenceLeavesAWholeGraph() throws IOException {
    Long only = Long.getLong("seed");
    double worst = 0;
    double worstDot = 0;
    double sum = 0;
    long vectors = 0;
    List<String> tooMuch = new ArrayList<>();
    List<String> codecs = new ArrayList<>();
    long first = only == null ? 0 : only;
    long end = only == null ? SEQUENCES : only + 1;
    for (long seed = first; seed < end; seed++) {
      Path folder = Files.createDirectory(directory.resolve("s" + seed));
      Sequence sequence = new Sequence(seed, folder);
      double loss = sequence.run();
      boolean isDot = sequence.metric == Metric.DOT;
      worst = isDot ? worst : Math.max(worst, loss);
      worstDot = isDot ? Math.max(worstDot, loss) : worstDot;
      sum += loss;
      vectors += sequence.model.size();
      if (loss > (isDot ? MAX_LOSS_DOT : MAX_LOSS)) {
        double ofGraph = sequence.lossOfGraph();
        String told =
            String.format(Locale.ROOT, "%.4f less, %.4f by the graph: %s", loss, ofGraph, sequence);
        (ofGraph > (isDot ? MAX_LOSS_DOT : MAX_LOSS) ? tooMuch : codecs).add(told);
      }
      delete(folder);
    }
    System.out.printf(
        Locale.ROOT,
        "%d sequences, %d vectors in the end, none out of reach; recall@10 beside an index built"
            + " anew: at worst %.4f less (inner product %.4f), %.4f on average%n",
        end - first,
        vectors,
        worst,
        worstDot,
        sum / (end - first));
    codecs.forEach(told -> System.out.println("trained in another order: " + told));
    assertThat(tooMuch).as("recall lost beside an index built anew").isEmpty();
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path path : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /** One sequence. */
  private static final class Sequence {
    private final long seed;
    private final Path folder;
    private final SplittableRandom random;
    private final int dimension;
    private final int most;
    private final Metric metric;
    private final F32Rows pool;
    private final StringBuilder story = new StringBuilder();
    private final Map<Long, Integer> model = new TreeMap<>();
    private String codec;
    private Path path;
    private long nextId;
    private int copies;

    Sequence(long seed, Path folder) {
      this.seed = seed;
      this.folder = folder;
      this.random = new SplittableRandom(seed);
      this.dimension = new int[] {64, 8, 64, 8, 64, 1536}[random.nextInt(6)];
      int limit = dimension == 1536 ? 300 : 3000;
      this.most = (int) Math.exp(random.nextDouble(Math.log(limit + 1)));
      this.metric = METRICS.get(random.nextInt(METRICS.size()));
      this.codec = spec(CODECS.get(random.nextInt(CODECS.size())));
      this.pool = TestRows.clustered(seed, 4 * most + 2000, dimension, 1 + random.nextInt(20));
      this.path = folder.resolve("index");
    }

    private String spec(String family) {
      if (family.startsWith("pq")) {
        return family + ":" + (dimension == 8 ? 8 : dimension / 2);
      }
      return family.startsWith("saq") && dimension < 64 ? "rabitq:4" : family;
    }

    double run() throws IOException {
      create();
      int steps = 1 + random.nextInt(6);
      for (int step = 0; step < steps; step++) {
        try (LiveIndex index = open()) {
          int writes = 1 + random.nextInt(4);
          for (int write = 0; write < writes; write++) {
            write(index);
          }
          if (random.nextInt(4) == 0) {
            crash();
          }
        }
        if (random.nextInt(5) == 0) {
          reencode();
        }
      }
      double loss;
      try (LiveIndex index = open()) {
        if (random.nextBoolean()) {
          write(index);
        }
        if (model.isEmpty()) {
          insert(index, 1 + random.nextInt(most));
        }
        index.awaitLinked();
      }
      // The codec was trained on vectors of the past, perhaps a few: what that costs is not the
      // graph's fault.
      IndexRepair.recode(path, codec, 1, ProgressListener.NONE);
      try (LiveIndex index = open()) {
        assertReachable(index);
        loss = fresh() - recall(index);
      }
      IndexVerifier.Report report = IndexVerifier.verify(path, 1, ProgressListener.NONE);
      assertThat(report.reachable()).as(toString()).isEqualTo(model.size());
      return loss;
    }

    /** Recall that the graph costs: what building it again over the same codes gains. */
    double lossOfGraph() throws IOException {
      double before;
      try (LiveIndex index = open()) {
        before = recall(index);
      }
      Files.delete(path.resolve(Manifest.read(path).file(Manifest.Part.GRAPH).name()));
      assertThat(IndexRepair.repair(path, 1, ProgressListener.NONE)).containsExactly("graph");
      try (LiveIndex index = open()) {
        return recall(index) - before;
      }
    }

    private BuildOptions options() {
      return BuildOptions.builder().metric(metric).codec(codec).threads(1).build();
    }

    private void create() throws IOException {
      if (random.nextBoolean()) {
        int sample = Math.min(most, 1 + random.nextInt(most));
        F32Rows rows = new F32Rows(pool.memory(), 0, pool.strideBytes(), sample, dimension);
        story.append("create by ").append(sample);
        LiveIndex.create(path, rows, IdType.INT64, options());
        return;
      }
      int count = 1 + random.nextInt(most);
      story.append("build ").append(count);
      for (int row = 0; row < count; row++) {
        model.put(nextId++, row);
      }
      build(path, "rows");
    }

    /** Builds an index of what the model holds. */
    private void build(Path index, String name) throws IOException {
      List<Map.Entry<Long, Integer>> entries = new ArrayList<>(model.entrySet());
      F32Rows rows = TestRows.gaussian(0, entries.size(), dimension);
      for (int i = 0; i < entries.size(); i++) {
        float[] row = TestIndexes.row(pool, entries.get(i).getValue());
        for (int j = 0; j < dimension; j++) {
          rows.memory().set(F32Rows.FLOAT, rows.offset(i) + 4L * j, row[j]);
        }
      }
      Path file = TestIndexes.write(folder.resolve(name + ".fbin"), rows);
      Ids ids = Ids.of(model.keySet().stream().mapToLong(Long::longValue).toArray());
      try (VectorInput input = VectorInput.open(file)) {
        BuildReport _ = Index.build(index, input, ids, options(), ProgressListener.NONE);
      }
    }

    @MustBeClosed
    private LiveIndex open() throws IOException {
      return LiveIndex.openForWriting(path, OPEN, WRITE, ProgressListener.NONE);
    }

    private void write(LiveIndex index) throws IOException {
      int kind = random.nextInt(12);
      if (model.isEmpty() || kind < 2) {
        insert(index, 1 + random.nextInt(most));
      } else if (kind < 7) {
        replace(index);
      } else if (kind < 9) {
        remove(index);
      } else if (kind == 9) {
        story.append(", compact");
        index.compact(ProgressListener.NONE);
      } else if (kind == 10) {
        story.append(", checkpoint");
        index.checkpoint();
      } else {
        story.append(", wait");
        index.awaitLinked();
      }
    }

    private void insert(LiveIndex index, int count) throws IOException {
      count = Math.min(count, most - model.size());
      if (count <= 0) {
        return;
      }
      story.append(", insert ").append(count);
      long[] ids = new long[count];
      for (int i = 0; i < count; i++) {
        ids[i] = nextId++;
      }
      put(index, ids);
    }

    private void put(LiveIndex index, long[] ids) throws IOException {
      float[][] vectors = new float[ids.length][];
      for (int i = 0; i < ids.length; i++) {
        int row = random.nextInt(pool.count());
        vectors[i] = TestIndexes.row(pool, row);
        model.put(ids[i], row);
      }
      WriteReceipt receipt = index.insert(Ids.of(ids), vectors);
      assertThat(receipt.count()).isEqualTo(ids.length);
    }

    /** A share of what lives: often all or nearly all. */
    private long[] some() {
      double share = Math.min(1, random.nextDouble(1.6));
      return model.keySet().stream()
          .mapToLong(Long::longValue)
          .filter(id -> random.nextDouble() < share)
          .toArray();
    }

    private void replace(LiveIndex index) throws IOException {
      long[] ids = some();
      if (ids.length > 0) {
        story.append(", replace ").append(ids.length).append(" of ").append(model.size());
        put(index, ids);
      }
    }

    private void remove(LiveIndex index) throws IOException {
      long[] ids = some();
      story.append(", delete ").append(ids.length).append(" of ").append(model.size());
      assertThat(index.delete(Ids.of(ids)).count()).isEqualTo(ids.length);
      for (long id : ids) {
        Integer _ = model.remove(id);
      }
    }

    /** Goes on with what a killed process would have left. */
    private void crash() throws IOException {
      story.append(", crash");
      Path copy = folder.resolve("copy" + copies++);
      LiveIndexTest.copy(path, copy);
      path = copy;
    }

    private void reencode() throws IOException {
      if (model.isEmpty()) {
        return;
      }
      if (random.nextBoolean()) {
        try (LiveIndex index = open()) {
          index.awaitLinked();
        }
        String graph = Manifest.read(path).file(Manifest.Part.GRAPH).name();
        story.append(", repair");
        Files.delete(path.resolve(graph));
        assertThat(IndexRepair.repair(path, 1, ProgressListener.NONE)).containsExactly("graph");
        return;
      }
      codec = spec(CODECS.get(random.nextInt(CODECS.size())));
      story.append(", recode to ").append(codec);
      try (LiveIndex index = open()) {
        index.awaitLinked();
      }
      IndexRepair.recode(path, codec, 1, ProgressListener.NONE);
    }

    private void assertReachable(LiveIndex index) {
      assertThat(index.count()).as(toString()).isEqualTo(model.size());
      BitSet reachable = TestIndexes.reachable(index);
      int lost = 0;
      for (int node = 0; node < index.stats().slots(); node++) {
        lost += !TestIndexes.isDead(index, node) && !reachable.get(node) ? 1 : 0;
      }
      assertThat(lost).as("out of reach: %s", this).isZero();
    }

    private double fresh() throws IOException {
      Path built = folder.resolve("fresh");
      build(built, "fresh-rows");
      try (Index index = Index.open(built, OPEN, ProgressListener.NONE)) {
        return recall(index);
      }
    }

    /**
     * recall@10 of the graph with default parameters; a third of the queries are vectors of the
     * index.
     */
    private double recall(Index index) throws IOException {
      TestIndexes.alwaysTraverse(index);
      int k = Math.min(10, model.size());
      List<Integer> stored = new ArrayList<>(model.values());
      List<float[]> rows = stored.stream().map(row -> TestIndexes.row(pool, row)).toList();
      int hits = 0;
      for (int i = 0; i < QUERIES; i++) {
        int row = i % 3 == 0 ? stored.get(i * 31 % stored.size()) : pool.count() - 1 - i;
        float[] query = TestIndexes.row(pool, row);
        double[] distances =
            rows.stream()
                .mapToDouble(other -> LiveIndexTest.distance(metric, query, other))
                .sorted()
                .toArray();
        SearchResult result = index.search(query, SearchParameters.forK(k));
        for (int rank = 0; rank < Math.min(k, result.size()); rank++) {
          hits += result.distance(rank) <= distances[k - 1] + 1e-5 ? 1 : 0;
        }
      }
      return (double) hits / QUERIES / k;
    }

    @Override
    public String toString() {
      return "-Dseed="
          + seed
          + ", dimension "
          + dimension
          + ", "
          + metric
          + ", "
          + codec
          + ": "
          + story;
    }
  }
}
