package dev.arbalest.cli;

import dev.arbalest.ssd.GraphSummary;
import dev.arbalest.ssd.IndexVerifier;
import dev.arbalest.ssd.Manifest;
import dev.arbalest.ssd.StageRecord;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
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
    description = "Shows what an index consists of, from its manifest alone.")
final class InfoCommand implements Callable<Integer>, ArbalestCommand.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Override
  public Integer call() throws IOException {
    Manifest manifest = IndexVerifier.manifest(index);
    ObjectNode root = CommonOptions.newObject();
    root.put("vectors", manifest.live());
    root.put("slots", manifest.count());
    root.put("free_slots", manifest.count() - manifest.live());
    root.put("id_type", manifest.idType().label());
    root.put("closed", manifest.checkpoint().clean());
    root.put("log_sequence", manifest.checkpoint().logSequence());
    root.put("log_bytes", IndexVerifier.logBytes(index));
    root.put("dimension", manifest.dimension());
    root.put("storage", manifest.storage().label());
    root.put("metric", manifest.metric().label());
    root.put("codec", manifest.codec().toString());
    root.put("code_dimension", manifest.codeDimension());
    root.put("degree", manifest.build().degree());
    root.put("build_list", manifest.build().searchListSize());
    root.put("alpha", manifest.build().alpha());
    root.put("fast", manifest.build().fast());
    root.put("seed", manifest.build().seed());
    root.put("entry_point", manifest.entryPoint());
    root.put("generation", manifest.generation());
    ObjectNode files = root.putObject("files");
    long total = 0;
    for (Manifest.Part part : manifest.parts()) {
      files.put(manifest.file(part).name(), manifest.file(part).bytes());
      total += manifest.file(part).bytes();
    }
    root.put("total_bytes", total);
    GraphSummary graph = GraphSummary.of(index);
    ObjectNode shape = root.putObject("graph");
    shape.put("mean_degree", graph.meanDegree());
    shape.put("reachable", graph.reachable());
    ArrayNode histogram = shape.putArray("degree_histogram");
    graph.histogram().forEach(histogram::add);
    Map<String, Double> stages = StageRecord.read(index);
    ObjectNode stageSeconds = root.putObject("stages");
    stages.forEach(stageSeconds::put);
    ObjectNode memory = root.putObject("memory");
    memory.put("graph_bytes", manifest.graphBytes());
    memory.put("codes_bytes", manifest.file(Manifest.Part.CODES).bytes());
    if (common.json) {
      common.print(root);
      return ExitCode.DONE;
    }
    common.print(
        String.format(
            Locale.ROOT,
            "%,d vectors of dimension %d, %s, %s, generation %d",
            manifest.live(),
            manifest.dimension(),
            manifest.metric().label(),
            manifest.codec(),
            manifest.generation()));
    common.print(
        String.format(
            Locale.ROOT,
            "graph: degree %d, list %d, alpha %.2f%s, seed %d, entry point %d",
            manifest.build().degree(),
            manifest.build().searchListSize(),
            manifest.build().alpha(),
            manifest.build().fast() ? ", fast" : "",
            manifest.build().seed(),
            manifest.entryPoint()));
    common.print(
        String.format(
            Locale.ROOT,
            "       mean degree %.1f, %,d of %,d nodes reachable",
            graph.meanDegree(),
            graph.reachable(),
            manifest.count()));
    printHistogram(graph);
    if (stages.isEmpty()) {
      common.print("stage times of the build are not recorded");
    } else {
      StringBuilder line = new StringBuilder("build: ");
      stages.forEach((stage, seconds) ->
          line.append(String.format(Locale.ROOT, "%s %.1f s  ", stage, seconds)));
      common.print(line.toString().strip());
    }
    if (manifest.live() < manifest.count() || !manifest.checkpoint().clean()) {
      common.print(
          String.format(
              Locale.ROOT,
              "slots: %,d, of which %,d free; log behind the last checkpoint: %s%s",
              manifest.count(),
              manifest.count() - manifest.live(),
              ByteSize.format(IndexVerifier.logBytes(index)),
              manifest.checkpoint().clean() ? "" : "; not closed (open, or to be recovered)"));
    }
    for (Manifest.Part part : manifest.parts()) {
      common.print(
          String.format(
              Locale.ROOT,
              "  %-14s %s",
              manifest.file(part).name(),
              ByteSize.format(manifest.file(part).bytes())));
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
