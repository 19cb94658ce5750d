// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.IndexInfo;
import dev.arbalest.RecallCurve;
import dev.arbalest.ssd.trial.GraphSummary;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Shows what an index consists of. */
@Command(
    name = "info",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Shows what an index consists of and the recall that was measured; reads no vectors.")
final class InfoCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Override
  public Integer call() throws IOException {
    IndexInfo info = IndexInfo.read(index);
    ObjectNode root = CommonOptions.newObject();
    root.put("vectors", info.vectors());
    root.put("slots", info.slots());
    root.put("free_slots", info.slots() - info.vectors());
    root.put("id_type", info.idType().label());
    root.put("closed", info.closed());
    root.put("log_sequence", info.logSequence());
    root.put("log_bytes", IndexInfo.logBytes(index));
    root.put("dimension", info.dimension());
    root.put("storage", info.storage().label());
    root.put("metric", info.metric().label());
    root.put("codec", info.codec());
    root.put("code_dimension", info.prefixDimension());
    root.put("degree", info.graph().degree());
    root.put("build_list", info.graph().buildList());
    root.put("alpha", info.graph().alpha());
    root.put("fast", info.graph().fast());
    root.put("seed", info.graph().seed());
    root.put("entry_point", info.graph().entryPoint());
    root.put("generation", info.generation());
    ObjectNode files = root.putObject("files");
    long total = 0;
    for (IndexInfo.FileInfo file : info.files()) {
      files.put(file.name(), file.bytes());
      total += file.bytes();
    }
    root.put("total_bytes", total);
    GraphSummary graph = GraphSummary.of(index);
    ObjectNode shape = root.putObject("graph");
    shape.put("mean_degree", graph.meanDegree());
    shape.put("reachable", graph.reachable());
    ArrayNode histogram = shape.putArray("degree_histogram");
    graph.histogram().forEach(histogram::add);
    Map<String, Double> stages = IndexInfo.stageSeconds(index);
    ObjectNode stageSeconds = root.putObject("stages");
    stages.forEach(stageSeconds::put);
    Optional<RecallCurve> recall = RecallCurve.read(index);
    RecallJson.put(recall, root);
    ObjectNode memory = root.putObject("memory");
    memory.put("graph_bytes", info.graph().bytes());
    memory.put("codes_bytes", info.file("codes").bytes());
    if (common.json) {
      common.print(root);
      return ExitCode.DONE;
    }
    common.print(
        String.format(
            Locale.ROOT,
            "%,d vectors of dimension %d, %s, %s, generation %d",
            info.vectors(),
            info.dimension(),
            info.metric().label(),
            info.codec(),
            info.generation()));
    common.print(
        String.format(
            Locale.ROOT,
            "graph: degree %d, list %d, alpha %.2f%s, seed %d, entry point %d",
            info.graph().degree(),
            info.graph().buildList(),
            info.graph().alpha(),
            info.graph().fast() ? ", fast" : "",
            info.graph().seed(),
            info.graph().entryPoint()));
    common.print(
        String.format(
            Locale.ROOT,
            "       mean degree %.1f, %,d of %,d nodes reachable",
            graph.meanDegree(),
            graph.reachable(),
            info.slots()));
    printHistogram(graph);
    if (recall.isPresent()) {
      common.print(recall.get().summary());
      if (recall.get().warning().isPresent()) {
        common.print("warning: " + recall.get().warning().get());
      }
    } else {
      common.print("recall: not measured; 'tune' measures it");
    }
    if (stages.isEmpty()) {
      common.print("stage times of the build are not recorded");
    } else {
      StringBuilder line = new StringBuilder("build: ");
      stages.forEach((stage, seconds) ->
          line.append(String.format(Locale.ROOT, "%s %.1f s  ", stage, seconds)));
      common.print(line.toString().strip());
    }
    if (info.vectors() < info.slots() || !info.closed()) {
      common.print(
          String.format(
              Locale.ROOT,
              "slots: %,d, of which %,d free; log behind the last checkpoint: %s%s",
              info.slots(),
              info.slots() - info.vectors(),
              ByteSize.format(IndexInfo.logBytes(index)),
              info.closed() ? "" : "; not closed (open, or to be recovered)"));
    }
    for (IndexInfo.FileInfo file : info.files()) {
      common.print(
          String.format(Locale.ROOT, "  %-14s %s", file.name(), ByteSize.format(file.bytes())));
    }
    return ExitCode.DONE;
  }

  /** Eight bands of degrees. */
  private void printHistogram(GraphSummary graph) throws IOException {
    int degrees = graph.histogram().size();
    int band = Math.max(1, (degrees + 7) / 8);
    for (int from = 0; from < degrees; from += band) {
      int to = Math.min(degrees, from + band);
      int nodes = graph.histogram().subList(from, to).stream().mapToInt(Integer::intValue).sum();
      common.print(
          String.format(Locale.ROOT, "       degree %3d to %3d: %,d nodes", from, to - 1, nodes));
    }
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
