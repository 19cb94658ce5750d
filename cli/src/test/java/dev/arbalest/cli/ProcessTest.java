// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.arbalest.cli.formats.InputFilesTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs a process of its own: kills, refused system calls, permissions, full disks. */
class ProcessTest {
  @TempDir Path directory;
  private String prefix = "";
  private String classPath = System.getProperty("java.class.path");

  @BeforeEach
  void generate() throws Exception {
    prefix = directory.resolve("data").toString();
    Finished made =
        run(
            List.of(),
            "generate",
            "--output",
            prefix,
            "--count",
            "2500",
            "--dimension",
            "64",
            "--queries",
            "20",
            "--seed",
            "1");
    assertThat(made.code).as(made.err).isZero();
  }

  /** {@code -Dresumes=10} for more rounds. */
  @Test
  void aKilledBuildGoesOnToTheSameBytes() throws Exception {
    int resumes = Integer.getInteger("resumes", 3);
    SplittableRandom random = new SplittableRandom(Long.getLong("seed", 2));
    String whole = directory.resolve("whole").toString();
    String index = directory.resolve("resumed").toString();
    List<String> build =
        List.of("build", "--input", prefix + ".base.fbin", "--degree", "16", "--checkpoint", "0");
    long start = System.nanoTime();
    assertThat(run(List.of(), with(build, "--index", whole)).code).isZero();
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    for (int round = 0; round < resumes; round++) {
      if (round > 0) {
        deleteTree(Path.of(index));
      }
      String threads = Integer.toString(1 + round % 3);
      String[] again = with(build, "--index", index, "--threads", threads, "--resume");
      // Killed until it is done: later ones resume what earlier ones resumed.
      boolean ended = false;
      boolean committed = false;
      for (int attempt = 0; attempt < 4 && !committed; attempt++) {
        Process process = start(List.of(), again);
        if (!process.waitFor(millis / 3 + random.nextLong(millis), TimeUnit.MILLISECONDS)) {
          process.destroyForcibly();
        }
        ended = process.waitFor() == 0;
        // Killed after its last step it has nothing to go on with: another build would replace it.
        committed = Files.exists(Path.of(index, "manifest.json"));
        assertThat(committed || !ended).isTrue();
      }
      if (!committed) {
        Finished last = run(List.of(), again);
        assertThat(last.code).as(last.err).isZero();
        ended = true;
      }
      for (String file :
          List.of(
              "vectors.f32", "graph.1", "codes.1", "codec.1", "ids.1", "sums.1", "manifest.json")) {
        assertThat(Path.of(index, file))
            .as("round %d", round)
            .hasSameBinaryContentAs(Path.of(whole, file));
      }
      if (ended) { // otherwise it may have been killed while it measured recall
        assertThat(Path.of(index, "tuning.json"))
            .hasSameBinaryContentAs(Path.of(whole, "tuning.json"));
        try (java.util.stream.Stream<Path> files = Files.list(Path.of(index))) {
          assertThat(files.count()).as("nothing is left over").isEqualTo(9);
        }
      }
    }
  }

  private static String[] with(List<String> arguments, String... more) {
    return java.util.stream.Stream.concat(arguments.stream(), java.util.Arrays.stream(more))
        .toArray(String[]::new);
  }

  /** {@code -Dkills=50} for more rounds. */
  @Test
  void aKilledBuildLeavesNoIndexThatAnswersWrongly() throws Exception {
    int kills = Integer.getInteger("kills", 8);
    SplittableRandom random = new SplittableRandom(Long.getLong("seed", 1));
    String index = directory.resolve("index").toString();
    String[] build = {
      "build", "--input", prefix + ".base.fbin", "--index", index, "--degree", "16"
    };
    long start = System.nanoTime();
    assertThat(run(List.of(), build).code).isZero();
    long whole = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    String digest = search(index);
    int finished = 0;
    for (int round = 0; round < kills; round++) {
      if (random.nextBoolean()) {
        deleteTree(Path.of(index)); // half of the builds replace an index, half make the first
      }
      boolean hadIndex = Files.exists(Path.of(index, "manifest.json"));
      Process process = start(List.of(), build);
      if (!process.waitFor(random.nextLong(whole + whole / 10), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
      finished += process.waitFor() == 0 ? 1 : 0;
      Finished info = run(List.of(), "info", "--index", index);
      if (info.code == ExitCode.DONE) {
        assertThat(search(index)).as("round %d", round).isEqualTo(digest);
        assertThat(run(List.of(), "verify", "--index", index).code).isZero();
      } else {
        assertThat(hadIndex).as("round %d lost an index", round).isFalse();
        assertThat(info.code).as(info.err).isIn(ExitCode.CORRUPT, ExitCode.BAD_INPUT);
      }
      Finished rebuilt = run(List.of(), build);
      assertThat(rebuilt.code).as(rebuilt.err).isZero();
      assertThat(search(index)).isEqualTo(digest);
      try (java.util.stream.Stream<Path> files = Files.list(Path.of(index))) {
        assertThat(files.count()).as("nothing is left over").isEqualTo(9);
      }
    }
    assertThat(finished).as("builds that were not killed in time").isLessThan(Math.max(2, kills));
  }

  @Test
  void ioUringRefusedIsNamedAndAutoGoesOnWithoutIt() throws Exception {
    String index = buildIndex();
    List<String> wrapper = List.of(RefuseIoUring.class.getName());
    Finished forced =
        runMain(
            wrapper,
            "search",
            "--index",
            index,
            "--queries",
            prefix + ".query.fbin",
            "--reader",
            "uring");
    assumeThat(forced.err).doesNotContain("this machine lacks seccomp");
    assertThat(forced.code).as(forced.err).isEqualTo(ExitCode.FAILED);
    assertThat(forced.err)
        .contains("io_uring is refused", "EPERM", "seccomp")
        .doesNotContain("\tat ");
    Finished auto =
        runMain(wrapper, "search", "--index", index, "--queries", prefix + ".query.fbin", "--json");
    assertThat(auto.code).as(auto.err).isZero();
    assertThat(auto.err).containsOnlyOnce("vectors are read with pread instead of io_uring");
    assertThat(auto.out).contains("\"reader\":\"pread\"");
  }

  @Test
  void missingPermissionIsNamed() throws Exception {
    List<String> unprivileged = List.of();
    if (Files.isWritable(Path.of("/proc/1/oom_score_adj"))) { // root: permissions do not bind it
      Path setpriv = Path.of("/usr/bin/setpriv");
      assumeThat(setpriv).as("this machine lacks setpriv").exists();
      unprivileged =
          List.of(setpriv.toString(), "--reuid=65534", "--regid=65534", "--clear-groups");
    }
    String index = buildIndex();
    classPath = copyClassPath(); // the original may lie where others cannot read
    openToAll(directory);
    Path vectors = Path.of(index, "vectors.f32");
    Files.setPosixFilePermissions(vectors, PosixFilePermissions.fromString("---------"));
    Finished search =
        run(unprivileged, "search", "--index", index, "--queries", prefix + ".query.fbin");
    assertThat(search.code).as(search.err).isEqualTo(ExitCode.FAILED);
    assertThat(search.err).contains("no permission for " + vectors).doesNotContain("\tat ");
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-x------"));
    Finished build =
        run(
            unprivileged,
            "build",
            "--input",
            prefix + ".base.fbin",
            "--index",
            closed.resolve("index").toString());
    assertThat(build.code).as(build.err).isEqualTo(ExitCode.FAILED);
    assertThat(build.err).contains("no permission for " + closed);
    Path input = Path.of(prefix + ".base.fbin");
    Files.setPosixFilePermissions(input, PosixFilePermissions.fromString("---------"));
    build = run(unprivileged, "build", "--input", input.toString(), "--index", index + "2");
    assertThat(build.code).as(build.err).isEqualTo(ExitCode.FAILED);
    assertThat(build.err).contains("no permission for " + input);
  }

  @Test
  void aFullDiskEndsWithFourAndLeavesNothingThatOpens() throws Exception {
    assumeThat(Files.isWritable(Path.of("/proc/1/oom_score_adj")))
        .as("this machine lacks the right to mount a small file system")
        .isTrue();
    Path small = Files.createDirectory(directory.resolve("small"));
    // 2,500 vectors of 64 dimensions take 1.3 MB, graph and codes 0.2 MB.
    for (int kibibytes : new int[] {400, 1280, 1400, 1500}) {
      Process mount =
          new ProcessBuilder(
                  "mount",
                  "-t",
                  "tmpfs",
                  "-o",
                  "size=" + kibibytes + "k",
                  "tmpfs",
                  small.toString())
              .start();
      assumeThat(mount.waitFor()).as("this machine lacks the right to mount").isZero();
      try {
        String index = small.resolve("index").toString();
        Finished build =
            run(
                List.of(),
                "build",
                "--input",
                prefix + ".base.fbin",
                "--index",
                index,
                "--degree",
                "16");
        assertThat(build.code).as(build.err).isEqualTo(ExitCode.LIMIT);
        assertThat(build.err).contains("ENOSPC").doesNotContain("\tat ");
        assertThat(run(List.of(), "info", "--index", index).code).isEqualTo(ExitCode.BAD_INPUT);
        try (java.util.stream.Stream<Path> files = Files.list(Path.of(index))) {
          assertThat(files.map(file -> file.getFileName().toString())).containsExactly("LOCK");
        }
      } finally {
        assertThat(new ProcessBuilder("umount", small.toString()).start().waitFor()).isZero();
      }
    }
  }

  /** Vectors go from one program to the next without a file between. */
  @Test
  void aPipeIsRead() throws Exception {
    String index = directory.resolve("piped").toString();
    List<String> generate = java(List.of());
    generate.add(ArbalestCommand.class.getName());
    generate.addAll(
        List.of(
            ("generate --output "
                    + directory.resolve("piped-data")
                    + " --base - --count 2500"
                    + " --dimension 64 --queries 20 --seed 1")
                .split(" ")));
    List<String> build = java(List.of());
    build.add(ArbalestCommand.class.getName());
    build.addAll(List.of(("build --input - --degree 16 --index " + index).split(" ")));
    List<Process> pipeline =
        ProcessBuilder.startPipeline(
            List.of(
                new ProcessBuilder(generate).redirectError(directory.resolve("generate").toFile()),
                new ProcessBuilder(build)
                    .redirectOutput(directory.resolve("stdout").toFile())
                    .redirectError(directory.resolve("stderr").toFile())));
    Finished built = finish(pipeline.getLast());
    assertThat(built.code).as(built.err).isZero();
    assertThat(pipeline.getFirst().waitFor()).isZero();
    assertThat(directory.resolve("piped-data.base.fbin")).doesNotExist();
    assertThat(directory.resolve("piped-data.gt.ibin"))
        .hasSameBinaryContentAs(Path.of(prefix + ".gt.ibin"));
    String whole = directory.resolve("whole").toString();
    Finished same =
        run(
            List.of(),
            ("build --input " + prefix + ".base.fbin --degree 16 --index " + whole).split(" "));
    assertThat(same.code).as(same.err).isZero();
    for (String file : List.of("vectors.f32", "graph.1", "codes.1", "manifest.json")) {
      assertThat(Path.of(index, file)).hasSameBinaryContentAs(Path.of(whole, file));
    }
  }

  /** Compression libraries unpack their native parts, which a temporary folder may forbid. */
  @Test
  void aTemporaryFolderThatWillNotDoIsGotAround() throws Exception {
    for (String name : List.of("list-snappy.parquet", "list-brotli.parquet")) {
      try (java.io.InputStream in =
          java.util.Objects.requireNonNull(InputFilesTest.class.getResourceAsStream(name))) {
        Files.copy(in, directory.resolve(name));
      }
    }
    String index = directory.resolve("index").toString();
    String input = " --input " + directory;
    String build = "build" + input + "/list-snappy.parquet --index " + index;
    String insert = "insert" + input + "/list-brotli.parquet --first-id 100 --index " + index;
    Path missing = directory.resolve("missing");
    String cache = "XDG_CACHE_HOME=" + directory.resolve("cache");
    List<String> inMissing = List.of("env", cache, "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + missing);
    for (String command : List.of(build, insert)) {
      Finished finished = run(inMissing, command.split(" "));
      assertThat(finished.code).as(finished.err).isZero();
    }
    assumeThat(Files.isWritable(Path.of("/proc/1/oom_score_adj")))
        .as("this machine lacks the right to mount a file system")
        .isTrue();
    Path locked = Files.createDirectory(directory.resolve("locked"));
    List<String> mount =
        List.of("mount", "-t", "tmpfs", "-o", "size=64m,noexec", "tmpfs", locked.toString());
    assumeThat(new ProcessBuilder(mount).start().waitFor()).isZero();
    try {
      List<String> inLocked = List.of("env", cache, "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + locked);
      for (String command : List.of(build, insert)) {
        Finished finished = run(inLocked, command.split(" "));
        assertThat(finished.code).as(finished.err).isZero();
      }
    } finally {
      assertThat(new ProcessBuilder("umount", locked.toString()).start().waitFor()).isZero();
    }
  }

  @Test
  void aSecondWriterIsRefused() throws Exception {
    String index = buildIndex();
    Path pipe = directory.resolve("slow.fbin");
    Files.copy(Path.of(prefix + ".base.fbin"), pipe);
    try (java.nio.channels.FileChannel channel =
            java.nio.channels.FileChannel.open(
                Path.of(index, "LOCK"), java.nio.file.StandardOpenOption.WRITE);
        java.nio.channels.FileLock lock = channel.lock()) {
      assertThat(lock.isValid()).isTrue();
      Finished build =
          run(List.of(), "build", "--input", pipe.toString(), "--index", index, "--degree", "16");
      assertThat(build.code).as(build.err).isEqualTo(ExitCode.FAILED);
      assertThat(build.err).contains("already open for writing by another process");
    }
    assertThat(run(List.of(), "verify", "--index", index).code).isZero();
  }

  @Test
  void residentMemoryStaysNearGraphAndCodes() throws Exception {
    String index = buildIndex();
    Finished search =
        run(
            List.of(),
            "search",
            "--index",
            index,
            "--queries",
            prefix + ".query.fbin",
            "--reader",
            "pread",
            "--repeat",
            "50",
            "--json");
    assertThat(search.code).as(search.err).isZero();
    String rss = search.out.replaceAll(".*\"rss_bytes\":(\\d+).*", "$1").strip();
    assertThat(Long.parseLong(rss)).isBetween(20L << 20, 300L << 20);
  }

  private String buildIndex() throws Exception {
    String index = directory.resolve("index").toString();
    Finished build =
        run(
            List.of(),
            "build",
            "--input",
            prefix + ".base.fbin",
            "--index",
            index,
            "--degree",
            "16");
    assertThat(build.code).as(build.err).isZero();
    return index;
  }

  private String search(String index) throws Exception {
    Finished search =
        run(
            List.of(),
            "search",
            "--index",
            index,
            "--queries",
            prefix + ".query.fbin",
            "--list",
            "40",
            "--rerank",
            "20",
            "--json");
    assertThat(search.code).as(search.err).isZero();
    return search.out.replaceAll(".*\"ids_sha256\":\"(\\w+)\".*", "$1").strip();
  }

  private String copyClassPath() throws IOException {
    List<String> copies = new ArrayList<>();
    Path target = Files.createDirectory(directory.resolve("classpath"));
    for (String entry : List.of(classPath.split(java.io.File.pathSeparator, -1))) {
      Path source = Path.of(entry);
      Path copy = target.resolve(copies.size() + "-" + source.getFileName());
      copies.add(copy.toString());
      try (java.util.stream.Stream<Path> tree = Files.walk(source)) {
        for (Path file : tree.toList()) {
          Files.copy(file, copy.resolve(source.relativize(file).toString()));
        }
      }
    }
    return String.join(java.io.File.pathSeparator, copies);
  }

  private static void openToAll(Path path) throws IOException {
    try (java.util.stream.Stream<Path> tree = Files.walk(path)) {
      for (Path entry : tree.toList()) {
        Files.setPosixFilePermissions(entry, PosixFilePermissions.fromString("rwxrwxrwx"));
      }
    }
  }

  private static void deleteTree(Path path) throws IOException {
    try (java.util.stream.Stream<Path> tree = Files.walk(path)) {
      for (Path entry : tree.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(entry);
      }
    }
  }

  private record Finished(int code, String out, String err) {}

  private Finished run(List<String> wrapper, String... arguments) throws Exception {
    return finish(start(wrapper, arguments));
  }

  private Finished runMain(List<String> mainClass, String... arguments) throws Exception {
    List<String> command = java(List.of());
    command.add(mainClass.getFirst());
    command.addAll(List.of(arguments));
    return finish(start(command));
  }

  private Process start(List<String> wrapper, String... arguments) throws IOException {
    List<String> command = java(wrapper);
    command.add(ArbalestCommand.class.getName());
    command.addAll(List.of(arguments));
    return start(command);
  }

  private Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command)
        .redirectOutput(directory.resolve("stdout").toFile())
        .redirectError(directory.resolve("stderr").toFile())
        .start();
  }

  private Finished finish(Process process) throws Exception {
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    return new Finished(
        process.exitValue(),
        Files.readString(directory.resolve("stdout"), StandardCharsets.UTF_8),
        Files.readString(directory.resolve("stderr"), StandardCharsets.UTF_8));
  }

  private List<String> java(List<String> wrapper) {
    List<String> command = new ArrayList<>(wrapper);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-Xmx256m",
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath));
    return command;
  }
}
