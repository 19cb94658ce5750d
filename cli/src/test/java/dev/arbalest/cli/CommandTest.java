// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs commands as a user types them, and keeps what the last one printed. */
abstract class CommandTest {
  @TempDir Path directory;

  /** Prefix of generated vectors, queries and ground truth. */
  String prefix = "";

  /** Directory of an index. */
  String index = "";

  String out = "";
  String err = "";

  @BeforeEach
  final void names() {
    prefix = directory.resolve("data").toString();
    index = directory.resolve("index").toString();
  }

  /** Generates 300 vectors of dimension 16 with 4 queries, and builds an index of them. */
  final void makeIndex() {
    assertThat(
            run("generate --output " + prefix + " --count 300 --dimension 16 --queries 4 --seed 1"))
        .as(err)
        .isZero();
    assertThat(run("build --input " + prefix + ".base.fbin --index " + index + " --degree 16"))
        .as(err)
        .isZero();
  }

  /** Runs a command that must be refused with a message and nothing else. */
  final void assertBad(String message, String command) {
    assertThat(run(command)).as(command).isEqualTo(ExitCode.BAD_INPUT);
    assertThat(err).contains(message).doesNotContain("\tat ");
    assertThat(out).isEmpty();
  }

  /** Runs a command that prints one JSON object. */
  final JsonNode json(String command) {
    assertThat(run(command)).as(err).isZero();
    assertThat(out.strip()).doesNotContain("\n");
    return JsonMapper.shared().readTree(out);
  }

  /** Runs a command line, whose words are separated by single spaces. */
  final int run(String command) {
    StringWriter standardOut = new StringWriter();
    StringWriter standardErr = new StringWriter();
    CommandLine commandLine = ArbalestCommand.commandLine();
    commandLine.setOut(new PrintWriter(standardOut));
    commandLine.setErr(new PrintWriter(standardErr));
    int code = commandLine.execute(command.isEmpty() ? new String[0] : command.split(" "));
    out = standardOut.toString();
    err = standardErr.toString();
    return code;
  }

  /** Rows of equal components as an .fbin file. */
  static byte[] fbin(int count, int dimension, float value) {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + 4 * count * dimension).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(count).putInt(dimension);
    while (bytes.hasRemaining()) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }
}
