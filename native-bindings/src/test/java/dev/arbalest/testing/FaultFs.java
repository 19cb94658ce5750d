// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.testing;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
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
 * A directory mounted through {@code faultfs.c}, whose calls fail on command and whose changes are
 * recorded ({@link DiskRecord}). Needs gcc, libfuse3-dev, fuse3 and root.
 */
public final class FaultFs implements AutoCloseable {
  /** Errors of calls. */
  public static final int EINTR = 4;

  public static final int EIO = 5;
  public static final int EMFILE = 24;
  public static final int ENOSPC = 28;

  /** In place of an error: a write writes only a part of what it was given. */
  public static final int SHORT = -1;

  /** Kinds of calls for {@link #failStep}. */
  public static final int OPEN = 1;

  public static final int WRITE = 4;
  public static final int LIST = 256;
  public static final int ALL = 511;

  private static final int CONTROL_BYTES = 48;
  private static final int STEP_ERRNO = 28;
  private static final int STEP = 32;
  private static final int STEP_KINDS = 36;
  private static final int STEPS = 40;
  private static final int RECORDING = 44;

  /** What a fault is about, by place in the control file. */
  public enum Call {
    READ(0),
    WRITE(4),
    SYNC(8);

    private final int offset;

    Call(int offset) {
      this.offset = offset;
    }
  }

  /** Files meant. */
  public static final int VECTORS = 1;

  public static final int LOG = 2;
  public static final int OTHERS = 4;

  private final Path mount;
  private final Path record;
  private final MappedByteBuffer control;
  private final Process process;

  private FaultFs(Path mount, Path record, MappedByteBuffer control, Process process) {
    this.mount = mount;
    this.record = record;
    this.control = control;
    this.process = process;
  }

  /** What the machine lacks, or the empty string. */
  public static String missing() {
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
  public static FaultFs mount(Path directory) throws Exception {
    Path program = directory.resolve("faultfs");
    Path source = directory.resolve("faultfs.c");
    try (InputStream resource = FaultFs.class.getResourceAsStream("/faultfs.c")) {
      Files.write(source, java.util.Objects.requireNonNull(resource).readAllBytes());
    }
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
    Path file = Files.write(directory.resolve("control"), new byte[CONTROL_BYTES]);
    Path record = Files.write(directory.resolve("record"), new byte[0]);
    MappedByteBuffer control;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      control = channel.map(FileChannel.MapMode.READ_WRITE, 0, CONTROL_BYTES);
    }
    control.order(ByteOrder.nativeOrder());
    Process process =
        new ProcessBuilder(
                program.toString(),
                file.toString(),
                backing.toString(),
                mount.toString(),
                record.toString())
            .redirectErrorStream(true)
            .redirectOutput(new File(directory.toFile(), "faultfs.log"))
            .start();
    for (int i = 0; i < 200; i++) {
      if (Files.readString(Path.of("/proc/mounts")).contains(mount.toString())) {
        return new FaultFs(mount, record, control, process);
      }
      Thread.sleep(20);
    }
    process.destroyForcibly();
    throw new IOException("no mount: " + Files.readString(directory.resolve("faultfs.log")));
  }

  /** The directory. */
  public Path path() {
    return mount;
  }

  /** What lies below it, past the faults. */
  public Path backing() {
    return mount.resolveSibling("backing");
  }

  /** Records what changes from now on. */
  public void startRecording() {
    control.putInt(RECORDING, 1);
  }

  /** What was recorded so far. */
  public DiskRecord recorded() throws IOException {
    return DiskRecord.read(record);
  }

  /**
   * Lets one call fail: the {@code number}-th from now, counting from 1, of some kinds.
   *
   * @param errno an error, or {@link #SHORT}
   * @param kinds sum of the kinds that count
   */
  public void failStep(int errno, int number, int kinds) {
    control.putInt(24, 0);
    control.putInt(STEPS, 0);
    control.putInt(STEP, number);
    control.putInt(STEP_KINDS, kinds);
    control.putInt(STEP_ERRNO, errno);
  }

  /** From now on, or after some calls, calls about some files fail. */
  public void fail(Call call, int errno, int files, int passes) {
    control.putInt(16, files);
    control.putInt(20, passes);
    control.putInt(24, 0);
    control.putInt(call.offset, errno);
  }

  /** Lets calls about some files wait. */
  public void delay(int millis, int files) {
    control.putInt(16, files);
    control.putInt(12, millis);
  }

  /** Lets everything pass. */
  public void heal() {
    for (int at = 0; at < 20; at += 4) {
      control.putInt(at, 0);
    }
    control.putInt(STEP_ERRNO, 0);
  }

  /** Calls that failed since {@link #fail} or {@link #failStep}. */
  public int failed() {
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
