// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.testing;

import java.lang.reflect.Method;

/** Heap memory the running thread has allocated. */
public final class Allocations {
  private Allocations() {}

  /**
   * Bytes the calling thread has allocated so far. By reflection: the modules under test do not
   * read the management modules, and tests should not make them.
   */
  public static long bytes() {
    try {
      Object threads =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getThreadMXBean")
              .invoke(null);
      Method bytes =
          Class.forName("com.sun.management.ThreadMXBean")
              .getMethod("getCurrentThreadAllocatedBytes");
      return (long) bytes.invoke(threads);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("this JVM does not tell what threads allocate", e);
    }
  }
}
