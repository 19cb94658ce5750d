// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Measured recall: tune, recall, and searches by it. */
class TuneCommandTest extends CommandTest {
  @Test
  void tuningChoosesParametersForARecall() throws IOException {
    makeIndex();
    String queries = prefix + ".query.fbin";
    assertThat(json("info --index " + index + " --json").path("recall").isNull()).isTrue();
    assertThat(run("search --index " + index + " --queries " + queries + " --recall 0.9 --quiet"))
        .as("of few vectors")
        .isZero();
    JsonNode tuned = json("tune --index " + index + " --sample 100 --json");
    assertThat(tuned.path("k").asInt()).isEqualTo(10);
    assertThat(tuned.path("points").size()).isGreaterThan(2);
    assertBad("needs at least 20 queries", "tune --index " + index + " --queries " + queries);
    JsonNode info = json("info --index " + index + " --json").path("recall");
    JsonNode now = json("recall --index " + index + " --queries " + prefix + ".base.fbin --json");
    assertThat(now.path("queries").path("recall").asDouble()).isGreaterThan(0.9);
    assertThat(now.path("vectors_of_the_index").path("list").asInt())
        .isEqualTo(info.path("defaults").path("list").asInt());
    assertThat(now.path("recall")).isEqualTo(info);
    assertThat(run("recall --index " + index + " --quiet")).isZero();
    assertThat(out).contains("recall@10 of vectors of the index", "when it was built");
    assertBad("needs at least 20 queries", "recall --index " + index + " --queries " + queries);
    assertThat(run("tune --index " + index + " --queries " + prefix + ".base.fbin --quiet"))
        .isZero();
    JsonNode found =
        json(
            "search --index "
                + index
                + " --queries "
                + queries
                + " --ground-truth "
                + prefix
                + ".gt.ibin --recall 0.9 --json");
    assertThat(found.path("recall").asDouble()).isGreaterThan(0.88);
    assertThat(found.path("parameters").path("confidence").asDouble()).isLessThan(1);
    assertBad(
        "--recall chooses --list and --confidence",
        "search --index " + index + " --queries " + queries + " --recall 0.9 --list 50");
    assertBad(
        "--dimensions reads a constant number",
        "search --index " + index + " --queries " + queries + " --dimensions 32 --confidence 0.9");
    assertBad(
        "confidence must be in [0.5, 1]: 0.2",
        "search --index " + index + " --queries " + queries + " --confidence 0.2");
    assertBad(
        "storage must be f32 or f16: f8",
        "build --input " + queries + " --index " + index + " --storage f8");
  }

  /** Queries of another encoder find more once edges were learnt from others like them. */
  @Test
  void edgesAreLearntFromQueries() {
    assertThat(
            run(
                "generate --output "
                    + prefix
                    + " --count 3000 --dimension 64 --queries 1200 --style cross-modal --seed 2"))
        .as(err)
        .isZero();
    String queries = prefix + ".query.fbin";
    assertThat(
            run(
                "build --input "
                    + prefix
                    + ".base.fbin --index "
                    + index
                    + " --metric cosine --codec f16 --quiet"))
        .as(err)
        .isZero();
    assertBad("--learn needs --queries", "tune --index " + index + " --learn");
    assertBad(
        "learning needs more queries than the 1200",
        "tune --index " + index + " --learn --queries " + queries + " --sample 1200");
    JsonNode tuned =
        json("tune --index " + index + " --learn --queries " + queries + " --sample 200 --json");
    assertThat(tuned.path("learnt_edges").asInt()).isGreaterThan(1000);
    assertThat(json("tune --index " + index + " --json").path("learnt_edges").asInt()).isZero();
    JsonNode verified = json("verify --index " + index + " --json");
    assertThat(verified.path("reachable").asInt()).isEqualTo(3000);
    assertThat(run("tune --index " + index + " --learn --quiet --queries " + queries))
        .as(err)
        .isZero();
    assertThat(out).containsPattern("learnt [0-9,]+ edges");
  }
}
