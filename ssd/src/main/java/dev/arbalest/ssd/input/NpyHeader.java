// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import dev.arbalest.BadInputException;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a NumPy array (format 1.0 to 3.0): a dictionary as Python writes one, with the keys
 * {@code descr}, {@code fortran_order} and {@code shape} in any order and spelling.
 */
final class NpyHeader {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int MAX_BYTES = 65_535;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final String name;
  private final String text;
  private int at;

  private NpyHeader(String name, String text) {
    this.name = name;
    this.text = text;
  }

  /** Reads the header of a file of so many bytes. */
  static DenseLayout read(String name, MemorySegment bytes, long size) {
    if (bytes.byteSize() < 12
        || bytes.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) != -1) {
      throw new BadInputException(name + ": not a NumPy file (its first bytes are not \\x93NUMPY)");
    }
    int major = bytes.get(ValueLayout.JAVA_BYTE, 6);
    if (major < 1 || major > 3) {
      throw new BadInputException(name + ": NumPy format version " + major + ", read are 1 to 3");
    }
    long start = major == 1 ? 10 : 12;
    long length =
        major == 1
            ? Short.toUnsignedInt(bytes.get(SHORT, 8))
            : Integer.toUnsignedLong(bytes.get(FileHeader.INT, 8));
    if (length > MAX_BYTES || start + length > size) {
      throw new BadInputException(name + ": damaged, its NumPy header claims " + length + " bytes");
    }
    String text =
        new String(
            bytes.asSlice(start, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    return new NpyHeader(name, text).layout(start + length);
  }

  /** Reads the header of a stream, and no more. */
  static DenseLayout read(String name, InputStream in) throws IOException {
    byte[] first = in.readNBytes(12);
    long length = 0;
    if (first.length == 12) {
      MemorySegment bytes = MemorySegment.ofArray(first);
      // Version 1 tells its length in two bytes: the next two are of the header.
      length =
          first[6] == 1
              ? Short.toUnsignedInt(bytes.get(SHORT, 8)) - 2
              : Integer.toUnsignedLong(bytes.get(FileHeader.INT, 8));
    }
    byte[] rest = in.readNBytes(Math.clamp(length, 0, MAX_BYTES));
    byte[] all = java.util.Arrays.copyOf(first, first.length + rest.length);
    System.arraycopy(rest, 0, all, first.length, rest.length);
    return read(name, MemorySegment.ofArray(all), all.length);
  }

  private DenseLayout layout(long offset) {
    Map<String, Object> dictionary = dictionary();
    Object shape = dictionary.get("shape");
    Object order = dictionary.get("fortran_order");
    Object type = dictionary.get("descr");
    if (type == null
        || !(order instanceof Boolean isByColumn)
        || !(shape instanceof List<?> sizes)) {
      throw malformed("descr, fortran_order and shape");
    }
    if (sizes.size() != 2
        || !(sizes.getFirst() instanceof Long count)
        || !(sizes.getLast() instanceof Long dimension)) {
      throw new BadInputException(
          name + ": an array of shape " + shape + ", needed are two dimensions: rows, components");
    }
    return DenseLayout.checked(
        name, "its header", offset, 0, count, dimension, type(type), isByColumn);
  }

  private ComponentType type(Object descr) {
    String spelling = descr instanceof String text ? text.strip() : "";
    ByteOrder order = ByteOrder.LITTLE_ENDIAN;
    if (!spelling.isEmpty() && "<>=|".indexOf(spelling.charAt(0)) >= 0) {
      order =
          switch (spelling.charAt(0)) {
            case '>' -> ByteOrder.BIG_ENDIAN;
            case '=' -> ByteOrder.nativeOrder();
            default -> ByteOrder.LITTLE_ENDIAN;
          };
      spelling = spelling.substring(1);
    }
    ComponentType.Kind kind =
        switch (spelling) {
          case "f2", "e", "float16" -> ComponentType.Kind.F16;
          case "f4", "f", "float32" -> ComponentType.Kind.F32;
          case "f8", "d", "float64", "float" -> ComponentType.Kind.F64;
          case "i1", "b", "int8" -> ComponentType.Kind.I8;
          case "u1", "B", "uint8" -> ComponentType.Kind.U8;
          default ->
              throw new BadInputException(
                  name
                      + ": its components are of type "
                      + descr
                      + "; read are float16, float32, float64, int8 and uint8"
                      + " (f2, f4, f8, i1, u1)");
        };
    return new ComponentType(kind, order);
  }

  private BadInputException malformed(String expected) {
    return new BadInputException(
        name + ": damaged NumPy header, expected " + expected + ", found " + text.strip());
  }

  private Map<String, Object> dictionary() {
    Map<String, Object> found = new HashMap<>();
    expect('{');
    while (!accept('}')) {
      if (!(value() instanceof String key)) {
        throw malformed("a key at character " + at);
      }
      expect(':');
      Object value = value();
      if (found.putIfAbsent(key, value) != null) {
        throw malformed("the key " + key + " once");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    return found;
  }

  /** A text, a truth value, a number, or a list of such (round or square). */
  private Object value() {
    char next = peek();
    if ((next == 'u' || next == 'b') && at + 1 < text.length() && isQuote(text.charAt(at + 1))) {
      next = text.charAt(++at); // u'descr', as Python 2 writes texts
    }
    if (isQuote(next)) {
      at++;
      int end = text.indexOf(next, at);
      if (end < 0) {
        throw malformed("the end of a text");
      }
      String value = text.substring(at, end);
      at = end + 1;
      return value;
    }
    if (next == '(' || next == '[') {
      at++;
      return list(next == '(' ? ')' : ']');
    }
    String word = word();
    return switch (word) {
      case "True" -> true;
      case "False" -> false;
      case "" -> throw malformed("a value at character " + at);
      default -> number(word);
    };
  }

  private List<Object> list(char end) {
    List<Object> values = new ArrayList<>();
    while (!accept(end)) {
      values.add(value());
      if (!accept(',')) {
        expect(end);
        break;
      }
    }
    return values;
  }

  private String word() {
    int start = at;
    while (at < text.length() && Character.isLetterOrDigit(text.charAt(at))) {
      at++;
    }
    return text.substring(start, at);
  }

  private Long number(String word) {
    try {
      return Long.valueOf(word.endsWith("L") ? word.substring(0, word.length() - 1) : word);
    } catch (NumberFormatException e) {
      throw new BadInputException(name + ": impossible number " + word + " in its header");
    }
  }

  private static boolean isQuote(char letter) {
    return letter == '\'' || letter == '"';
  }

  private char peek() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at < text.length() ? text.charAt(at) : 0;
  }

  private boolean accept(char wanted) {
    if (peek() != wanted) {
      return false;
    }
    at++;
    return true;
  }

  private void expect(char wanted) {
    if (!accept(wanted)) {
      throw malformed("'" + wanted + "' at character " + at);
    }
  }
}
