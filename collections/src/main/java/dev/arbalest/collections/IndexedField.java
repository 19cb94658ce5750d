// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.attributes.FieldIndexes;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.filter.TextIndex;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A field with an index.
 *
 * @param name as clients give it
 * @param kind as the index was created
 * @param points that have a value
 * @param memoryBytes of its column, 0 if it is not in memory
 * @param problem why it is not, or not wholly, in memory; the empty string if it is
 */
public record IndexedField(
    String name, String kind, long points, long memoryBytes, String problem) {
  /** The kind without its options, as clients know it. */
  public String dataType() {
    return TextIndex.isKind(kind) ? TextIndex.KIND : kind;
  }

  /** The indexed fields of a collection; without an index of vectors there are no columns. */
  static List<IndexedField> of(FieldIndexes indexes, @Nullable AttributeColumns columns)
      throws IOException {
    Map<String, AttributeColumns.FieldStats> stats = columns == null ? Map.of() : columns.stats();
    List<IndexedField> fields = new ArrayList<>();
    for (Map.Entry<String, String> field : indexes.kindsByPath().entrySet()) {
      String path = field.getKey();
      String name = FieldIndexes.nameOf(path);
      AttributeColumns.FieldStats known = stats.get(path);
      fields.add(
          known == null
              ? new IndexedField(
                  name,
                  field.getValue(),
                  indexes.points(path),
                  0,
                  columns == null ? "" : columns.refused())
              : new IndexedField(
                  name, field.getValue(), known.points(), known.bytes(), known.problem()));
    }
    return fields;
  }
}
