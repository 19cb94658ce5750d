// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import dev.arbalest.natives.SystemFacts;
import dev.arbalest.natives.UnpackFolder;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.model.BadOptionException;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code serve}: collections over Arrow Flight and HTTP, until SIGTERM or SIGINT. */
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    subcommands = ServeCommand.NewToken.class,
    description = "Serves collections of vectors over Arrow Flight and HTTP (Qdrant's REST).",
    footer = {
      "",
      "Exit codes: 1 failed, 2 bad usage or input, 143 stopped by SIGTERM, 130 by SIGINT.",
      "Clients, options, metrics: docs/server.md, docs/flight.md, /openapi.yaml; running it:",
      "docs/operations.md."
    })
public final class ServeCommand implements Callable<Integer> {
  private static final int FAILED = 1;
  private static final int GRPC_PORT = 6334;
  private static final long MIN_BESIDE_HEAP = 256L << 20;

  @Spec private CommandSpec spec;

  @Option(names = "--data", paramLabel = "DIR", description = "directory of the collections")
  private @Nullable Path data;

  @Option(names = "--host", defaultValue = "127.0.0.1", description = "address (${DEFAULT-VALUE})")
  private String host;

  @Option(names = "--flight-port", defaultValue = "3000", description = "(${DEFAULT-VALUE})")
  private int flightPort;

  @Option(names = "--http-port", defaultValue = "9090", description = "(${DEFAULT-VALUE})")
  private int httpPort;

  @Option(
      names = "--grpc-port",
      description = {
        "of Qdrant's gRPC interface, -1 for none (6334, or a free one if that is taken and this",
        "option is not given)"
      })
  private @Nullable Integer grpcPort;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "budget of the process, such as 8g (half of the machine's memory, at least the heap and 256m)")
  private @Nullable String memory;

  @Option(names = "--search-threads", description = "searches at a time (processors)")
  private int searchThreads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--head-seconds",
      defaultValue = "10",
      description = "the head of a connection's first request must come within (10)")
  private int headSeconds;

  @Option(
      names = "--connections-per-address",
      defaultValue = "1024",
      description = {
        "connections of one address at a time (1024); of HTTP the one that has waited longest",
        "without a request makes room, calls of Flight are refused"
      })
  private int addressConnections;

  @Option(
      names = "--open-collections",
      defaultValue = "0",
      description = {
        "collections whose files are open while others want theirs opened (one per 64 MiB of",
        "memory, at least 16)"
      })
  private int openCollections;

  @Option(
      names = "--strict-filters",
      description = "refuse filters on fields without an index, instead of reading all documents")
  private boolean strictFilters;

  @Option(
      names = "--recall-sample",
      paramLabel = "N",
      defaultValue = "10",
      description = {
        "one search in N may be answered again by comparing all codes, to estimate recall, in a",
        "fiftieth of one thread's time; 0 for none (${DEFAULT-VALUE})"
      })
  private int recallSample;

  @Option(names = "--queue", defaultValue = "1024", description = "searches that may wait (1024)")
  private int queue;

  @Option(names = "--link-threads", description = "per collection (half of the processors)")
  private int linkThreads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);

  @Option(
      names = "--batch-bytes",
      paramLabel = "SIZE",
      defaultValue = "8m",
      description = "vectors are written in batches of so many bytes (${DEFAULT-VALUE})")
  private String batchBytes;

  @Option(
      names = "--request-bytes",
      paramLabel = "SIZE",
      defaultValue = "64m",
      description = "largest body over HTTP (${DEFAULT-VALUE})")
  private String requestBytes;

  @Option(
      names = "--flight-batch-bytes",
      paramLabel = "SIZE",
      description = "largest batch over Arrow Flight (4m or more, by memory and heap)")
  private @Nullable String flightBatchBytes;

  @Option(
      names = "--body-seconds",
      defaultValue = "30",
      description =
          "a body over HTTP must come within, and a second more per 256 KiB (${DEFAULT-VALUE})")
  private int bodySeconds;

  @Option(
      names = "--sync-millis",
      defaultValue = "0",
      description = "0: a write is durable when acknowledged; N: at most N ms after")
  private int syncMillis;

  @Option(
      names = "--rate-limit",
      paramLabel = "N",
      defaultValue = "0",
      description = "requests per second of one client, 0 for any number")
  private int rateLimit;

  @Option(
      names = "--cors-origins",
      paramLabel = "ORIGIN",
      split = ",",
      description = {
        "origins whose web pages may call the server over HTTP, such as https://example.org,",
        "* for all (none)"
      })
  private List<String> corsOrigins = List.of();

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = "tokens clients need ('serve new-token' makes them)")
  private @Nullable Path tokens;

  @Option(names = "--tls-certificate", paramLabel = "PEM", description = "certificate chain")
  private @Nullable Path certificate;

  @Option(names = "--tls-key", paramLabel = "PEM", description = "its key, PKCS #8")
  private @Nullable Path key;

  @Option(
      names = "--tls-clients",
      paramLabel = "PEM",
      description = "authorities that clients must be certified by")
  private @Nullable Path clients;

  @Option(names = "--insecure", description = "allow plain text on other addresses than loopback")
  private boolean insecure;

  @Option(
      names = "--jfr",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "keep a flight recording of the last minutes (on)")
  private boolean jfr;

  private ServeCommand() {}

  /** Runs the command and exits. */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  public static int run(String... args) {
    CommandLine line = new CommandLine(new ServeCommand());
    line.setExecutionExceptionHandler((e, _, _) -> {
      System.err.println("serve: " + e.getMessage());
      return e instanceof BadOptionException ? CommandLine.ExitCode.USAGE : FAILED;
    });
    return line.execute(args);
  }

  private ParameterException bad(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private long bytes(String option, String text, long least, long most) {
    long unit =
        switch (text.isEmpty() ? ' ' : Character.toLowerCase(text.charAt(text.length() - 1))) {
          case 'k' -> 1L << 10;
          case 'm' -> 1L << 20;
          case 'g' -> 1L << 30;
          default -> 1;
        };
    String digits = unit == 1 ? text : text.substring(0, text.length() - 1);
    try {
      long value = Math.multiplyExact(Long.parseLong(digits), unit);
      if (value >= least && value <= most) {
        return value;
      }
    } catch (ArithmeticException | NumberFormatException e) {
      throw new ParameterException(
          spec.commandLine(), option + " needs a size such as 512m or 8g, found " + text, e);
    }
    throw bad(option + " must be in [" + least + ", " + most + "] bytes, found " + text);
  }

  private int range(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw bad(option + " must be in [" + least + ", " + most + "], found " + value);
    }
    return value;
  }

  private ServerOptions.@Nullable Tls tls() {
    Path chain = certificate;
    Path secret = key;
    if (chain == null && secret == null && clients == null) {
      return null;
    }
    if (chain == null || secret == null) {
      throw bad("--tls-certificate and --tls-key belong together");
    }
    return new ServerOptions.Tls(chain, secret, clients);
  }

  private int grpcPort() {
    Integer given = grpcPort;
    if (given != null) {
      return range("--grpc-port", given, -1, 65_535);
    }
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(host, GRPC_PORT));
      return GRPC_PORT;
    } catch (IOException e) {
      ServerLog.warn(
          "port " + GRPC_PORT + " is taken (" + e.getMessage() + "); gRPC gets a free one", null);
      return 0;
    }
  }

  private ServerOptions options() {
    Path directory = data;
    if (directory == null) {
      throw bad("Missing required option: '--data=DIR'");
    }
    String budget = memory;
    String batch = flightBatchBytes;
    long heap = Runtime.getRuntime().maxMemory();
    long half = SystemFacts.memoryLimitBytes() / 2;
    long memoryBytes =
        budget == null
            ? Math.max(half, Math.min(2 * half, heap + MIN_BESIDE_HEAP))
            : bytes("--memory", budget, 64L << 20, 1L << 50);
    if (memoryBytes <= heap) {
      throw bad(
          "the budget (--memory, or what the machine has) is for the process with its heap, which"
              + " may become "
              + heap
              + " bytes, found "
              + memoryBytes
              + "; give more, or a smaller heap by ARBALEST_JAVA_OPTS=-Xmx256m");
    }
    return new ServerOptions.Builder(directory)
        .host(host)
        .flightPort(range("--flight-port", flightPort, 0, 65_535))
        .httpPort(range("--http-port", httpPort, 0, 65_535))
        .grpcPort(grpcPort())
        .memoryBytes(memoryBytes)
        .searchThreads(range("--search-threads", searchThreads, 1, 1024))
        .headSeconds(range("--head-seconds", headSeconds, 1, 3600))
        .addressConnections(range("--connections-per-address", addressConnections, 1, 1 << 20))
        .openCollections(range("--open-collections", openCollections, 0, 1 << 20))
        .strictFilters(strictFilters)
        .recallSample(range("--recall-sample", recallSample, 0, 1_000_000))
        .queue(range("--queue", queue, 1, 1 << 20))
        .linkThreads(range("--link-threads", linkThreads, 1, 1024))
        .batchBytes((int) bytes("--batch-bytes", batchBytes, 1 << 10, 9 << 20))
        .requestBytes((int) bytes("--request-bytes", requestBytes, 1 << 10, 1 << 30))
        .flightBatchBytes(
            batch == null ? 0 : (int) bytes("--flight-batch-bytes", batch, 1 << 10, 1 << 30))
        .bodySeconds(range("--body-seconds", bodySeconds, 1, 86_400))
        .syncMillis(range("--sync-millis", syncMillis, 0, 60_000))
        .requestsPerSecond(range("--rate-limit", rateLimit, 0, 1_000_000))
        .corsOrigins(corsOrigins)
        .tokens(tokens)
        .tls(tls())
        .jfr(jfr)
        .insecure(insecure)
        .build();
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // closed by the hook: the JVM ends by a signal
  public Integer call() throws IOException {
    ServerOptions options = options();
    String problem = UnpackFolder.choose(List.of(options.data().resolve(".native")));
    if (!problem.isEmpty()) {
      throw new BadOptionException(problem);
    }
    ServerLog.takeOver();
    Server server = Server.start(options);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform()
                .name("arbalest-stop")
                .unstarted(() -> {
                  try {
                    ServerLog.info("stopping");
                    server.close();
                    ServerLog.info("stopped");
                  } catch (IOException | RuntimeException e) {
                    ServerLog.warn("stopping", e);
                  } finally {
                    stopped.countDown();
                  }
                }));
    ServerLog.info(
        "serving "
            + data
            + ": flight "
            + host
            + ":"
            + server.flightPort()
            + ", http "
            + host
            + ":"
            + server.httpPort()
            + (server.grpcPort() < 0 ? "" : ", grpc " + host + ":" + server.grpcPort()));
    server.collections().awaitLoaded();
    ServerLog.info("ready: " + server.collections().list().size() + " collections");
    try {
      stopped.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  /** {@code serve new-token}. */
  @Command(
      name = "new-token",
      mixinStandardHelpOptions = true,
      description = "Makes a token, prints it once and adds its digest to a file.")
  static final class NewToken implements Callable<Integer> {
    @Option(names = "--tokens", paramLabel = "FILE", required = true, description = "the file")
    private Path file;

    @Option(names = "--name", required = true, description = "whose it is, for messages")
    private String name;

    @Option(
        names = "--scope",
        split = ",",
        defaultValue = "read,write",
        description = "read, write or both (${DEFAULT-VALUE})")
    private List<String> scopes;

    @Option(
        names = "--collections",
        split = ",",
        defaultValue = "*",
        description = "which it is for, * for all (${DEFAULT-VALUE})")
    private List<String> collections;

    @Override
    public Integer call() throws IOException {
      PrintStream out = System.out;
      out.println(AccessControl.create(file, name, scopes, collections));
      return 0;
    }
  }
}
