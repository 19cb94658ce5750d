// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import dev.arbalest.MemoryBudgetExceededException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A plan of what a job will keep in memory, made before it starts. Parts the job cannot do without
 * are required, others are taken if they fit; {@link #check} refuses a plan that exceeds the limit,
 * naming the smallest limit that would do. Not thread-safe.
 */
public final class MemoryBudget {
  private final long limitBytes;
  private final List<Part> parts = new ArrayList<>();
  private long plannedBytes;

  /**
   * One part of a plan.
   *
   * @param what what the memory holds
   * @param bytes how much
   */
  public record Part(String what, long bytes) {}

  /** Starts a plan for at most {@code limitBytes}, at least 1. */
  public MemoryBudget(long limitBytes) {
    if (limitBytes < 1) {
      throw new IllegalArgumentException("memory budget must be at least 1 byte: " + limitBytes);
    }
    this.limitBytes = limitBytes;
  }

  /** Adds a part the job cannot do without. */
  public void require(String what, long bytes) {
    parts.add(new Part(what, bytes));
    plannedBytes = Math.addExact(plannedBytes, bytes);
  }

  /** Adds a part if the plan stays within the limit with it; returns whether it did. */
  public boolean addIfFits(String what, long bytes) {
    if (bytes > limitBytes - plannedBytes) {
      return false;
    }
    require(what, bytes);
    return true;
  }

  /** Sum of all parts in bytes. */
  public long plannedBytes() {
    return plannedBytes;
  }

  /** The limit in bytes. */
  public long limitBytes() {
    return limitBytes;
  }

  /** The parts in the order they were added. */
  public List<Part> parts() {
    return List.copyOf(parts);
  }

  /**
   * Refuses a plan over the limit.
   *
   * @throws MemoryBudgetExceededException naming the limit, the parts and the smallest limit that
   *     works
   */
  public void check() {
    if (plannedBytes > limitBytes) {
      throw new MemoryBudgetExceededException(
          "memory budget of "
              + mebibytes(limitBytes)
              + " is too small: needed are "
              + mebibytes(plannedBytes)
              + " ("
              + parts.stream()
                  .map(part -> part.what() + " " + mebibytes(part.bytes()))
                  .collect(Collectors.joining(", "))
              + "); raise it to at least "
              + (plannedBytes + (1 << 20) - 1) / (1 << 20)
              + "m",
          plannedBytes);
    }
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }
}
