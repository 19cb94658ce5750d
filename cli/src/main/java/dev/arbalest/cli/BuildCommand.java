// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.ElementType;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.RecallCurve;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.ssd.trial.IndexDigest;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Builds an index from files of vectors. */
@Command(
    name = "build",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Builds an index from files of vectors, or a pipe: .fbin, .fvecs, .npy, .bvecs, .u8bin, .i8bin,",
      ".parquet, .h5 (ann-benchmarks layout), .arrow. No file is copied.",
      "An index that is in the directory already is replaced when the new one is complete."
    })
final class BuildCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Mixin private VectorFiles input;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(
      names = "--id-type",
      description =
          "What the ids are: int64 or utf8 (text). Default: what --id-column holds, or int64.")
  private @Nullable String idType;

  @Option(
      names = "--metric",
      defaultValue = "l2",
      description = "l2, dot or cosine. Default: ${DEFAULT-VALUE}.")
  private String metric;

  @Option(
      names = "--degree",
      defaultValue = "64",
      description = "Most neighbours per node (R). Default: ${DEFAULT-VALUE}.")
  private int degree;

  @Option(
      names = "--build-list",
      defaultValue = "100",
      description = "Search list while building (L). Default: ${DEFAULT-VALUE}.")
  private int buildList;

  @Option(
      names = "--alpha",
      defaultValue = "1.2",
      description = "Pruning factor on squared distances. Default: ${DEFAULT-VALUE}.")
  private float alpha;

  @Option(
      names = "--codec",
      defaultValue = "auto",
      description =
          "auto (saq:2, rabitq:2 or rabitq:1, the finest the memory allows), saq:B (B bits per component, 2 to 8, most where the vectors vary most), rabitq:B (1 to 8), pq:M (M bytes), pq4:M (M half bytes), sq8, f16."
              + " Default: ${DEFAULT-VALUE}.")
  private String codec;

  @Option(
      names = "--storage",
      defaultValue = "f32",
      description = "Components of stored vectors: f32, or f16 for half the bytes. Default: f32.")
  private String storage;

  @Option(
      names = "--dimensions",
      description = "Make codes and graph of this prefix of the vectors only (Matryoshka).")
  private @Nullable Integer dimensions;

  @Option(
      names = "--memory",
      converter = ByteSize.class,
      description = "Memory budget, such as 8g. Default: 8g, or 3/4 of what there is if less.")
  private @Nullable Long memory;

  @Option(names = "--threads", description = "Threads. Default: all processors.")
  private @Nullable Integer threads;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Seed of all random choices. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--fast",
      description = "Search with half the list: 0.6 of the time, slightly lower recall.")
  private boolean fast;

  @Option(
      names = "--resume",
      description = {
        "Go on with the unfinished build in the directory, which must have had the same options,",
        "memory and input; without it such a build is removed."
      })
  private boolean resume;

  @Option(
      names = "--checkpoint",
      defaultValue = "60",
      description = "Least seconds between checkpoints of the graph. Default: ${DEFAULT-VALUE}.")
  private int checkpoint;

  @Override
  public Integer call() throws IOException {
    BuildOptions options =
        BuildOptions.builder()
            .metric(Metric.parse(metric.toLowerCase(Locale.ROOT)))
            .storage(ElementType.parse(storage.toLowerCase(Locale.ROOT)))
            .degree(degree)
            .buildList(buildList)
            .alpha(alpha)
            .fast(fast)
            .seed(seed)
            .build();
    if (dimensions != null) {
      if (dimensions < 1) {
        throw new BadInputException("dimensions must be at least 1: " + dimensions);
      }
      options = options.toBuilder().prefixDimension(dimensions).build();
    }
    if (memory != null) {
      options = options.toBuilder().memoryBytes(memory).build();
    }
    options = options.toBuilder().resume(resume).checkpointSeconds(checkpoint).build();
    if (threads != null) {
      options = options.toBuilder().threads(threads).build();
    }
    options = options.toBuilder().codec(codec).build();
    BuildReport report;
    try (VectorSource vectors = input.open();
        Progress progress = common.progress()) {
      if (dimensions != null && dimensions > vectors.dimension()) {
        throw new BadInputException(
            "--dimensions "
                + dimensions
                + " is longer than the vectors of "
                + input.name()
                + ", which have "
                + vectors.dimension());
      }
      KernelWarning.printBeside(options, vectors.dimension(), common.err());
      report = Index.build(index, vectors, ids(vectors.count()), options, progress);
    }
    if (common.json) {
      common.print(json(report, options));
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "%,d vectors of dimension %d in %.1f s (%,.0f/s) -> %s",
              report.info().slots(),
              report.info().dimension(),
              report.seconds(),
              report.info().slots() / report.seconds(),
              index));
      if (report.recall().isPresent()) {
        common.print(report.recall().get().summary());
      }
    }
    if (report.recall().flatMap(RecallCurve::warning).isPresent()) {
      common.err().println("warning: " + report.recall().flatMap(RecallCurve::warning).get());
      common.err().flush();
    }
    return ExitCode.DONE;
  }

  private Ids ids(int count) throws IOException {
    IdType type = idType == null ? null : IdType.parse(idType.toLowerCase(Locale.ROOT));
    if (input.hasIds()) {
      return input.ids(type, count).ids(0, count);
    }
    if (type == IdType.UTF8) {
      throw new BadInputException("--id-type utf8 needs --ids or --id-column");
    }
    return Ids.range(0, count);
  }

  private ObjectNode json(BuildReport report, BuildOptions options) throws IOException {
    IndexInfo info = report.info();
    ObjectNode root = CommonOptions.newObject();
    root.put("vectors", info.slots());
    root.put("dimension", info.dimension());
    root.put("seconds", report.seconds());
    ObjectNode stages = root.putObject("stages");
    report.stageSeconds().forEach(stages::put);
    root.put("vectors_per_second", info.slots() / report.seconds());
    root.put("peak_rss_bytes", SystemFacts.peakResidentBytes());
    ObjectNode files = root.putObject("files");
    for (IndexInfo.FileInfo file : info.files()) {
      files.put(file.name(), file.bytes());
    }
    root.put("index_sha256", IndexDigest.sha256(index));
    root.put("threads", options.threads());
    root.put("codec", info.codec());
    root.put("degree", info.graph().degree());
    RecallJson.put(report.recall(), root);
    return root;
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
