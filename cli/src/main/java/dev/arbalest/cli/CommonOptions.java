// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import java.io.IOException;
import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Options every command has, and where its output goes. */
final class CommonOptions {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @Spec(Spec.Target.MIXEE)
  private CommandSpec mixee;

  @Option(names = "--json", description = "Print one JSON object on standard output.")
  boolean json;

  @Option(names = "--verbose", description = "Show stack traces of failures.")
  boolean verbose;

  @Option(names = "--quiet", description = "Show no progress.")
  boolean quiet;

  /** Standard output: results. */
  PrintWriter out() {
    return mixee.commandLine().getOut();
  }

  /** Standard error: everything else. */
  PrintWriter err() {
    return mixee.commandLine().getErr();
  }

  /** A progress display, or none with {@code --quiet}. */
  Progress progress() {
    return new Progress(err(), !quiet);
  }

  static ObjectNode newObject() {
    return JSON.createObjectNode();
  }

  void print(ObjectNode result) throws IOException {
    print(JSON.writeValueAsString(result));
  }

  void print(String line) throws IOException {
    out().println(line);
    if (out().checkError()) {
      throw new IOException("standard output cannot be written");
    }
  }
}
