// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import dev.arbalest.BadInputException;
import dev.arbalest.collections.DataVerifier;
import dev.arbalest.collections.model.JsonBody;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Checks every byte of a server's data directory. */
@Command(
    name = "arbalest verify",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Checks the collections of a server that does not run: every byte of indexes and databases of",
      "attributes, and that both agree. Ends with 0 if all are sound and 3 if one is damaged. What",
      "can be rebuilt (graph, codes, indexes of fields) the server rebuilds: POST",
      "/collections/NAME/reopen?repair=true."
    })
public final class VerifyDataCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int FAILED = 1;
  private static final int BAD_USAGE = 2;
  private static final int CORRUPT = 3;

  @Option(names = "--data", required = true, description = "data directory of the server")
  private Path data;

  @Option(names = "--threads", description = "threads (all processors)")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--json", description = "print one JSON object")
  private boolean json;

  private final PrintStream out;

  VerifyDataCommand(Path data, PrintStream out) {
    this.data = data;
    this.out = out;
  }

  /** Runs the command and ends the process. */
  @SuppressWarnings("SystemExitOutsideMain")
  public static void main(String[] arguments) {
    CommandLine line = new CommandLine(new VerifyDataCommand(Path.of(""), System.out));
    line.setExecutionExceptionHandler((e, _, _) -> {
      System.err.println("arbalest verify: " + e.getMessage());
      return e instanceof BadInputException ? BAD_USAGE : FAILED;
    });
    System.exit(line.execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (threads < 1 || threads > 1024) {
      throw new BadInputException("--threads must be in [1, 1024]: " + threads);
    }
    List<DataVerifier.Finding> findings = DataVerifier.verify(data, threads);
    boolean isSound = true;
    ObjectNode root = JsonBody.JSON.createObjectNode();
    ArrayNode collections = root.putArray("collections");
    for (DataVerifier.Finding finding : findings) {
      boolean ok = finding.problem().isEmpty();
      isSound &= ok;
      ObjectNode one = collections.addObject();
      one.put("name", finding.name()).put("ok", ok);
      if (ok) {
        one.put("points", finding.points());
      } else {
        one.put("problem", finding.problem());
      }
      if (!json) {
        out.println(
            finding.name()
                + ": "
                + (ok ? "sound, " + finding.points() + " points" : finding.problem()));
      }
    }
    root.put("ok", isSound);
    if (json) {
      out.println(JsonBody.JSON.writeValueAsString(root));
    } else {
      out.println(findings.size() + " collections checked");
    }
    return isSound ? DONE : CORRUPT;
  }
}
