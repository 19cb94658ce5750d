// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Runs the command line in a process whose kernel refuses io_uring_setup with EPERM, by a seccomp
 * filter: what containers do.
 */
final class RefuseIoUring {
  private static final int SECCOMP_SET_MODE_FILTER = 1;
  private static final int SECCOMP_FILTER_FLAG_TSYNC = 1;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int IO_URING_SETUP = 425;
  private static final int RETURN_EPERM = 0x00050000 | 1;
  private static final int RETURN_ALLOW = 0x7fff0000;

  private RefuseIoUring() {}

  public static void main(String[] arguments) throws Throwable {
    if (!install()) {
      System.err.println("this machine lacks seccomp");
    }
    System.exit(ArbalestCommand.commandLine().execute(arguments));
  }

  @SuppressWarnings("restricted")
  private static boolean install() throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle prctl =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("prctl"),
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    MethodHandle syscall =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("syscall"),
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS),
            Linker.Option.firstVariadicArg(1));
    long seccomp = System.getProperty("os.arch").equals("aarch64") ? 277 : 317;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment filter = arena.allocate(4 * 8, 8);
      statement(filter, 0, 0x20, 0, 0, 0); // load the number of the system call
      statement(filter, 1, 0x15, 0, 1, IO_URING_SETUP); // is it io_uring_setup?
      statement(filter, 2, 0x06, 0, 0, RETURN_EPERM);
      statement(filter, 3, 0x06, 0, 0, RETURN_ALLOW);
      MemorySegment program = arena.allocate(16, 8);
      program.set(JAVA_SHORT, 0, (short) 4);
      program.set(ADDRESS, 8, filter);
      int privileges = (int) prctl.invokeExact(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
      long result =
          (long)
              syscall.invokeExact(
                  seccomp,
                  (long) SECCOMP_SET_MODE_FILTER,
                  (long) SECCOMP_FILTER_FLAG_TSYNC,
                  program);
      return privileges == 0 && result == 0;
    }
  }

  private static void statement(
      MemorySegment filter, int number, int code, int jumpTrue, int jumpFalse, int value) {
    long at = 8L * number;
    filter.set(JAVA_SHORT, at, (short) code);
    filter.set(JAVA_BYTE, at + 2, (byte) jumpTrue);
    filter.set(JAVA_BYTE, at + 3, (byte) jumpFalse);
    filter.set(JAVA_INT, at + 4, value);
  }
}
