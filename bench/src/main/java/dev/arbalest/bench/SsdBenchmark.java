// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.arbalest.BadInputException;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.trial.ReadTrial;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Random reads by every reader, beside fio. */
@Command(
    name = "ssd",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Reads batches of blocks at random places of a file with the readers searches use: latency of",
      "a batch, reads per second, processor time per read. Next to fio at the same settings where it",
      "is installed, in turns. The file is read once from front to back before, as disks that are",
      "allocated lazily are slow at first."
    })
public final class SsdBenchmark implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  @Option(names = "--file", description = "Any large file.")
  private @Nullable Path file;

  @Option(names = "--index", description = "Directory of an index: its vector file is read.")
  private @Nullable Path index;

  @Option(
      names = "--block",
      split = ",",
      defaultValue = "4096,6144,12288",
      description = "Bytes per read. Default: ${DEFAULT-VALUE}.")
  private List<Integer> blocks;

  @Option(
      names = "--depth",
      split = ",",
      defaultValue = "1,8,32",
      description = "Reads per batch. Default: ${DEFAULT-VALUE}.")
  private List<Integer> depths;

  @Option(
      names = "--reader",
      split = ",",
      defaultValue = "uring,pread,mmap",
      description = "Default: ${DEFAULT-VALUE}.")
  private List<String> readers;

  @Option(names = "--seconds", defaultValue = "1.5", description = "Per run. ${DEFAULT-VALUE}.")
  private double seconds;

  @Option(names = "--rounds", defaultValue = "3", description = "Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--json", description = "Print one JSON object on standard output.")
  private boolean json;

  @Option(names = "--svg", description = "File for a plot of batch latencies.")
  private @Nullable Path svg;

  private SsdBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new SsdBenchmark())
            .setExecutionExceptionHandler((e, _, _) -> {
              if (e instanceof BadInputException) {
                System.err.println("error: " + e.getMessage());
                return 2;
              }
              throw e;
            })
            .execute(arguments));
  }

  /** One run. */
  private record Run(double iops, double threadMicros, double processMicros) {}

  /** All runs at one setting. */
  private static final class Series {
    private final String name;
    private final int block;
    private final int depth;
    private final List<Run> runs = new ArrayList<>();
    private final Histogram nanos = new Histogram(3);

    Series(String name, int block, int depth) {
      this.name = name;
      this.block = block;
      this.depth = depth;
    }

    double median(ToDoubleFunction<Run> value) {
      double[] values = runs.stream().mapToDouble(value).sorted().toArray();
      return values[values.length / 2];
    }

    double micros(double percentile) {
      return nanos.getValueAtPercentile(percentile) / 1e3;
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path path = path();
    readThrough(path);
    List<Series> all = new ArrayList<>();
    boolean fio = hasFio();
    if (!fio) {
      System.err.println("fio is not installed: no comparison (Debian package fio)");
    }
    for (int block : blocks) {
      for (int depth : depths) {
        List<Series> row = new ArrayList<>();
        for (String reader : readers) {
          row.add(new Series(reader, block, depth));
        }
        if (fio) {
          row.add(new Series("fio", block, depth));
        }
        for (int round = 0; round < rounds; round++) {
          for (Series series : row) {
            series.runs.add(
                series.name.equals("fio") ? fio(path, series) : run(path, series, seconds));
          }
        }
        all.addAll(row);
      }
    }
    if (json) {
      System.out.println(JSON.writeValueAsString(toJson(all)));
    } else {
      print(all);
    }
    if (svg != null) {
      Files.writeString(svg, LatencyPlot.svg(all.stream().map(SsdBenchmark::plotted).toList()));
    }
    return 0;
  }

  private static LatencyPlot.Series plotted(Series series) {
    return new LatencyPlot.Series(
        series.name + ", " + series.block + " B x " + series.depth, series.nanos);
  }

  private Path path() {
    if ((file == null) == (index == null)) {
      throw new BadInputException("give either --file or --index");
    }
    if (file != null) {
      return file;
    }
    try (var files = Files.list(index)) {
      return files
          .filter(p -> p.getFileName().toString().startsWith("vectors"))
          .findFirst()
          .orElseThrow(() -> new BadInputException(index + " holds no vector file"));
    } catch (IOException e) {
      throw new BadInputException(index + " cannot be listed: " + e.getMessage());
    }
  }

  private static void readThrough(Path path) throws IOException {
    long chunk = 1 << 20;
    try (DirectFile opened = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory memory = NativeMemory.allocate(chunk)) {
      for (long at = 0; at < opened.size(); at += chunk) {
        long unused = opened.readUpTo(memory.segment(), 0, chunk, at);
        assert unused > 0;
      }
      opened.dropCache();
    }
  }

  private static Run run(Path path, Series series, double seconds) throws IOException {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    try (DirectFile opened = DirectFile.open(path, DirectFile.Mode.READ)) {
      opened.dropCache(); // what mmap has cached
    }
    try (ReadTrial trial =
        new ReadTrial(path, ReaderKind.parse(series.name), series.block, series.depth)) {
      long warm = System.nanoTime() + (long) (seconds * 0.3e9);
      while (System.nanoTime() < warm) {
        long unused = trial.batch(series.depth);
        assert unused > 0;
      }
      long thread = THREADS.getCurrentThreadCpuTime();
      long process = system.getProcessCpuTime();
      long start = System.nanoTime();
      long end = start + (long) (seconds * 1e9);
      long reads = 0;
      while (System.nanoTime() < end) {
        series.nanos.recordValue(trial.batch(series.depth));
        reads += series.depth;
      }
      double elapsed = (System.nanoTime() - start) / 1e9;
      return new Run(
          reads / elapsed,
          (THREADS.getCurrentThreadCpuTime() - thread) / 1e3 / reads,
          (system.getProcessCpuTime() - process) / 1e3 / reads);
    }
  }

  private static boolean hasFio() throws InterruptedException {
    try {
      Process process = new ProcessBuilder("fio", "--version").start();
      return process.waitFor() == 0;
    } catch (IOException e) {
      return false; // not installed
    }
  }

  /** The same batches by fio: submitted together, waited for together. */
  private Run fio(Path path, Series series) throws IOException, InterruptedException {
    String depth = Integer.toString(series.depth);
    Process process =
        new ProcessBuilder(
                "fio",
                "--name=batch",
                "--filename=" + path.toString().replace(":", "\\:"), // else it separates files
                "--readonly",
                "--rw=randread",
                "--direct=1",
                "--ioengine=io_uring",
                "--fixedbufs",
                "--registerfiles",
                "--bs=" + series.block,
                "--iodepth=" + depth,
                "--iodepth_batch_submit=" + depth,
                "--iodepth_batch_complete_min=" + depth,
                "--iodepth_batch_complete_max=" + depth,
                "--randrepeat=0",
                "--norandommap",
                "--time_based",
                "--ramp_time=300ms",
                "--runtime=" + Math.max(1, Math.round(seconds)),
                "--output-format=json")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
      throw new IOException("fio failed: " + text);
    }
    var root = JSON.readTree(text.substring(text.indexOf('{')));
    var job = root.path("jobs").path(0);
    var read = job.path("read");
    double iops = read.path("iops").doubleValue();
    series.nanos.recordValue(
        (long) read.path("clat_ns").path("percentile").path("50.000000").doubleValue());
    double share = job.path("usr_cpu").doubleValue() + job.path("sys_cpu").doubleValue();
    double micros = share / 100 * 1e6 / iops;
    return new Run(iops, micros, micros);
  }

  private static void print(List<Series> all) {
    System.out.println(
        "| block | depth | reader | reads/s | of fio's | batch p50 us | p99 us | p99.9 us |"
            + " CPU us per read: thread | process |");
    System.out.println("|" + " --- |".repeat(10));
    for (Series series : all) {
      double peer = fioRate(all, series);
      boolean own = !series.name.equals("fio");
      System.out.println(
          String.format(
              Locale.ROOT,
              "| %d | %d | %s | %.0f | %s | %.0f | %s | %s | %.2f | %.2f |",
              series.block,
              series.depth,
              series.name,
              series.median(Run::iops),
              peer > 0 ? String.format(Locale.ROOT, "%.2f", series.median(Run::iops) / peer) : "",
              series.micros(50),
              own ? String.format(Locale.ROOT, "%.0f", series.micros(99)) : "",
              own ? String.format(Locale.ROOT, "%.0f", series.micros(99.9)) : "",
              series.median(Run::threadMicros),
              series.median(Run::processMicros)));
    }
  }

  private static double fioRate(List<Series> all, Series like) {
    for (Series series : all) {
      if (series.name.equals("fio") && series.block == like.block && series.depth == like.depth) {
        return series.median(Run::iops);
      }
    }
    return 0;
  }

  private static ObjectNode toJson(List<Series> all) {
    ObjectNode root = JSON.createObjectNode();
    ArrayNode array = root.putArray("runs");
    for (Series series : all) {
      ObjectNode node = array.addObject();
      node.put("reader", series.name);
      node.put("block", series.block);
      node.put("depth", series.depth);
      node.put("reads_per_second", series.median(Run::iops));
      node.put("batch_p50_us", series.micros(50));
      if (!series.name.equals("fio")) {
        node.put("batch_p99_us", series.micros(99));
        node.put("batch_p999_us", series.micros(99.9));
      }
      node.put("thread_cpu_us_per_read", series.median(Run::threadMicros));
      node.put("process_cpu_us_per_read", series.median(Run::processMicros));
    }
    return root;
  }
}
