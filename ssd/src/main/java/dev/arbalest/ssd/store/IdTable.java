// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.function.IntPredicate;

/**
 * External ids by node: 8 bytes each, which are a number or say where a text is among all of them,
 * one after the other ({@code offset << 16 | bytes}). While it is written to texts are only added;
 * nodes that follow each other under one id share theirs. {@link #dropUnused} gives up the others.
 *
 * <p>Owned memory, reserved for as many nodes as the index may have. Ids of a node are written
 * before the node can be found, by one thread; reads are safe from any thread.
 */
public final class IdTable implements AutoCloseable {
  private static final int LENGTH_BITS = 16;
  private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;

  private final IdType type;
  private final NativeMemory values;
  private final NativeMemory texts;
  private long textBytes;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public IdTable(IdType type, long capacity, long textCapacity) {
    this.type = type;
    this.values = NativeMemory.reserve(8 * capacity);
    this.texts = NativeMemory.reserve(type == IdType.UTF8 ? textCapacity : 1);
  }

  public IdType type() {
    return type;
  }

  /** Makes room for a number of nodes. */
  void use(int nodes) {
    values.use(8L * nodes);
  }

  /** All values, to load or store. */
  public MemorySegment values() {
    return values.segment();
  }

  /** All texts, to load or store. */
  public MemorySegment texts() {
    return texts.segment();
  }

  /** Bytes of texts in use. */
  public long textBytes() {
    return textBytes;
  }

  /** Sets it after loading. */
  void setTextBytes(long bytes) {
    textBytes = bytes;
  }

  /** Memory in bytes for some number of nodes. */
  public long byteSize(int nodes) {
    return 8L * nodes + textBytes;
  }

  /** Whether there is room for additional bytes of text. */
  public boolean hasRoom(long bytes) {
    return type == IdType.INT64 || textBytes + bytes <= texts.byteSize();
  }

  /** Gives a node the {@code i}-th of some ids. */
  public void set(int node, Ids ids, int i) {
    if (type == IdType.INT64) {
      values.segment().setAtIndex(FileHeader.LONG, node, ids.number(i));
      return;
    }
    byte[] text = ids.text(i);
    MemorySegment.copy(text, 0, texts.segment(), ValueLayout.JAVA_BYTE, textBytes, text.length);
    values.segment().setAtIndex(FileHeader.LONG, node, textBytes << LENGTH_BITS | text.length);
    textBytes += text.length;
  }

  /** Gives a node the id another has. */
  public void share(int node, int other) {
    values.segment().setAtIndex(FileHeader.LONG, node, value(other));
  }

  /**
   * Gives up the texts of nodes that are gone, if they are more than those in use. Nobody else may
   * look at ids meanwhile.
   */
  public void dropUnused(int nodes, IntPredicate isGone) {
    if (type == IdType.INT64) {
      return;
    }
    long used = 0;
    for (int node = 0; node < nodes; node++) {
      used += isGone.test(node) ? 0 : value(node) & LENGTH_MASK;
    }
    if (textBytes - used <= used) {
      return;
    }
    try (NativeMemory kept = NativeMemory.allocate(Math.max(1, used))) {
      long end = 0;
      for (int node = 0; node < nodes; node++) {
        long value = isGone.test(node) ? 0 : value(node);
        long bytes = value & LENGTH_MASK;
        MemorySegment.copy(texts.segment(), value >>> LENGTH_BITS, kept.segment(), end, bytes);
        values.segment().setAtIndex(FileHeader.LONG, node, end << LENGTH_BITS | bytes);
        end += bytes;
      }
      MemorySegment.copy(kept.segment(), 0, texts.segment(), 0, end);
      textBytes = end;
    }
  }

  private long value(int node) {
    return values.segment().getAtIndex(FileHeader.LONG, node);
  }

  /** The number of a node. */
  public long number(int node) {
    return value(node);
  }

  /** The id of a node as text, whatever it is. */
  public String text(int node) {
    long value = value(node);
    if (type == IdType.INT64) {
      return Long.toString(value);
    }
    byte[] bytes = new byte[(int) (value & LENGTH_MASK)];
    MemorySegment.copy(
        texts.segment(), ValueLayout.JAVA_BYTE, value >>> LENGTH_BITS, bytes, 0, bytes.length);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Whether what a value says lies among the texts. */
  boolean isPossible(int node) {
    long value = value(node);
    return type == IdType.INT64
        || (value >= 0 && (value >>> LENGTH_BITS) + (value & LENGTH_MASK) <= textBytes);
  }

  /** Hash of a node's id. */
  int hash(int node) {
    long value = value(node);
    if (type == IdType.INT64) {
      return mix(value);
    }
    long hash = 0;
    long from = value >>> LENGTH_BITS;
    int length = (int) (value & LENGTH_MASK);
    for (int i = 0; i < length; i++) {
      hash = 31 * hash + texts.segment().get(ValueLayout.JAVA_BYTE, from + i);
    }
    return mix(hash);
  }

  /** Hash of the {@code i}-th of some ids. */
  int hash(Ids ids, int i) {
    if (type == IdType.INT64) {
      return mix(ids.number(i));
    }
    long hash = 0;
    for (byte b : ids.text(i)) {
      hash = 31 * hash + b;
    }
    return mix(hash);
  }

  /** A node's id by itself. */
  public Ids only(int node) {
    if (type == IdType.INT64) {
      return Ids.of(number(node));
    }
    long value = value(node);
    byte[] bytes = new byte[(int) (value & LENGTH_MASK)];
    MemorySegment.copy(
        texts.segment(), ValueLayout.JAVA_BYTE, value >>> LENGTH_BITS, bytes, 0, bytes.length);
    return Ids.ofBytes(new byte[][] {bytes});
  }

  private static int mix(long value) {
    long h = value * 0x9E3779B97F4A7C15L;
    h ^= h >>> 32;
    h *= 0xD6E8FEB86659FD93L;
    return (int) (h >>> 32);
  }

  /** Whether a node has the {@code i}-th of some ids. */
  boolean equal(int node, Ids ids, int i) {
    long value = value(node);
    if (type == IdType.INT64) {
      return value == ids.number(i);
    }
    byte[] text = ids.text(i);
    if ((value & LENGTH_MASK) != text.length) {
      return false;
    }
    long from = value >>> LENGTH_BITS;
    return MemorySegment.mismatch(
            texts.segment(), from, from + text.length, MemorySegment.ofArray(text), 0, text.length)
        < 0;
  }

  @Override
  public void close() {
    try (values) {
      texts.close();
    }
  }
}
