// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Searches stored indexes of the same vectors with Arbalest and JVector in turns. */
@Command(
    name = "compare search",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Searches indexes of the same vectors with Arbalest and a peer, in turns, each in a process of",
      "its own that takes the smallest search list with which it reaches the recall. The peer: its",
      "on-disk graph with vectors inline, mapped, and product quantization of 1/8 the dimensions in",
      "memory. With --memory both run in a control group of that size with no page of their files",
      "cached before (needs root and a memory controller); without, with all files cached."
    })
public final class SearchComparison implements Callable<Integer> {
  private static final long LIMIT_HOURS = 6;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--ground-truth", required = true, description = "Their true neighbours.")
  private Path groundTruth;

  @Option(
      names = "--work",
      required = true,
      description = "Directory for the indexes; those there are used again.")
  private Path work;

  @Option(names = "--peer", defaultValue = "jvector", description = "jvector.")
  private String peer;

  @Option(
      names = "--threads",
      split = ",",
      defaultValue = "1,2",
      description = "Default: ${DEFAULT-VALUE}.")
  private List<Integer> threads;

  @Option(names = "--recall", defaultValue = "0.95", description = "Default: ${DEFAULT-VALUE}.")
  private double recall;

  @Option(
      names = "--list",
      defaultValue = "16,24,32,48,64,100,150,200,300",
      description = "Lists tried. Default: ${DEFAULT-VALUE}.")
  private String lists;

  @Option(names = "--seconds", defaultValue = "8", description = "Default: ${DEFAULT-VALUE}.")
  private double seconds;

  @Option(names = "--rounds", defaultValue = "3", description = "Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--memory",
      defaultValue = "0",
      description = "Bytes both may use, the page cache included. Default: no limit.")
  private long memory;

  @Option(names = "--heap", defaultValue = "160m", description = "Heap of both. ${DEFAULT-VALUE}.")
  private String heap;

  private SearchComparison() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new SearchComparison()).execute(arguments));
  }

  private record Outcome(
      int list, double recall, double qps, double p50, double p99, double anonymous) {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (!peer.equals("jvector")) {
      System.err.println("--peer must be jvector, found " + peer);
      return 2;
    }
    for (String engine : EngineSearch.engines()) {
      String unused =
          run(List.of("prepare", engine, input.toString(), place(engine).toString()), "6g", null);
      assert unused.isEmpty();
    }
    System.out.println(
        "| threads | engine | list | recall@10 | queries/s | p50 us | p99 us | anonymous MB |"
            + (memory > 0 ? " left for the page cache MB |" : ""));
    System.out.println("|" + " --- |".repeat(memory > 0 ? 9 : 8));
    StringBuilder ratios = new StringBuilder();
    for (int count : threads) {
      List<List<Outcome>> outcomes = new ArrayList<>();
      EngineSearch.engines().forEach(_ -> outcomes.add(new ArrayList<>()));
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < outcomes.size(); i++) {
          outcomes.get(i).add(search(EngineSearch.engines().get(i), count));
        }
      }
      for (int i = 0; i < outcomes.size(); i++) {
        print(count, EngineSearch.engines().get(i), outcomes.get(i));
      }
      ratios.append(
          String.format(
              Locale.ROOT,
              "%d thread(s): queries/s %.2f times, p99 %.3f times the peer's%n",
              count,
              median(outcomes.get(0), Outcome::qps) / median(outcomes.get(1), Outcome::qps),
              median(outcomes.get(0), Outcome::p99) / median(outcomes.get(1), Outcome::p99)));
    }
    System.out.println();
    System.out.print(ratios);
    return 0;
  }

  private Path place(String engine) {
    return work.resolve(engine);
  }

  private void print(int count, String engine, List<Outcome> outcomes) {
    Outcome any = outcomes.getFirst();
    double anonymous = median(outcomes, Outcome::anonymous);
    StringBuilder line =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "| %d | %s | %d | %.4f | %.0f | %.0f | %.0f | %.0f |",
                count,
                engine,
                any.list(),
                any.recall(),
                median(outcomes, Outcome::qps),
                median(outcomes, Outcome::p50),
                median(outcomes, Outcome::p99),
                anonymous / 1e6));
    if (memory > 0) {
      line.append(String.format(Locale.ROOT, " %.0f |", (memory - anonymous) / 1e6));
    }
    System.out.println(line);
  }

  private static double median(List<Outcome> outcomes, ToDoubleFunction<Outcome> value) {
    double[] values = outcomes.stream().mapToDouble(value).sorted().toArray();
    return values[values.length / 2];
  }

  private Outcome search(String engine, int count) throws IOException, InterruptedException {
    String line =
        run(
            List.of(
                "search",
                engine,
                place(engine).toString(),
                queries.toString(),
                groundTruth.toString(),
                Integer.toString(count),
                Double.toString(seconds),
                memory > 0 ? "capped" : "warm",
                Double.toString(recall),
                lists),
            memory > 0 ? heap : "2g",
            memory > 0 ? CgroupLimit.of(memory) : null);
    System.err.println(engine + ", " + count + " thread(s): " + line);
    String[] numbers = line.split(" ", -1);
    return new Outcome(
        Integer.parseInt(numbers[0]),
        Double.parseDouble(numbers[1]),
        Double.parseDouble(numbers[2]),
        Double.parseDouble(numbers[3]),
        Double.parseDouble(numbers[4]),
        Double.parseDouble(numbers[5]));
  }

  private static String run(
      List<String> arguments, String heapSize, @org.jspecify.annotations.Nullable CgroupLimit group)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heapSize,
                "-Xshare:auto",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
                "-cp",
                System.getProperty("java.class.path"),
                EngineSearch.class.getName()));
    command.addAll(arguments);
    Path log = Files.createTempFile("arbalest-search", ".log");
    try {
      Process process =
          new ProcessBuilder(group == null ? command : group.wrap(command))
              .redirectError(log.toFile())
              .start();
      String last = "";
      try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          last = line;
        }
      }
      if (!process.waitFor(LIMIT_HOURS, TimeUnit.HOURS) || process.exitValue() != 0) {
        throw new IllegalStateException(arguments + " failed: " + Files.readString(log));
      }
      return last;
    } finally {
      Files.delete(log);
      if (group != null) {
        group.close();
      }
    }
  }
}
