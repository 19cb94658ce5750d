// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BadInputException;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.SingleWriterRecorder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Inserting beside searching. */
@Command(
    name = "ingest",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Inserts vectors of a file into an index while it is being searched: vectors per second, time",
      "until a batch is acknowledged, latency of searches before, meanwhile and while compacting,",
      "bytes allocated per vector, and the rate over time. The index is changed."
    })
public final class IngestBenchmark implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path path;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--from", defaultValue = "0", description = "First vector inserted.")
  private int from;

  @Option(names = "--count", defaultValue = "2147483647", description = "Most vectors inserted.")
  private int count;

  @Option(names = "--first-id", defaultValue = "1000000000", description = "Default: 1000000000.")
  private long firstId;

  @Option(names = "--batch", defaultValue = "500", description = "Default: ${DEFAULT-VALUE}.")
  private int batch;

  @Option(names = "--searchers", defaultValue = "1", description = "Threads that search.")
  private int searchers;

  @Option(names = "--pause-ms", defaultValue = "0", description = "Of a searcher after a search.")
  private int pauseMillis;

  @Option(names = "--list", defaultValue = "100", description = "Search list.")
  private int list;

  @Option(names = "--link-threads", defaultValue = "1", description = "Default: 1.")
  private int linkThreads;

  @Option(names = "--memory-mb", defaultValue = "0", description = "Budget; 0: the default.")
  private int memoryMegabytes;

  @Option(names = "--idle-seconds", defaultValue = "8", description = "Searching alone before.")
  private int idleSeconds;

  @Option(
      names = "--delete-share",
      defaultValue = "0",
      description = "Afterwards delete this share of what was inserted and compact.")
  private double deleteShare;

  @Option(
      names = "--window",
      description = {
        "When an insert is refused delete the oldest fiftieth of what was inserted and go on; the file",
        "is gone through again and again, under new ids, until --count are inserted."
      })
  private boolean window;

  @Option(names = "--timeline", description = "File for a line per second (tab-separated).")
  private @Nullable Path timeline;

  private final List<SingleWriterRecorder> recorders = new ArrayList<>();
  private final AtomicLong searches = new AtomicLong();
  private final AtomicLong failures = new AtomicLong();
  private final AtomicInteger inserted = new AtomicInteger();
  private final AtomicLong delayNanos = new AtomicLong();
  private volatile int mostUnlinked;
  private volatile boolean stopped;

  private IngestBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new IngestBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = JSON.createObjectNode();
    WriteOptions options = WriteOptions.defaults().withLinkThreads(linkThreads);
    if (memoryMegabytes > 0) {
      options = options.withMemoryBytes((long) memoryMegabytes << 20);
    }
    long opening = System.nanoTime();
    try (VectorInput vectors = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries);
        LiveIndex index =
            LiveIndex.openForWriting(
                path, OpenOptions.defaults(), options, ProgressListener.NONE)) {
      report.put("open_ms", (System.nanoTime() - opening) / 1e6);
      report.put("vectors_before", index.count());
      List<Thread> threads = startSearchers(index, asked.rows());
      Thread sampler = Thread.ofPlatform().daemon().start(() -> sample(index));
      Thread.sleep(2000); // until loops are compiled
      Histogram _ = taken();
      Thread.sleep(1000L * idleSeconds);
      put(report.putObject("search_idle_us"), taken());
      ingest(index, vectors, report);
      put(report.putObject("search_ingest_us"), taken());
      settle(index, report);
      if (deleteShare > 0) {
        compact(index, report);
      }
      stopped = true;
      for (Thread thread : threads) {
        thread.join();
      }
      sampler.join();
      report.put("failed_searches", failures.get());
      report.put("vectors", index.count());
      report.put("slots", index.stats().slots());
    }
    long reopening = System.nanoTime();
    try (Index index = Index.open(path)) {
      report.put("open_after_close_ms", (System.nanoTime() - reopening) / 1e6);
      report.put("vectors_after", index.count());
    }
    report.put("peak_rss_bytes", SystemFacts.peakResidentBytes());
    System.out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    return 0;
  }

  private List<Thread> startSearchers(LiveIndex index, F32Rows asked) {
    List<Thread> threads = new ArrayList<>();
    for (int s = 0; s < searchers; s++) {
      SingleWriterRecorder recorder = new SingleWriterRecorder(3);
      recorders.add(recorder);
      int first = s * 7919;
      threads.add(Thread.ofPlatform().start(() -> search(index, asked, first, recorder)));
    }
    return threads;
  }

  private void search(LiveIndex index, F32Rows asked, int first, SingleWriterRecorder recorder) {
    SearchParameters parameters = SearchParameters.forK(10).withList(list);
    SearchResult result = new SearchResult();
    float[] query = new float[asked.dimension()];
    for (int q = first; !stopped; q++) {
      asked.copyRow(Math.floorMod(q, asked.count()), query);
      long start = System.nanoTime();
      try {
        index.search(query, parameters, result);
        recorder.recordValue(System.nanoTime() - start);
        searches.incrementAndGet();
        if (pauseMillis > 0) {
          Thread.sleep(pauseMillis);
        }
      } catch (IOException | BadInputException e) {
        failures.incrementAndGet();
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** What was recorded since the last call. */
  private Histogram taken() {
    Histogram sum = new Histogram(3);
    for (SingleWriterRecorder recorder : recorders) {
      sum.add(recorder.getIntervalHistogram());
    }
    return sum;
  }

  private static void put(ObjectNode node, Histogram nanos) {
    node.put("count", nanos.getTotalCount());
    node.put("p50", nanos.getValueAtPercentile(50) / 1e3);
    node.put("p99", nanos.getValueAtPercentile(99) / 1e3);
    node.put("max", nanos.getMaxValue() / 1e3);
  }

  private void ingest(LiveIndex index, VectorInput vectors, ObjectNode report) throws IOException {
    F32Rows rows = vectors.rows();
    int end = (int) Math.min(window ? Integer.MAX_VALUE : rows.count(), (long) from + count);
    int oldest = from;
    int refusals = 0;
    Histogram acknowledged = new Histogram(3);
    long allocatedBefore = 0;
    int insertedBefore = 0;
    long searchesBefore = searches.get();
    long start = System.nanoTime();
    int at = from;
    while (at < end) {
      int row = at % rows.count();
      int size = Math.min(Math.min(batch, end - at), rows.count() - row);
      F32Rows part =
          new F32Rows(rows.memory(), rows.offset(row), rows.strideBytes(), size, rows.dimension());
      long begun = System.nanoTime();
      try {
        WriteReceipt receipt = index.insert(Ids.range(firstId + at, size), part);
        acknowledged.recordValue(System.nanoTime() - begun);
        delayNanos.addAndGet(receipt.delayNanos());
      } catch (WriteRefusedException e) {
        refusals++;
        if (!window) {
          report.put("refused_after", inserted.get());
          break;
        }
        int oldShare = Math.max(1, (at - oldest) / 50);
        index.delete(Ids.range(firstId + oldest, oldShare));
        oldest += oldShare;
        index.awaitLinked(); // its slots and memory are free then
        continue;
      }
      vectors.release(row, row + size);
      inserted.addAndGet(size);
      at += size;
      if (insertedBefore == 0 && at - from >= (end - from) / 2) {
        allocatedBefore = allocated(); // loops are compiled by now
        insertedBefore = inserted.get();
      }
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    report.put("refusals", refusals);
    report.put("inserted", inserted.get());
    report.put("seconds", seconds);
    report.put("vectors_per_second", inserted.get() / seconds);
    report.put("searches_per_second", (searches.get() - searchesBefore) / seconds);
    report.put("delay_seconds", delayNanos.get() / 1e9);
    put(report.putObject("acknowledged_us"), acknowledged);
    report.put("most_unlinked", mostUnlinked);
    report.put("unlinked_limit", index.stats().unlinkedLimit());
    report.put(
        "allocated_bytes_per_vector_in_second_half",
        (allocated() - allocatedBefore) / (double) (inserted.get() - insertedBefore));
  }

  private void settle(LiveIndex index, ObjectNode report) throws Exception {
    long stop = System.nanoTime();
    index.awaitLinked();
    report.put("linked_after_ms", (System.nanoTime() - stop) / 1e6);
    Histogram _ = taken();
    Thread.sleep(4000);
    put(report.putObject("search_after_us"), taken());
  }

  private void compact(LiveIndex index, ObjectNode report) throws IOException {
    int deleted = (int) (deleteShare * inserted.get());
    Histogram _ = taken();
    long start = System.nanoTime();
    index.delete(Ids.range(firstId + from, deleted));
    index.compact(ProgressListener.NONE);
    report.put("compact_seconds", (System.nanoTime() - start) / 1e9);
    put(report.putObject("search_compact_us"), taken());
  }

  private static long allocated() {
    return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
        .getTotalThreadAllocatedBytes();
  }

  /** Looks at the unlinked rows often, and writes the timeline once a second. */
  private void sample(LiveIndex index) {
    try (PrintWriter out =
        timeline == null ? null : new PrintWriter(Files.newBufferedWriter(timeline), true)) {
      if (out != null) {
        out.println("second\tinserted\tsearches\tdelay_ms\tanonymous_mb\trss_mb");
      }
      long lastInserted = 0;
      long lastSearches = 0;
      long lastDelay = 0;
      for (int tick = 0; !stopped; tick++) {
        Thread.sleep(20);
        mostUnlinked = Math.max(mostUnlinked, index.stats().unlinked());
        if (tick % 50 == 49 && out != null) {
          long nowInserted = inserted.get();
          long nowSearches = searches.get();
          long nowDelay = delayNanos.get();
          out.printf(
              Locale.ROOT,
              "%d\t%d\t%d\t%d\t%d\t%d%n",
              tick / 50 + 1,
              nowInserted - lastInserted,
              nowSearches - lastSearches,
              (nowDelay - lastDelay) / 1_000_000,
              SystemFacts.anonymousBytes() >> 20,
              SystemFacts.residentBytes() >> 20);
          out.flush();
          lastInserted = nowInserted;
          lastSearches = nowSearches;
          lastDelay = nowDelay;
        }
      }
    } catch (IOException e) {
      System.err.println("no timeline: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
