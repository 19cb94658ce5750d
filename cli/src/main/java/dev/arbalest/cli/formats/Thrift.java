// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;

/** Writes structures in Thrift's compact protocol, fields in ascending order. Not thread-safe. */
final class Thrift {
  private static final int I32 = 5;
  private static final int I64 = 6;
  private static final int BINARY = 8;
  private static final int LIST = 9;
  private static final int STRUCT = 12;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final Deque<Integer> enclosing = new ArrayDeque<>();
  private int last;

  static void varint(ByteArrayOutputStream target, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      target.write((int) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    target.write((int) rest);
  }

  private void zigzag(long value) {
    varint(bytes, (value << 1) ^ (value >> 63));
  }

  private void field(int id, int type) {
    bytes.write(((id - last) << 4) | type);
    last = id;
  }

  Thrift i32(int id, int value) {
    field(id, I32);
    zigzag(value);
    return this;
  }

  Thrift i64(int id, long value) {
    field(id, I64);
    zigzag(value);
    return this;
  }

  Thrift text(int id, String value) {
    field(id, BINARY);
    write(value);
    return this;
  }

  private void write(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    varint(bytes, utf8.length);
    bytes.writeBytes(utf8);
  }

  Thrift integers(int id, int... values) {
    field(id, LIST);
    size(values.length, I32);
    for (int value : values) {
      zigzag(value);
    }
    return this;
  }

  Thrift texts(int id, String... values) {
    field(id, LIST);
    size(values.length, BINARY);
    for (String value : values) {
      write(value);
    }
    return this;
  }

  /** A list of structures, each begun by {@link #element} and ended by {@link #end}. */
  Thrift list(int id, int size) {
    field(id, LIST);
    size(size, STRUCT);
    return this;
  }

  private void size(int size, int type) {
    if (size < 15) {
      bytes.write((size << 4) | type);
    } else {
      bytes.write(0xf0 | type);
      varint(bytes, size);
    }
  }

  Thrift element() {
    enclosing.push(last);
    last = 0;
    return this;
  }

  /** A structure as a field. */
  Thrift begin(int id) {
    field(id, STRUCT);
    return element();
  }

  Thrift end() {
    bytes.write(0);
    last = enclosing.pop();
    return this;
  }

  /** Ends the outermost structure. */
  byte[] finish() {
    bytes.write(0);
    return bytes.toByteArray();
  }
}
