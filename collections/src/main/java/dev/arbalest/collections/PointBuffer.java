// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Points on their way into a collection: ids, attributes, and vectors in memory of its own, which
 * {@link #close} frees. Not thread-safe.
 */
public final class PointBuffer implements AutoCloseable {
  private static final PointId NO_ID = PointId.of(0);

  private final int dimension;
  private final int capacity;
  private final int bytes;
  private final NativeMemory memory;
  private final List<PointId> ids = new ArrayList<>();
  private final List<@Nullable String> payloads = new ArrayList<>();
  private long attributeBytes;

  /**
   * Creates it.
   *
   * @param bytes of vectors it has room for; at least one fits. It is full, too, when ids and
   *     attributes have as many
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  public PointBuffer(int dimension, int bytes) {
    this.dimension = dimension;
    this.bytes = bytes;
    this.capacity = Math.max(1, bytes / (4 * dimension));
    this.memory = NativeMemory.allocate(4L * dimension * capacity);
  }

  /** A buffer with room for some rows. */
  @MustBeClosed
  public static PointBuffer ofRows(int dimension, int rows) {
    long bytes = 4L * dimension * rows;
    if (bytes > Integer.MAX_VALUE) {
      throw CollectionException.invalid("too many vectors in one request: " + rows);
    }
    return new PointBuffer(dimension, (int) bytes);
  }

  /** Takes a point with a row of others. */
  void addRow(PointId id, @Nullable String payload, F32Rows rows, int row) {
    MemorySegment.copy(rows.memory(), rows.offset(row), memory(), nextOffset(), 4L * dimension);
    add(id, payload);
  }

  /** Takes a vector without a point. */
  void addVector(float[] vector) {
    MemorySegment.copy(vector, 0, memory(), F32Rows.FLOAT, nextOffset(), dimension);
    add(NO_ID, null);
  }

  public int dimension() {
    return dimension;
  }

  public boolean isFull() {
    return ids.size() == capacity || attributeBytes >= bytes;
  }

  public int size() {
    return ids.size();
  }

  /** Memory of vectors, to fill the row behind the last before {@link #add}. */
  public MemorySegment memory() {
    return memory.segment();
  }

  /** Where that row begins. */
  public long nextOffset() {
    return 4L * dimension * ids.size();
  }

  /** Sets a component of the row behind the last. */
  public void set(int component, float value) {
    if (component >= dimension) {
      throw CollectionException.dimensionMismatch(dimension, component + 1);
    }
    memory.segment().set(F32Rows.FLOAT, nextOffset() + 4L * component, value);
  }

  /** Takes that row as the vector of a point. */
  public void add(PointId id, @Nullable String payload) {
    ids.add(id);
    payloads.add(payload);
    String text = id.text();
    attributeBytes += text == null ? Long.BYTES : text.length();
    attributeBytes += payload == null ? 0 : payload.length();
  }

  public List<PointId> ids() {
    return ids;
  }

  public List<@Nullable String> payloads() {
    return payloads;
  }

  /** The vectors of all rows. */
  public F32Rows rows() {
    return new F32Rows(memory.segment(), 0, 4L * dimension, ids.size(), dimension);
  }

  /** The row behind the last, as if it were one. */
  public F32Rows next() {
    return new F32Rows(memory.segment(), nextOffset(), 4L * dimension, 1, dimension);
  }

  public void clear() {
    ids.clear();
    payloads.clear();
    attributeBytes = 0;
  }

  @Override
  public void close() {
    memory.close();
  }
}
