package dev.arbalest.cache;

import java.util.Locale;
import java.util.stream.Collectors;

/** A job does not fit its memory budget; the message says which budget would do. */
public final class MemoryBudgetExceededException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final long neededBytes;

  MemoryBudgetExceededException(MemoryBudget budget) {
    super(
        "memory budget of "
            + mebibytes(budget.limitBytes())
            + " is too small: needed are "
            + mebibytes(budget.plannedBytes())
            + " ("
            + budget.parts().stream()
                .map(part -> part.what() + " " + mebibytes(part.bytes()))
                .collect(Collectors.joining(", "))
            + "); give at least --memory "
            + (budget.plannedBytes() + (1 << 20) - 1) / (1 << 20)
            + "m");
    this.neededBytes = budget.plannedBytes();
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }

  /** The smallest budget that works, in bytes. */
  public long neededBytes() {
    return neededBytes;
  }
}
