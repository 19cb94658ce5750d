// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/** The columns of an Arrow schema, also those inside structures, and where their buffers lie. */
final class ArrowColumns {
  private ArrowColumns() {}

  /**
   * A column.
   *
   * @param path its name, after those of the structures around it
   * @param field its type
   * @param index its number in a walk through all fields, children after their parents
   * @param parents indexes of the structures around it
   */
  record Column(String path, Field field, int index, List<Integer> parents) {}

  /** Columns that are no parts of lists, unions or maps. */
  static List<Column> of(Schema schema) {
    List<Column> columns = new ArrayList<>();
    int index = 0;
    for (int i = 0; i < schema.fieldsLength(); i++) {
      index = add(schema.fields(i), "", List.of(), index, true, columns);
    }
    return columns;
  }

  private static int add(
      Field field,
      String prefix,
      List<Integer> parents,
      int index,
      boolean isReachable,
      List<Column> columns) {
    String path = prefix + field.name();
    if (isReachable) {
      columns.add(new Column(path, field, index, parents));
    }
    int next = index + 1;
    if (field.dictionary() != null) {
      return next; // its children lie in the dictionary
    }
    boolean isStruct = isReachable && field.typeType() == Type.Struct_;
    List<Integer> around = new ArrayList<>(parents);
    around.add(index);
    for (int i = 0; i < field.childrenLength(); i++) {
      next = add(field.children(i), path + ".", List.copyOf(around), next, isStruct, columns);
    }
    return next;
  }

  /** Where the fields of a walk lie in one batch. */
  static final class Places {
    private final int[] buffers;
    private final int[] nodes;
    private final int[] viewBuffers;

    private Places(int fields) {
      this.buffers = new int[fields];
      this.nodes = new int[fields];
      this.viewBuffers = new int[fields];
    }

    /** Number of a field's first buffer. */
    int buffer(int field) {
      return buffers[field];
    }

    /** Number of a field's node. */
    int node(int field) {
      return nodes[field];
    }

    /** How many buffers a field of views has beside validity and views. */
    int viewBuffers(int field) {
      return viewBuffers[field];
    }
  }

  /** Finds the buffers of every field of a batch. */
  static Places places(Schema schema, RecordBatch batch, boolean hasUnionValidity, int fields) {
    Places places = new Places(fields);
    // Next: field, buffer, node, count of view buffers.
    int[] next = new int[4];
    for (int i = 0; i < schema.fieldsLength(); i++) {
      place(schema.fields(i), batch, hasUnionValidity, places, next);
    }
    return places;
  }

  /** Number of fields of a schema, children included. */
  static int countFields(Schema schema) {
    int count = 0;
    for (int i = 0; i < schema.fieldsLength(); i++) {
      count += countFields(schema.fields(i));
    }
    return count;
  }

  private static int countFields(Field field) {
    int count = 1;
    for (int i = 0; field.dictionary() == null && i < field.childrenLength(); i++) {
      count += countFields(field.children(i));
    }
    return count;
  }

  private static void place(
      Field field, RecordBatch batch, boolean hasUnionValidity, Places places, int[] next) {
    int index = next[0]++;
    places.buffers[index] = next[1];
    places.nodes[index] = next[2]++;
    if (field.dictionary() != null) {
      next[1] += 2; // validity and numbers of the dictionary
      return;
    }
    switch (field.typeType()) {
      case Type.Null, Type.RunEndEncoded -> {}
      case Type.FixedSizeList, Type.Struct_ -> next[1] += 1;
      case Type.Utf8,
          Type.Binary,
          Type.LargeUtf8,
          Type.LargeBinary,
          Type.ListView,
          Type.LargeListView ->
          next[1] += 3;
      case Type.Utf8View, Type.BinaryView -> {
        places.viewBuffers[index] = Math.toIntExact(batch.variadicBufferCounts(next[3]++));
        next[1] += 2 + places.viewBuffers[index];
      }
      case Type.Union -> {
        boolean isDense = ((Union) field.type(new Union())).mode() == UnionMode.Dense;
        next[1] += (isDense ? 2 : 1) + (hasUnionValidity ? 1 : 0);
      }
      default -> next[1] += 2;
    }
    for (int i = 0; i < field.childrenLength(); i++) {
      place(field.children(i), batch, hasUnionValidity, places, next);
    }
  }
}
