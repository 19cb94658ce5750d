package dev.arbalest.ssd;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * A directory mounted through {@code src/test/c/faultfs.c}, whose calls fail on command. Needs gcc,
 * libfuse3-dev, fuse3 and root.
 */
final class FaultFs implements AutoCloseable {
  static final int EIO = 5;

  /** What a fault is about, by place in the control file. */
  enum Call {
    READ(0),
    WRITE(4),
    SYNC(8);

    private final int offset;

    Call(int offset) {
      this.offset = offset;
    }
  }

  static final int VECTORS = 1;
  static final int LOG = 2;
  static final int OTHERS = 4;

  private final Path mount;
  private final MappedByteBuffer control;
  private final Process process;

  private FaultFs(Path mount, MappedByteBuffer control, Process process) {
    this.mount = mount;
    this.control = control;
    this.process = process;
  }

  /** What the machine lacks, or the empty string. */
  static String missing() {
    try {
      for (List<String> command :
          List.of(List.of("gcc", "--version"), List.of("pkg-config", "--exists", "fuse3"))) {
        if (run(command) != 0) {
          return String.join(" ", command) + " fails (apt packages gcc, pkg-config, libfuse3-dev)";
        }
      }
      return Files.isWritable(Path.of("/dev/fuse")) ? "" : "/dev/fuse cannot be written";
    } catch (UncheckedIOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static int run(List<String> command) {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(60, TimeUnit.SECONDS) ? process.exitValue() : -1;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    }
  }

  /** Compiles and mounts below a directory. */
  static FaultFs mount(Path directory) throws Exception {
    Path program = directory.resolve("faultfs");
    Path source = Path.of("src/test/c/faultfs.c").toAbsolutePath();
    int compiled =
        run(
            List.of(
                "sh",
                "-c",
                String.format(
                    Locale.ROOT,
                    "gcc -O1 -o %s %s $(pkg-config --cflags --libs fuse3)",
                    program,
                    source)));
    if (compiled != 0) {
      throw new IOException(source + " does not compile");
    }
    Path backing = Files.createDirectory(directory.resolve("backing"));
    Path mount = Files.createDirectory(directory.resolve("mounted"));
    Path file = Files.write(directory.resolve("control"), new byte[28]);
    MappedByteBuffer control;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      control = channel.map(FileChannel.MapMode.READ_WRITE, 0, 28);
    }
    control.order(ByteOrder.nativeOrder());
    Process process =
        new ProcessBuilder(
                program.toString(), file.toString(), backing.toString(), mount.toString())
            .redirectErrorStream(true)
            .redirectOutput(new File(directory.toFile(), "faultfs.log"))
            .start();
    for (int i = 0; i < 200; i++) {
      if (Files.readString(Path.of("/proc/mounts")).contains(mount.toString())) {
        return new FaultFs(mount, control, process);
      }
      Thread.sleep(20);
    }
    process.destroyForcibly();
    throw new IOException("no mount: " + Files.readString(directory.resolve("faultfs.log")));
  }

  Path path() {
    return mount;
  }

  /** From now on, or after some calls, calls about some files fail. */
  void fail(Call call, int errno, int files, int passes) {
    control.putInt(16, files);
    control.putInt(20, passes);
    control.putInt(24, 0);
    control.putInt(call.offset, errno);
  }

  /** Lets calls about some files wait. */
  void delay(int millis, int files) {
    control.putInt(16, files);
    control.putInt(12, millis);
  }

  /** Lets everything pass. */
  void heal() {
    for (int at = 0; at < 20; at += 4) {
      control.putInt(at, 0);
    }
  }

  /** Calls that failed since {@link #fail}. */
  int failed() {
    return control.getInt(24);
  }

  @Override
  public void close() {
    heal();
    int _ = run(List.of("umount", "-l", mount.toString()));
    try {
      if (process.waitFor(10, TimeUnit.SECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    process.destroyForcibly();
  }
}
