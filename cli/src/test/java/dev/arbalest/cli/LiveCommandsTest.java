// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** insert, delete, compact, export, and what info and verify say of an index they changed. */
class LiveCommandsTest extends CommandTest {
  @BeforeEach
  void build() {
    json(
        "generate --output " + prefix + " --count 900 --dimension 96 --queries 20 --seed 3 --json");
    json(
        "build --input "
            + prefix
            + ".base.fbin --index "
            + index
            + " --degree 16 --build-list 40 --json");
  }

  @Test
  void vectorsComeGoAndAreExported() throws IOException {
    JsonNode inserted =
        json(
            "insert --index "
                + index
                + " --input "
                + prefix
                + ".base.fbin --first-id 500 --batch 100 --json");
    assertThat(inserted.path("inserted").asInt()).isEqualTo(900);
    assertThat(inserted.path("replaced").asInt()).isEqualTo(400); // 500 to 899 were there
    assertThat(inserted.path("vectors").asInt()).isEqualTo(1400);
    assertThat(inserted.path("vectors_per_second").asDouble()).isPositive();

    Path some = Files.write(directory.resolve("some"), List.of("1", "2", "77", "5000"));
    JsonNode deleted = json("delete --index " + index + " --ids " + some.toString() + " --json");
    assertThat(deleted.path("deleted").asInt()).isEqualTo(3);
    assertThat(deleted.path("not_found").asInt()).isEqualTo(1);
    assertThat(json("delete --index " + index + " --id 3,4 --json").path("deleted").asInt())
        .isEqualTo(2);

    JsonNode info = json("info --index " + index + " --json");
    assertThat(info.path("vectors").asInt()).isEqualTo(1395);
    assertThat(info.path("slots").asInt()).isGreaterThanOrEqualTo(1395);
    assertThat(info.path("free_slots").asInt()).isEqualTo(info.path("slots").asInt() - 1395);
    assertThat(info.path("closed").asBoolean()).isTrue();
    assertThat(info.path("log_bytes").asLong()).isZero();
    assertThat(info.path("log_sequence").asLong()).isPositive();

    JsonNode compacted = json("compact --index " + index + " --json");
    assertThat(compacted.path("slots").asInt()).isEqualTo(1395);
    assertThat(compacted.path("vector_bytes").asLong()).isEqualTo(4096 + 1395 * 512);
    JsonNode verified = json("verify --index " + index + " --json");
    assertThat(verified.path("ok").asBoolean()).isTrue();
    assertThat(verified.path("vectors").asInt()).isEqualTo(1395);
    assertThat(verified.path("reachable").asInt()).isEqualTo(1395);

    Path fbin = directory.resolve("out.fbin");
    Path ids = directory.resolve("out.ids");
    JsonNode exported =
        json(
            "export --index "
                + index
                + " --output "
                + fbin.toString()
                + " --ids "
                + ids.toString()
                + " --json");
    assertThat(exported.path("vectors").asInt()).isEqualTo(1395);
    assertThat(Files.readAllLines(ids)).hasSize(1395).doesNotContain("77").contains("1399");
    Path parquet = directory.resolve("out.parquet");
    json("export --index " + index + " --output " + parquet.toString() + " --json");
    try (VectorInput base = InputFiles.open(Path.of(prefix + ".base.fbin"), InputFiles.Role.BASE);
        VectorInput one = InputFiles.open(fbin, InputFiles.Role.BASE);
        VectorInput other = InputFiles.open(parquet, InputFiles.Role.BASE)) {
      assertThat(one.rows().count()).isEqualTo(1395);
      assertThat(other.rows().count()).isEqualTo(1395);
      List<String> names = Files.readAllLines(ids);
      for (int row = 0; row < 1395; row++) {
        int id = Integer.parseInt(names.get(row));
        int source = id < 500 ? id : id - 500;
        for (int i = 0; i < 96; i++) {
          assertThat(one.rows().get(row, i)).isEqualTo(base.rows().get(source, i));
          assertThat(other.rows().get(row, i)).isEqualTo(base.rows().get(source, i));
        }
      }
    }
  }

  @Test
  void whatCanBeMadeAnewIs() throws IOException {
    json("delete --index " + index + " --id 5,6,7 --json");
    for (List<String> parts :
        List.of(List.of("graph"), List.of("codes"), List.of("codec", "codes"))) {
      Path file = file(parts.getFirst());
      try (RandomAccessFile damaged = new RandomAccessFile(file.toFile(), "rw")) {
        damaged.seek(damaged.length() / 2);
        int old = damaged.read();
        damaged.seek(damaged.length() / 2);
        damaged.write(old ^ 0x55);
      }
      assertThat(run("verify --index " + index)).isEqualTo(ExitCode.CORRUPT);
      JsonNode repaired = json("verify --index " + index + " --repair --json");
      assertThat(repaired.path("ok").asBoolean()).isTrue();
      assertThat(repaired.path("vectors").asInt()).isEqualTo(897);
      assertThat(repaired.path("repaired").valueStream().map(JsonNode::asString).toList())
          .containsExactlyInAnyOrderElementsOf(parts);
      JsonNode found =
          json(
              "search --index "
                  + index
                  + " --queries "
                  + prefix
                  + ".query.fbin --ground-truth "
                  + prefix
                  + ".gt.ibin --k 10 --list 100 --json");
      assertThat(found.path("recall").asDouble()).isGreaterThan(0.95);
    }
    Files.delete(file("graph"));
    assertThat(json("verify --index " + index + " --repair --json").path("ok").asBoolean())
        .isTrue();
    try (RandomAccessFile damaged = new RandomAccessFile(file("ids").toFile(), "rw")) {
      damaged.setLength(damaged.length() - 1);
    }
    assertThat(run("verify --index " + index + " --repair")).isEqualTo(ExitCode.CORRUPT);
    assertThat(err).contains("ids cannot be rebuilt");
  }

  private Path file(String part) throws IOException {
    try (var files = Files.list(Path.of(index))) {
      return files
          .filter(path -> path.getFileName().toString().startsWith(part + "."))
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void badUseIsTold() throws IOException {
    Path words = Files.write(directory.resolve("words"), List.of("one"));
    assertRefused("give either --ids or --id", "delete --index " + index);
    assertRefused(
        "line 1: 'one' is no 64-bit number",
        "delete --index " + index + " --ids " + words.toString());
    assertRefused("'x' is no 64-bit number", "delete --index " + index + " --id x");
    assertRefused(
        "give --ids, --id-column or --first-id",
        "insert --index " + index + " --input " + prefix + ".base.fbin");
    Path one = Files.write(directory.resolve("one"), List.of("1"));
    assertRefused(
        "1 ids for the 900 vectors",
        "insert --index " + index + " --input " + prefix + ".base.fbin --ids " + one.toString());
    assertRefused(
        "--skip must be in [0, 900]",
        "insert --index " + index + " --input " + prefix + ".base.fbin --first-id 0 --skip 901");
    assertRefused("must end in .fbin or .parquet", "export --index " + index + " --output x.csv");
    assertRefused(
        "exists already", "export --index " + index + " --output " + prefix + ".base.fbin");
    assertThat(
            run(
                "insert --index "
                    + index
                    + " --input "
                    + prefix
                    + ".base.fbin --first-id 9000 --memory 60m"))
        .isEqualTo(ExitCode.LIMIT);
    assertThat(err).contains("memory budget").contains("--skip 0");
  }

  private void assertRefused(String message, String command) {
    assertThat(run(command)).as(command).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err).contains(message);
  }
}
