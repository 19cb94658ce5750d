// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The contract of the command line: exit codes, messages, JSON. */
class CommandLineTest extends CommandTest {
  @Test
  void theWholeJourneyWorksAndReportsJson() throws IOException {
    JsonNode generated =
        json(
            "generate --output "
                + prefix
                + " --count 1500 --dimension 128 --queries 50 --seed 3 --json");
    assertThat(generated.path("vectors").asInt()).isEqualTo(1500);

    JsonNode built =
        json(
            "build --input "
                + prefix
                + ".base.fbin --index "
                + index
                + " --metric cosine --degree 24 --build-list 50 --json");
    assertThat(built.propertyNames())
        .containsExactly(
            "vectors",
            "dimension",
            "seconds",
            "stages",
            "vectors_per_second",
            "peak_rss_bytes",
            "files",
            "index_sha256",
            "threads",
            "codec",
            "degree",
            "recall");
    assertThat(built.path("vectors").asInt()).isEqualTo(1500);
    assertThat(built.path("dimension").asInt()).isEqualTo(128);
    assertThat(built.path("codec").asString()).isEqualTo("saq:2");
    assertThat(built.path("degree").asInt()).isEqualTo(24);
    assertThat(built.path("index_sha256").asString()).hasSize(64);
    assertThat(built.path("peak_rss_bytes").asLong()).isGreaterThan(1 << 20);
    assertThat(built.path("stages").propertyNames())
        .containsExactly("store", "train", "encode", "graph", "commit", "recall");
    assertThat(built.path("files").path("vectors.f32").asLong()).isEqualTo(4096 + 1500 * 512);

    String digest = "";
    for (String reader : List.of("auto", "pread", "mmap")) {
      JsonNode found =
          json(
              "search --index "
                  + index
                  + " --queries "
                  + prefix
                  + ".query.fbin --ground-truth "
                  + prefix
                  + ".gt.ibin --k 10 --list 120 --rerank 80 --reader "
                  + reader
                  + " --threads 2 --repeat 2 --json");
      assertThat(found.propertyNames())
          .containsExactly(
              "queries",
              "k",
              "recall",
              "qps",
              "threads",
              "reader",
              "latency_us",
              "per_query",
              "memory",
              "open_ms",
              "first_query_ms",
              "ids_sha256",
              "parameters");
      assertThat(found.path("latency_us").propertyNames())
          .containsExactly("mean", "p50", "p95", "p99", "p999", "max");
      assertThat(found.path("per_query").propertyNames())
          .contains("hops", "scored", "reads", "read_bytes", "wasted_reads", "cache_hits");
      assertThat(found.path("memory").propertyNames())
          .containsExactly("graph_bytes", "codes_bytes", "cache_bytes", "rss_bytes");
      assertThat(found.path("queries").asInt()).isEqualTo(50);
      assertThat(found.path("recall").asDouble()).isBetween(0.9, 1.0);
      assertThat(found.path("per_query").path("reads").asDouble()).isEqualTo(80);
      assertThat(found.path("latency_us").path("p50").asDouble())
          .isLessThanOrEqualTo(found.path("latency_us").path("max").asDouble());
      assertThat(found.path("memory").path("graph_bytes").asLong()).isEqualTo(1500 * 24 * 4);
      digest = digest.isEmpty() ? found.path("ids_sha256").asString() : digest;
      assertThat(found.path("ids_sha256").asString()).isEqualTo(digest);
    }
    JsonNode cached =
        json("search --index " + index + " --queries " + prefix + ".query.fbin --cache 4m --json");
    assertThat(cached.path("per_query").path("cache_hits").asDouble()).isGreaterThan(6);
    assertThat(cached.path("recall").isNull()).isTrue();

    JsonNode info = json("info --index " + index + " --json");
    assertThat(info.path("metric").asString()).isEqualTo("cosine");
    assertThat(info.path("vectors").asInt()).isEqualTo(1500);
    JsonNode verified = json("verify --index " + index + " --json");
    assertThat(verified.path("ok").asBoolean()).isTrue();
    assertThat(verified.path("reachable").asInt()).isEqualTo(1500);

    for (String human :
        List.of(
            "info --index " + index,
            "verify --index " + index,
            "search --index "
                + index
                + " --queries "
                + prefix
                + ".query.fbin --ground-truth "
                + prefix
                + ".gt.ibin")) {
      assertThat(run(human)).isZero();
      assertThat(out).doesNotContain("{").isNotBlank();
    }
    assertThat(out).contains("recall@10", "reads per query", "latency", "memory");
  }

  @Test
  void codesComparesCodecsAndPlotsThem() throws IOException {
    assertThat(
            run(
                "generate --output "
                    + prefix
                    + " --count 600 --dimension 128 --queries 20 --seed 3"))
        .isZero();
    Path plot = directory.resolve("codes.svg");
    JsonNode report =
        json(
            "codes --input "
                + prefix
                + ".base.fbin --queries "
                + prefix
                + ".query.fbin --ground-truth "
                + prefix
                + ".gt.ibin --codec rabitq:1,rabitq:4,pq:32,pq4:64,sq8,f16 --svg "
                + plot.toString()
                + " --threads 2 --json");
    List<String> names = List.of("f32", "rabitq:1", "rabitq:4", "pq:32", "pq4:64", "sq8", "f16");
    int[] bytes = {512, 24, 72, 32, 32, 136, 264};
    assertThat(report.path("codecs").size()).isEqualTo(names.size());
    for (int i = 0; i < names.size(); i++) {
      JsonNode codec = report.path("codecs").get(i);
      assertThat(codec.path("codec").asString()).isEqualTo(names.get(i));
      assertThat(codec.path("bytes_per_vector").asInt()).isEqualTo(bytes[i]);
      double recall = codec.path("recall").asDouble();
      assertThat(recall).isBetween(i == 0 || i > 4 ? 0.97 : 0.4, 1.0);
      assertThat(codec.path("within").path("20").asDouble()).isBetween(recall, 1.0);
      assertThat(codec.path("within").path("100").asDouble()).isBetween(0.9, 1.0);
      assertThat(codec.path("ns_per_candidate").asDouble()).isPositive();
      assertThat(codec.path("error").path("p50").asDouble())
          .isLessThanOrEqualTo(codec.path("error").path("max").asDouble());
      boolean bounded = names.get(i).startsWith("rabitq");
      assertThat(codec.path("bound_coverage").isNull()).isEqualTo(!bounded);
      if (bounded) {
        assertThat(codec.path("bound_coverage").asDouble())
            .isGreaterThanOrEqualTo(codec.path("bound_confidence").asDouble() - 0.005);
      }
      assertThat(codec.path("clipped_share").isNull()).isEqualTo(!names.get(i).equals("sq8"));
    }
    assertThat(plot)
        .content()
        .startsWith("<svg")
        .contains("pq4:64, 128 d, 32 B")
        .endsWith("</svg>\n");

    JsonNode prefixes =
        json(
            "codes --input "
                + prefix
                + ".base.fbin --codec rabitq:2 --dimensions 64,128 --metric l2 --json");
    assertThat(prefixes.path("codecs").size()).isEqualTo(4);
    assertThat(prefixes.path("codecs").get(1).path("dimensions").asInt()).isEqualTo(64);
    assertThat(prefixes.path("codecs").get(0).path("recall").asDouble()).isLessThan(1);
    assertThat(prefixes.path("codecs").get(2).path("recall").asDouble()).isEqualTo(1);
    assertThat(run("codes --input " + prefix + ".base.fbin --codec sq8")).isZero();
    assertThat(out).contains("codec", "f32", "sq8");
    assertBad(
        "--dimensions must be in [1, 128], the vectors' length: 129",
        "codes --input " + prefix + ".base.fbin --dimensions 129");
    assertBad(
        "--ground-truth needs the --queries it belongs to",
        "codes --input " + prefix + ".base.fbin --ground-truth " + prefix + ".gt.ibin");
  }

  @Test
  void badUsageEndsWithTwoAndSaysWhatIsWrong() throws IOException {
    makeIndex();
    String queries = prefix + ".query.fbin";
    assertBad("give a command", "");
    assertBad("Unmatched argument", "explode");
    assertBad("Missing required option: '--index=<index>'", "info");
    assertBad("Unknown option: '--colour'", "info --index " + index + " --colour");
    assertBad(
        "metric must be l2, dot or cosine: euclid",
        "build --input " + queries + " --index " + index + " --metric euclid");
    assertBad(
        "codec must be saq:B, rabitq:B, pq:M, pq4:M, sq8 or f16: zip",
        "build --input " + queries + " --index " + index + " --codec zip");
    assertBad(
        "at most the dimension 16, found 17",
        "build --input " + queries + " --index " + index + " --codec pq:17");
    assertBad(
        "degree must be in [4, 1024]: 2",
        "build --input " + queries + " --index " + index + " --degree 2");
    assertBad(
        "alpha must be in [1, 4]: 0.5",
        "build --input " + queries + " --index " + index + " --alpha 0.5");
    assertBad(
        "'lots' is no size", "build --input " + queries + " --index " + index + " --memory lots");
    assertBad(
        "threads must be in [1, 1024]: 0",
        "build --input " + queries + " --index " + index + " --threads 0");
    assertBad("does not exist", "build --input " + prefix + ".none.fbin --index " + index);
    assertBad("index directory " + index + "x does not exist", "info --index " + index + "x");
    assertBad("holds no index", "verify --index " + directory.toString());
    assertBad(
        "k = 301 exceeds the 300 vectors",
        "search --index " + index + " --queries " + queries + " --k 301");
    assertBad(
        "k must be at least 1: 0", "search --index " + index + " --queries " + queries + " --k 0");
    assertBad(
        "rerank must be in [k = 10,",
        "search --index " + index + " --queries " + queries + " --rerank 5");
    assertBad(
        "list must be in [rerank = 50,",
        "search --index " + index + " --queries " + queries + " --list 40 --rerank 50");
    assertBad(
        "reader must be auto, uring, pread or mmap: tape",
        "search --index " + index + " --queries " + queries + " --reader tape");
    assertBad(
        "repeat must be at least 1: 0",
        "search --index " + index + " --queries " + queries + " --repeat 0");
    assertBad(
        "cache of 5 bytes holds not one set",
        "search --index " + index + " --queries " + queries + " --cache 5");
    assertBad(
        "style must be small3, ada or cross-modal: bert",
        "generate --output " + prefix + " --count 5 --dimension 8 --style bert");
    assertBad(
        "dimension must be in [2, 65535]: 0",
        "generate --output " + prefix + " --count 5 --dimension 0");

    Path other = Files.write(directory.resolve("q.fbin"), fbin(2, 15, 1f));
    assertBad(
        "queries have dimension 15, the index 16",
        "search --index " + index + " --queries " + other.toString());
    Path nan = Files.write(directory.resolve("q.fbin"), fbin(2, 16, Float.NaN));
    assertBad(
        "row 0: component 0 is NaN", "search --index " + index + " --queries " + nan.toString());
    Path good = Files.write(directory.resolve("q.fbin"), fbin(2, 16, 1f));
    assertBad(
        "the ground truth has 100 neighbours of 4 queries, needed are 10 of 2",
        "search --index "
            + index
            + " --queries "
            + good.toString()
            + " --ground-truth "
            + prefix
            + ".gt.ibin");
    assertThat(run("verify --index " + index)).isZero();
  }

  @Test
  void aDamagedIndexEndsWithThree() throws IOException {
    makeIndex();
    Path graph = Path.of(index, "graph.1");
    byte[] bytes = Files.readAllBytes(graph);
    bytes[5000] ^= 1;
    Files.write(graph, bytes);
    assertThat(run("search --index " + index + " --queries " + prefix + ".query.fbin"))
        .isEqualTo(ExitCode.CORRUPT);
    assertThat(err).contains("graph.1, offset 4096: expected block checksum");
    assertThat(run("verify --index " + index + " --json")).isEqualTo(ExitCode.CORRUPT);
    JsonNode report = JsonMapper.shared().readTree(out);
    assertThat(report.path("ok").asBoolean()).isFalse();
    assertThat(report.path("problem").asString()).contains("graph.1");
    Files.delete(Path.of(index, "manifest.json"));
    assertThat(run("info --index " + index)).isEqualTo(ExitCode.CORRUPT);
    assertThat(err).contains("a build was not finished");
    assertThat(run("build --input " + prefix + ".base.fbin --index " + index)).isZero();
    assertThat(run("verify --index " + index)).isZero();
  }

  @Test
  void aBudgetTooSmallEndsWithFour() throws IOException {
    makeIndex();
    assertThat(run("build --input " + prefix + ".base.fbin --index " + index + "2 --memory 64m"))
        .isEqualTo(ExitCode.LIMIT);
    assertThat(err).contains("memory budget of 64.0 MiB is too small", "raise it to at least");
    assertThat(Path.of(index + "2")).doesNotExist();
  }

  @Test
  void stackTracesAreShownOnlyOnRequest() {
    assertThat(run("info --index " + index)).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err).doesNotContain("\tat dev.arbalest").hasLineCount(1);
    assertThat(run("info --index " + index + " --verbose")).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err).contains("\tat dev.arbalest");
  }

  @Test
  void everyCommandHasHelp() {
    assertThat(run("--help")).isZero();
    assertThat(out).contains("Exit codes: 0 done");
    for (String command : ArbalestCommand.commandLine().getSubcommands().keySet()) {
      assertThat(run(command + " --help")).isZero();
      assertThat(out).contains("Usage: arbalest " + command);
    }
    assertThat(run("--version")).isZero();
    assertThat(out).startsWith("arbalest ").doesNotContain("$");
  }

  @Test
  void progressShowsRateAndTimeLeftOnATerminalAndLinesInALog() {
    StringWriter terminal = new StringWriter();
    long[] now = new long[1];
    try (Progress progress = new Progress(new PrintWriter(terminal), true, true, () -> now[0])) {
      progress.stage("graph", 1000);
      now[0] += 250_000_000L; // past the interval at which a terminal is refreshed
      progress.advanced(500);
      progress.stage("commit", 2);
      progress.advanced(1); // the command fails here
    }
    assertThat(terminal.toString())
        .containsPattern("\r\u001b\\[Kgraph {5} *50.0 %  500 of 1,000  [0-9,]+/s  \\d s left")
        .containsOnlyOnce("done in")
        .contains("commit    50.0 %");
    StringWriter log = new StringWriter();
    try (Progress progress = new Progress(new PrintWriter(log), true, false, () -> now[0])) {
      progress.stage("graph", 1000);
      progress.advanced(1000);
    }
    assertThat(log.toString()).doesNotContain("\r").contains("graph    done in").hasLineCount(1);
    StringWriter quiet = new StringWriter();
    try (Progress progress = new Progress(new PrintWriter(quiet), false, false, () -> now[0])) {
      progress.stage("graph", 1000);
      progress.note("plan");
    }
    assertThat(quiet.toString()).isEmpty();
  }
}
