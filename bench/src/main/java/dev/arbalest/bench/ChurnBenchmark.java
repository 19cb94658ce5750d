// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.WriteOptions;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.trial.ExactSearch;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What replacing vectors does to an index, beside one built of what it then holds. */
@Command(
    name = "churn",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Builds an index of the first vectors of a file, then in each round deletes a share of them at",
      "random and inserts as many new ones from the rest of the file. In the end recall and reads",
      "at several lists beside those of an index built anew; after each round the vector file's",
      "size in that of its live vectors."
    })
public final class ChurnBenchmark implements Callable<Integer> {
  private static final int K = 10;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--work", required = true, description = "Directory for two indexes.")
  private Path work;

  @Option(names = "--vectors", defaultValue = "100000", description = "Vectors in the index.")
  private int vectors;

  @Option(names = "--rounds", defaultValue = "10", description = "Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--share",
      defaultValue = "0.05",
      description = "Of the vectors replaced in each round. Default: ${DEFAULT-VALUE}.")
  private double share;

  @Option(names = "--metric", defaultValue = "cosine", description = "Default: ${DEFAULT-VALUE}.")
  private String metric;

  @Option(names = "--codec", defaultValue = "saq:2", description = "Default: ${DEFAULT-VALUE}.")
  private String codec;

  @Option(names = "--list", split = ",", defaultValue = "32,64,100", description = "Search lists.")
  private List<Integer> lists;

  @Option(names = "--threads", defaultValue = "2", description = "Linking threads.")
  private int threads;

  private int[] live = new int[0];

  private ChurnBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ChurnBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Path changed = work.resolve("changed");
    Path fresh = work.resolve("fresh");
    try (VectorInput all = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries)) {
      F32Rows rows = all.rows();
      int replaced = (int) (share * vectors);
      if ((long) vectors + (long) rounds * replaced > rows.count()) {
        throw new BadInputException(input + " has only " + rows.count() + " vectors");
      }
      live = new int[vectors];
      Arrays.setAll(live, i -> i);
      build(rows, changed);
      int[][] before = truth(rows, asked.rows());
      try (Index index = Index.open(changed)) {
        report("before", index, asked.rows(), before, true);
      }
      churn(rows, changed, replaced);
      int[][] truth = truth(rows, asked.rows());
      try (Index index = Index.open(changed)) {
        report("changed", index, asked.rows(), truth, true);
      }
      build(rows, fresh);
      try (Index index = Index.open(fresh)) {
        report("built anew", index, asked.rows(), truth, false);
      }
    }
    return 0;
  }

  private void churn(F32Rows rows, Path path, int replaced) throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    int next = vectors;
    WriteOptions options = WriteOptions.defaults().withLinkThreads(threads);
    try (LiveIndex index =
        LiveIndex.openForWriting(path, OpenOptions.defaults(), options, ProgressListener.NONE)) {
      for (int round = 1; round <= rounds; round++) {
        long start = System.nanoTime();
        long[] out = new long[replaced];
        for (int i = 0; i < replaced; i++) {
          int place = i + random.nextInt(vectors - i);
          int row = live[place];
          live[place] = live[i];
          live[i] = row;
          out[i] = row;
        }
        int deleted = index.delete(Ids.of(out)).count();
        if (deleted != replaced) {
          throw new IllegalStateException(deleted + " of " + replaced + " deleted");
        }
        for (int from = 0; from < replaced; from += 1000) {
          int size = Math.min(1000, replaced - from);
          F32Rows part =
              new F32Rows(
                  rows.memory(),
                  rows.offset(next + from),
                  rows.strideBytes(),
                  size,
                  rows.dimension());
          index.insert(Ids.range(next + from, size), part);
        }
        for (int i = 0; i < replaced; i++) {
          live[i] = next + i;
        }
        next += replaced;
        index.awaitLinked();
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
            Locale.ROOT,
            "round %d: %,d replaced in %.1f s, %.3f slots per vector%n",
            round,
            replaced,
            seconds,
            index.stats().slots() / (double) index.count());
      }
    }
    IndexInfo info = IndexInfo.read(path);
    long fileBytes = Files.size(path.resolve(info.file("vectors").name()));
    System.out.printf(
        Locale.ROOT,
        "vector file: %.3f of its live bytes%n",
        fileBytes / (4.0 * rows.dimension() * vectors));
  }

  private void build(F32Rows rows, Path index) throws IOException {
    Files.createDirectories(work);
    Path file = work.resolve("live.fbin");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer head = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      int _ = channel.write(head.putInt(live.length).putInt(rows.dimension()).flip());
      for (int row : live) {
        ByteBuffer bytes =
            rows.memory().asSlice(rows.offset(row), 4L * rows.dimension()).asByteBuffer();
        while (bytes.hasRemaining()) {
          int _ = channel.write(bytes);
        }
      }
    }
    BuildOptions options =
        BuildOptions.builder().metric(Metric.parse(metric)).codec(codec).threads(2).build();
    try (VectorInput source = VectorInput.open(file)) {
      Index.build(index, source, options, ProgressListener.NONE);
    }
    Files.delete(file);
  }

  /** Rows nearest to each query among those live. */
  private int[][] truth(F32Rows rows, F32Rows asked) throws IOException {
    int[] order = live.clone();
    ExactSearch search = new ExactSearch(asked, Metric.parse(metric), K, 2);
    try (Workers workers = Workers.start(2)) {
      workers.forRanges(
          order.length,
          256,
          (worker, from, to) -> {
            long[] offsets = new long[to - from];
            Arrays.setAll(offsets, i -> rows.offset(order[from + i]));
            search.offer(worker, rows.memory(), offsets, from);
          });
    }
    CandidateList[] nearest = search.nearest();
    int[][] truth = new int[nearest.length][K];
    for (int query = 0; query < truth.length; query++) {
      for (int rank = 0; rank < K; rank++) {
        truth[query][rank] = order[nearest[query].node(rank)];
      }
    }
    return truth;
  }

  private void report(String name, Index index, F32Rows asked, int[][] truth, boolean idIsRow)
      throws IOException {
    float[] query = new float[asked.dimension()];
    for (int list : lists) {
      SearchParameters parameters = SearchParameters.forK(K).withList(list);
      long hits = 0;
      long reads = 0;
      long hops = 0;
      long scored = 0;
      SearchResult result = new SearchResult();
      for (int q = 0; q < asked.count(); q++) {
        asked.copyRow(q, query);
        index.search(query, parameters, result);
        reads += result.reads();
        hops += result.hops();
        scored += result.scored();
        for (int rank = 0; rank < result.size(); rank++) {
          long row = idIsRow ? result.id(rank) : live[(int) result.id(rank)];
          for (int expected : truth[q]) {
            hits += expected == row ? 1 : 0;
          }
        }
      }
      double n = asked.count();
      System.out.printf(
          Locale.ROOT,
          "%-10s list %3d: recall@%d %.4f, %.2f reads, %.1f hops, %.0f scored%n",
          name,
          list,
          K,
          hits / n / K,
          reads / n,
          hops / n,
          scored / n);
    }
  }
}
