// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.Index;
import dev.arbalest.natives.UnpackFolder;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The root command. */
@Command(
    name = "arbalest",
    description = "SSD-resident vector index: builds, searches and checks indexes.",
    mixinStandardHelpOptions = true,
    versionProvider = ArbalestCommand.Version.class,
    subcommands = {
      GenerateCommand.class,
      BuildCommand.class,
      SearchCommand.class,
      InsertCommand.class,
      DeleteCommand.class,
      CompactCommand.class,
      ExportCommand.class,
      TuneCommand.class,
      RecallCommand.class,
      InfoCommand.class,
      VerifyCommand.class,
      CodesCommand.class,
      ImportCommand.class,
      MigrateCommand.class
    },
    footer = {
      "  serve     Serves collections over Arrow Flight and HTTP (see 'serve --help').",
      "",
      "Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 index corrupt, 4 limit reached."
    })
final class ArbalestCommand implements Runnable {
  /** The reader of Parquet logs what it loads; kept here, as its level is lost otherwise. */
  private static final Logger LIBRARIES = Logger.getLogger("dev.hardwood");

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "give a command");
  }

  /** A command line that maps failures to messages and exit codes. */
  static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new ArbalestCommand());
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setParameterExceptionHandler((exception, arguments) -> {
      CommandLine failing = exception.getCommandLine();
      PrintWriter err = failing.getErr();
      err.println("arbalest: " + exception.getMessage());
      err.println("see '" + failing.getCommandSpec().qualifiedName() + " --help'");
      err.flush();
      return ExitCode.BAD_INPUT;
    });
    commandLine.setExecutionExceptionHandler(
        (exception, failing, parsed) -> report(exception, failing));
    return commandLine;
  }

  private static int report(Exception exception, CommandLine failing) {
    PrintWriter err = failing.getErr();
    err.println("arbalest: " + Failures.describe(exception));
    boolean verbose =
        failing.getCommand() instanceof Failures.Verbose command && command.isVerbose();
    if (verbose) {
      exception.printStackTrace(err);
    }
    err.flush();
    return ExitCode.of(exception);
  }

  public static void main(String[] arguments) {
    LIBRARIES.setLevel(Level.WARNING);
    UnpackFolder.choose(foldersToUnpackIn());
    int code;
    try {
      code = commandLine().execute(arguments);
    } catch (OutOfMemoryError e) {
      System.err.println("arbalest: " + Failures.describe(e));
      code = ExitCode.LIMIT;
    }
    System.exit(code);
  }

  /** Where native libraries may be unpacked if the temporary folder will not do. */
  private static List<Path> foldersToUnpackIn() {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path folder =
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home", "."), ".cache")
            : Path.of(cache);
    return List.of(folder.resolve("arbalest"), Path.of("/var/tmp"), Path.of("/dev/shm"));
  }

  /** Tells the version. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"arbalest " + Index.version()};
    }
  }
}
