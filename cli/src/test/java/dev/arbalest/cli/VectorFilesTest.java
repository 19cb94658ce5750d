// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import dev.arbalest.cli.formats.InputFilesTest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Where commands take vectors and ids from: pipes, several files, columns. */
class VectorFilesTest extends CommandTest {
  private String resource(String name) throws IOException {
    Path target = directory.resolve(name);
    try (InputStream in = Objects.requireNonNull(InputFilesTest.class.getResourceAsStream(name))) {
      Files.copy(in, target);
    }
    return target.toString();
  }

  /** 10 vectors of dimension 4, whose first component is the number of the row. */
  private static byte[] rows(int first) {
    ByteBuffer bytes = ByteBuffer.allocate(8 + 160).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(10).putInt(4);
    for (int row = 0; row < 10; row++) {
      bytes.putFloat(first + row).putFloat(1).putFloat(0).putFloat(0);
    }
    return bytes.array();
  }

  private void assertHolds(int count) throws IOException {
    Path exported = directory.resolve("exported.fbin");
    assertThat(run("export --index " + index + " --output " + exported)).as(err).isZero();
    try (VectorInput all = InputFiles.open(exported, InputFiles.Role.BASE)) {
      assertThat(all.count()).isEqualTo(count);
      for (int row = 0; row < count; row++) {
        assertThat(all.rows().get(row, 0)).isEqualTo(row);
      }
    }
  }

  @Test
  void aNamedPipeIsRead() throws Exception {
    Path pipe = directory.resolve("pipe.fbin");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    try (ExecutorService writer = Executors.newSingleThreadExecutor()) {
      Callable<Boolean> writing =
          () -> {
            try (OutputStream out = Files.newOutputStream(pipe)) {
              out.write(rows(0));
            }
            return true;
          };
      Future<Boolean> first = writer.submit(writing);
      assertThat(run("build --input " + pipe + " --index " + index)).as(err).isZero();
      assertThat(first.get(60, TimeUnit.SECONDS)).isTrue();
      assertHolds(10);
    }
  }

  @Test
  void severalFilesBecomeOneIndex() throws IOException {
    for (int i = 0; i < 3; i++) {
      Files.write(directory.resolve("part-" + i + ".fbin"), rows(10 * i));
    }
    assertThat(run("build --input " + directory + "/part-*.fbin --index " + index))
        .as(err)
        .isZero();
    assertHolds(30);
    Files.delete(directory.resolve("exported.fbin"));
    String files = directory + "/part-0.fbin " + directory + "/part-1.fbin";
    assertThat(run("build --input " + files + " --index " + index)).as(err).isZero();
    assertHolds(20);
    Files.delete(directory.resolve("exported.fbin"));
    String third = directory + "/part-2.fbin";
    JsonNode inserted =
        json("insert --index " + index + " --input " + third + " --first-id 20 --batch 4 --json");
    assertThat(inserted.path("inserted").asInt()).isEqualTo(10);
    assertThat(run("insert --index " + index + " --input " + third + " --first-id 20 --skip 7"))
        .as(err)
        .isZero();
    assertHolds(30);
  }

  @Test
  void idsComeFromAColumn() throws IOException {
    for (String name : List.of("columns.parquet", "columns.arrow")) {
      String input = " --input " + resource(name) + " --vector-column doc.embedding";
      String texts = directory.resolve(name + "-texts").toString();
      String numbers = directory.resolve(name + "-numbers").toString();
      assertThat(run("build" + input + " --id-column key --index " + texts)).as(err).isZero();
      assertThat(run("delete --index " + texts + " --id d38")).as(err).isZero();
      assertThat(out).contains("deleted 1 ");
      assertThat(run("build" + input + " --id-column id --index " + numbers)).as(err).isZero();
      assertThat(run("insert" + input + " --id-column id --index " + numbers)).as(err).isZero();
      assertThat(out).contains("40 in place of others");
      assertBad(
          "holds texts, where numbers are needed",
          "insert" + input + " --id-column key --index " + numbers);
      assertBad(
          "give either --ids or --id-column",
          "build" + input + " --id-column key --ids x --index " + numbers);
    }
    Path file = Files.write(directory.resolve("x.fbin"), rows(0));
    assertBad(
        "--id-column is for Parquet and Arrow",
        "build --input " + file + " --id-column key --index " + index);
    assertBad(
        "--vector-column is for Parquet, Arrow and HDF5",
        "build --input " + file + " --vector-column key --index " + index);
    assertBad(
        "--input-format is for standard input or a pipe",
        "build --input " + file + " --input-format npy --index " + index);
  }

  @Test
  void badUseOfColumnsAndPartsIsTold() throws IOException {
    String dates = " --input " + resource("other-ids.parquet");
    for (String column : List.of("bytes", "day", "moment", "price")) {
      assertBad(
          "ids are integers, texts or UUIDs",
          "build" + dates + " --index " + index + " --id-column " + column);
    }
    // The values of a map are no list, and parts without rows are passed over.
    String parts = dates + " " + resource("no-rows.parquet") + " " + resource("list-gzip.parquet");
    JsonNode built = json("build" + parts + " --index " + index + " --json");
    assertThat(built.path("vectors").asInt()).isEqualTo(80);
    Path csv = Files.writeString(directory.resolve("a.csv"), "1,2");
    assertBad(".npy, .parquet, .h5", "build --input " + csv + " --index " + index);
  }

  @Test
  void aFailureTellsHowToGoOn() throws IOException {
    Path first = Files.write(directory.resolve("a.fbin"), rows(0));
    assertThat(run("build --input " + first + " --index " + index)).as(err).isZero();
    Path cut = Files.write(directory.resolve("pipe"), rows(10));
    Path pipe = directory.resolve("cut.fbin");
    try (ExecutorService writer = Executors.newSingleThreadExecutor()) {
      assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
      Future<?> writing =
          writer.submit(() -> {
            try (OutputStream out = Files.newOutputStream(pipe)) {
              out.write(Files.readAllBytes(cut), 0, 8 + 16 * 7);
            }
            return true;
          });
      String insert = "insert --index " + index + " --first-id 10 --batch 3 --input " + pipe;
      assertThat(run(insert)).isEqualTo(ExitCode.BAD_INPUT);
      assertThat(err)
          .contains("ends in row 7")
          .contains("6 vectors are inserted; go on with --skip 6");
      assertThat(writing).succeedsWithin(java.time.Duration.ofMinutes(1));
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  /** A line per id cannot hold an id of two lines. */
  @Test
  void idsOfSeveralLinesAreNotExportedAsLines() throws IOException {
    String input = resource("other-ids.parquet");
    String build = "build --input " + input + " --id-column lines --index " + index;
    assertThat(run(build)).as(err).isZero();
    String exported = directory.resolve("x.fbin").toString();
    assertBad(
        "has a line break",
        "export --index " + index + " --output " + exported + " --ids " + exported + ".txt");
    assertThat(Path.of(exported)).doesNotExist();
  }

  /** Programs on Windows begin text files with a mark that is no part of the first id. */
  @Test
  void aByteOrderMarkIsNoPartOfTheFirstId() throws IOException {
    Path file = Files.write(directory.resolve("x.fbin"), rows(0));
    StringBuilder texts = new StringBuilder("\ufeff");
    StringBuilder numbers = new StringBuilder("\ufeff");
    for (int i = 0; i < 10; i++) {
      texts.append("doc").append(i).append('\n');
      numbers.append(i).append("\r\n");
    }
    Path ids = Files.writeString(directory.resolve("ids.txt"), texts);
    String input = "build --input " + file + " --index " + index + " --ids " + ids;
    assertThat(run(input + " --id-type utf8")).as(err).isZero();
    assertThat(run("delete --index " + index + " --id doc0")).as(err).isZero();
    assertThat(out).contains("deleted 1 ");
    Files.write(ids, texts.toString().getBytes(StandardCharsets.UTF_16LE));
    assertThat(run(input + " --id-type utf8")).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err).contains("ids.txt");
    Files.write(ids, "a\0b\n".repeat(10).getBytes(StandardCharsets.UTF_8));
    assertBad("line 1: has a zero byte", input + " --id-type utf8");
    Files.writeString(ids, numbers);
    assertThat(run(input)).as(err).isZero();
    assertThat(run("delete --index " + index + " --id 0")).as(err).isZero();
    assertThat(out).contains("deleted 1 ");
  }

  /** A Mac sends LC_CTYPE=UTF-8 over ssh, which names no locale of Linux. */
  @Test
  void scriptsChooseALocaleThatNamesEveryFile() throws Exception {
    Path scripts = Path.of("..", "scripts").toAbsolutePath().normalize();
    for (String locale : List.of("UTF-8", "POSIX", "")) {
      ProcessBuilder shell =
          new ProcessBuilder("sh", "-c", ". ./lib.sh; locale charmap")
              .directory(scripts.toFile())
              .redirectErrorStream(true);
      Map<String, String> environment = shell.environment();
      List.of("LC_ALL", "LC_CTYPE", "LANG").forEach(environment::remove);
      environment.put("LC_CTYPE", locale);
      Process process = shell.start();
      String charset =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      assertThat(process.waitFor()).isZero();
      assertThat(charset).as("with LC_CTYPE=%s", locale).endsWith("UTF-8");
    }
  }
}
