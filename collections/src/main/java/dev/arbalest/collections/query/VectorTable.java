// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Some vectors, to be compared with each other, in native memory of its own, which {@link #close}
 * frees. Not thread-safe.
 */
final class VectorTable implements AutoCloseable {
  private final int dimension;
  private final Metric metric;
  private final NativeMemory memory;

  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  VectorTable(List<float[]> rows, VectorSpec spec) {
    this.dimension = spec.dimension();
    this.metric = spec.metric();
    this.memory = NativeMemory.allocate(4L * dimension * Math.max(1, rows.size()));
    for (int row = 0; row < rows.size(); row++) {
      MemorySegment.copy(rows.get(row), 0, memory.segment(), F32Rows.FLOAT, offset(row), dimension);
    }
  }

  private long offset(int row) {
    return 4L * dimension * row;
  }

  /** How alike two rows are: cosine, inner product, or the negative of the squared distance. */
  double similarity(int a, int b) {
    MemorySegment rows = memory.segment();
    return switch (metric) {
      case COSINE -> {
        double distance = F32Distance.cosine(rows, offset(a), rows, offset(b), dimension);
        yield Double.isNaN(distance) ? 0 : 1 - distance;
      }
      case DOT -> F32Distance.dot(rows, offset(a), rows, offset(b), dimension);
      case L2 -> -F32Distance.squaredL2(rows, offset(a), rows, offset(b), dimension);
    };
  }

  @Override
  public void close() {
    memory.close();
  }
}
