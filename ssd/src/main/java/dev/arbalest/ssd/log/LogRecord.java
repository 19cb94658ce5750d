// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.ssd.format.FileHeader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a block of the write-ahead log says: that vectors were inserted under ids (in place of those
 * that had them) or that ids were deleted.
 *
 * <pre>
 *    0   4  kind: 1 insert, 2 delete
 *    4   4  type of ids: 1 numbers, 2 text
 *    8   4  count
 *   12   4  dimension, 0 for delete
 *   16  ..  ids: 8 bytes each; or 2 bytes of length each, then the texts
 *       ..  zeros to a multiple of 4
 *       ..  insert: count x dimension floats, as stored (unit norm for cosine)
 * </pre>
 */
public final class LogRecord {
  public static final int INSERT = 1;
  public static final int DELETE = 2;
  private static final int HEAD_BYTES = 16;

  private LogRecord() {}

  /** Bytes before the floats of a record with ids [from, to). */
  public static int idBytes(Ids ids, int from, int to) {
    long bytes = HEAD_BYTES;
    for (int i = from; i < to; i++) {
      bytes += ids.type() == IdType.INT64 ? 8 : 2 + ids.text(i).length;
    }
    return Math.toIntExact((bytes + 3) / 4 * 4);
  }

  /** Writes all but the floats; returns where those go. */
  public static int write(
      MemorySegment target, int kind, Ids ids, int from, int to, int dimension) {
    int bytes = idBytes(ids, from, to);
    target.asSlice(0, bytes).fill((byte) 0);
    target.set(FileHeader.INT, 0, kind);
    target.set(FileHeader.INT, 4, ids.type() == IdType.INT64 ? 1 : 2);
    target.set(FileHeader.INT, 8, to - from);
    target.set(FileHeader.INT, 12, dimension);
    if (ids.type() == IdType.INT64) {
      for (int i = from; i < to; i++) {
        target.set(FileHeader.LONG, HEAD_BYTES + 8L * (i - from), ids.number(i));
      }
      return bytes;
    }
    long at = HEAD_BYTES + 2L * (to - from);
    for (int i = from; i < to; i++) {
      byte[] text = ids.text(i);
      target.set(FileHeader.SHORT, HEAD_BYTES + 2L * (i - from), (short) text.length);
      MemorySegment.copy(text, 0, target, ValueLayout.JAVA_BYTE, at, text.length);
      at += text.length;
    }
    return bytes;
  }

  public static int kind(MemorySegment payload) {
    return payload.get(FileHeader.INT, 0);
  }

  static int count(MemorySegment payload) {
    return payload.get(FileHeader.INT, 8);
  }

  public static int dimension(MemorySegment payload) {
    return payload.get(FileHeader.INT, 12);
  }

  /** The ids of a record, or null if its bytes make no sense. */
  public static @org.jspecify.annotations.Nullable Ids ids(MemorySegment payload, int bytes) {
    int count = bytes < HEAD_BYTES ? -1 : count(payload);
    int type = count < 0 ? 0 : payload.get(FileHeader.INT, 4);
    if (type == 1 && HEAD_BYTES + 8L * count <= bytes) {
      long[] numbers = new long[count];
      for (int i = 0; i < count; i++) {
        numbers[i] = payload.get(FileHeader.LONG, HEAD_BYTES + 8L * i);
      }
      return Ids.of(numbers);
    }
    if (type != 2 || HEAD_BYTES + 2L * count > bytes) {
      return null;
    }
    byte[][] texts = new byte[count][];
    long at = HEAD_BYTES + 2L * count;
    for (int i = 0; i < count; i++) {
      texts[i] = new byte[payload.get(FileHeader.SHORT, HEAD_BYTES + 2L * i) & 0xffff];
      if (at + texts[i].length > bytes) {
        return null;
      }
      MemorySegment.copy(payload, ValueLayout.JAVA_BYTE, at, texts[i], 0, texts[i].length);
      at += texts[i].length;
    }
    return Ids.ofBytes(texts);
  }
}
