// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Searches of built indexes by prefixes, within sets, with any list. */
class SearchCommandTest extends CommandTest {
  @Test
  void prefixesServeAsCodesOrAsFirstLook() throws IOException {
    assertThat(
            run(
                "generate --output "
                    + prefix
                    + " --count 1200 --dimension 512 --queries 40 --seed 3"))
        .isZero();
    JsonNode built =
        json(
            "build --input "
                + prefix
                + ".base.fbin --index "
                + index
                + " --metric cosine --dimensions 256 --codec rabitq:2 --json");
    assertThat(built.path("dimension").asInt()).isEqualTo(512);
    assertThat(json("info --index " + index + " --json").path("code_dimension").asInt())
        .isEqualTo(256);
    assertThat(run("verify --index " + index)).isZero();
    String search =
        "search --index "
            + index
            + " --queries "
            + prefix
            + ".query.fbin --ground-truth "
            + prefix
            + ".gt.ibin --list 120 --rerank 100 --json";
    JsonNode whole = json(search);
    assertThat(whole.path("recall").asDouble()).isGreaterThan(0.95);
    String digest = "";
    for (String reader : List.of("auto", "pread", "mmap")) {
      JsonNode found = json(search + " --dimensions 256 --reader " + reader);
      assertThat(found.path("recall").asDouble()).isGreaterThan(0.85);
      assertThat(found.path("per_query").path("reads").asDouble()).isEqualTo(120);
      assertThat(found.path("per_query").path("read_bytes").asDouble())
          .isEqualTo(100 * 1024 + 20 * 2048);
      digest = digest.isEmpty() ? found.path("ids_sha256").asString() : digest;
      assertThat(found.path("ids_sha256").asString()).isEqualTo(digest);
    }
    assertBad(
        "--dimensions 513 is longer than the index's 512",
        "search --index " + index + " --queries " + prefix + ".query.fbin --dimensions 513");
    assertBad(
        "--dimensions 513 is longer than the vectors of",
        "build --input " + prefix + ".base.fbin --index " + index + " --dimensions 513");
    assertBad(
        "dimensions must be at least 1: 0",
        "build --input " + prefix + ".base.fbin --index " + index + " --dimensions 0");
  }

  @Test
  void searchesStayWithinTheIdsOfAFile() throws IOException {
    makeIndex();
    Path file = directory.resolve("ids.txt");
    Files.write(file, List.of("5", "17", "230", "9999"));
    JsonNode found =
        json(
            "search --index "
                + index
                + " --queries "
                + prefix
                + ".query.fbin --filter-ids "
                + file
                + " --explain --json");
    assertThat(found.path("filter").path("vectors").asInt()).isEqualTo(3);
    assertThat(found.path("explanations").size()).isEqualTo(found.path("queries").asInt());
    for (JsonNode explanation : found.path("explanations")) {
      assertThat(explanation.path("plan").asString()).isEqualTo("set_scan");
      assertThat(explanation.path("reads").asInt()).isBetween(1, 3);
      assertThat(explanation.path("list").asInt()).isPositive();
    }
    assertThat(found.path("filter").path("share").asDouble()).isEqualTo(3 / 300.0);
    assertThat(found.path("filter").path("scans").asLong()).isPositive();
    assertThat(found.path("per_query").path("reads").asDouble()).isBetween(1.0, 3.0);
    assertThat(
            run(
                "search --index "
                    + index
                    + " --queries "
                    + prefix
                    + ".query.fbin --explain --filter-ids "
                    + file))
        .as(err)
        .isZero();
    assertThat(out).contains("3 vectors (1.00 %)", "set_scan, expected");
    Files.write(file, List.of("five"));
    assertBad(
        "line 1: 'five' is no 64-bit number",
        "search --index " + index + " --queries " + prefix + ".query.fbin --filter-ids " + file);
  }

  @Test
  void smallIndexesAndLargeListsWork() throws IOException {
    makeIndex();
    JsonNode found =
        json(
            "search --index "
                + index
                + " --queries "
                + prefix
                + ".query.fbin --ground-truth "
                + prefix
                + ".gt.ibin --k 100 --list 5000 --rerank 4000 --json");
    assertThat(found.path("recall").asDouble()).isEqualTo(1.0);
    assertThat(found.path("per_query").path("reads").asDouble()).isEqualTo(300);
    found = json("search --index " + index + " --queries " + prefix + ".query.fbin --k 300 --json");
    assertThat(found.path("per_query").path("reads").asDouble()).isEqualTo(300);
    found =
        json("search --index " + index + " --queries " + prefix + ".query.fbin --list 12 --json");
    assertThat(found.path("per_query").path("reads").asDouble()).isEqualTo(12);
  }
}
