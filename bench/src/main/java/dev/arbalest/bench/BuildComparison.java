// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Builds an index of the same vectors with Arbalest and JVector in turns. */
@Command(
    name = "compare build",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Builds an index of the same vectors with Arbalest and a peer, in turns, each in a process of",
      "its own, with the same threads, degree and list. Arbalest: everything up to durable files.",
      "JVector: product quantization of 1/8 the dimensions (trained and encoded) and a graph in",
      "memory by exact distances. Prints vectors per second, peak resident memory, and recall@10 of",
      "both graphs searched with exact distances."
    })
public final class BuildComparison implements Callable<Integer> {
  private static final long LIMIT_HOURS = 6;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--ground-truth", required = true, description = "Their true neighbours.")
  private Path groundTruth;

  @Option(names = "--peer", defaultValue = "jvector", description = "jvector.")
  private String peer;

  @Option(names = "--threads", defaultValue = "2", description = "Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(names = "--degree", defaultValue = "64", description = "Default: ${DEFAULT-VALUE}.")
  private int degree;

  @Option(names = "--build-list", defaultValue = "100", description = "Default: ${DEFAULT-VALUE}.")
  private int buildList;

  @Option(
      names = "--list",
      split = ",",
      defaultValue = "32,64,100",
      description = "List sizes of the searches. Default: ${DEFAULT-VALUE}.")
  private List<Integer> lists;

  @Option(names = "--rounds", defaultValue = "1", description = "Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--fast", description = "Arbalest builds with --fast.")
  private boolean fast;

  @Option(names = "--heap", defaultValue = "4g", description = "Peer's heap. ${DEFAULT-VALUE}.")
  private String heap;

  private BuildComparison() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new BuildComparison()).execute(arguments));
  }

  /** What one build took and gave. */
  private record Outcome(double seconds, double before, long peak, List<Double> recalls) {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (!peer.equals("jvector")) {
      System.err.println("--peer must be jvector, found " + peer);
      return 2;
    }
    int count;
    try (dev.arbalest.VectorInput vectors = dev.arbalest.VectorInput.open(input)) {
      count = vectors.rows().count();
    }
    List<Outcome> ours = new ArrayList<>();
    List<Outcome> theirs = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      ours.add(run("arbalest", "1g"));
      theirs.add(run("jvector", heap));
    }
    StringBuilder head =
        new StringBuilder("| engine | vectors/s | seconds | training + encoding |");
    head.append(" peak RSS MB |");
    lists.forEach(list -> head.append(" recall@10, list ").append(list).append(" |"));
    System.out.println(head);
    System.out.println("|" + " --- |".repeat(5 + lists.size()));
    double ourRate = print("Arbalest", ours, count);
    double theirRate = print("JVector", theirs, count);
    System.out.printf(Locale.ROOT, "%nratio of vectors/s: %.2f%n", ourRate / theirRate);
    System.out.printf(
        Locale.ROOT,
        "without training and encoding: %.2f%n",
        median(theirs, o -> o.seconds() - o.before())
            / median(ours, o -> o.seconds() - o.before()));
    return 0;
  }

  private double print(String name, List<Outcome> outcomes, int count) {
    double seconds = median(outcomes, Outcome::seconds);
    StringBuilder line = new StringBuilder();
    line.append(
        String.format(
            Locale.ROOT,
            "| %s | %.0f | %.1f | %.1f | %.0f |",
            name,
            count / seconds,
            seconds,
            median(outcomes, Outcome::before),
            median(outcomes, o -> o.peak() / 1e6)));
    for (int i = 0; i < lists.size(); i++) {
      int list = i;
      line.append(
          String.format(Locale.ROOT, " %.4f |", median(outcomes, o -> o.recalls().get(list))));
    }
    System.out.println(line);
    return count / seconds;
  }

  private static double median(
      List<Outcome> outcomes, java.util.function.ToDoubleFunction<Outcome> value) {
    double[] values = outcomes.stream().mapToDouble(value).sorted().toArray();
    return values[values.length / 2];
  }

  private Outcome run(String side, String heapSize) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heapSize,
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
                "-cp",
                System.getProperty("java.class.path"),
                EngineBuild.class.getName(),
                side,
                input.toString(),
                queries.toString(),
                groundTruth.toString(),
                Integer.toString(threads),
                Integer.toString(degree),
                Integer.toString(buildList),
                Boolean.toString(fast)));
    lists.forEach(list -> command.add(list.toString()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String last = "";
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        last = line;
      }
    }
    if (!process.waitFor(LIMIT_HOURS, TimeUnit.HOURS) || process.exitValue() != 0) {
      throw new IllegalStateException(side + " failed; run it alone: " + command);
    }
    System.err.println(side + ": " + last);
    String[] numbers = last.split(" ", -1);
    List<Double> recalls = Arrays.stream(numbers).skip(3).map(Double::valueOf).toList();
    return new Outcome(
        Double.parseDouble(numbers[0]),
        Double.parseDouble(numbers[1]),
        Long.parseLong(numbers[2]),
        recalls);
  }
}
