// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Slots;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates filters on columns: every condition becomes a bitmap of slots, and these are combined.
 * One call at a time, within access to the slots.
 */
final class ColumnFilter {
  private final Map<String, FieldColumn> fields;
  private final long[] known;
  private final Slots slots;
  private final IdType idType;

  /**
   * Makes one for an access to the slots.
   *
   * @param fields columns by JSON paths
   * @param known slots whose attributes are known
   */
  ColumnFilter(Map<String, FieldColumn> fields, long[] known, Slots slots, IdType idType) {
    this.fields = fields;
    this.known = known;
    this.slots = slots;
    this.idType = idType;
  }

  /** The column of a condition's field, or null. */
  private static @Nullable FieldColumn column(Map<String, FieldColumn> fields, Filter condition) {
    Filter.FieldPath field = Filter.fieldOf(condition);
    return field == null || field.jsonPaths().size() != 1
        ? null
        : fields.get(field.jsonPaths().getFirst());
  }

  /** Whether columns have all that a filter asks about. */
  static boolean covers(Map<String, FieldColumn> fields, Filter filter) {
    return switch (filter) {
      case Filter.And and -> and.parts().stream().allMatch(part -> covers(fields, part));
      case Filter.Or or -> or.parts().stream().allMatch(part -> covers(fields, part));
      case Filter.AtLeast some -> some.parts().stream().allMatch(part -> covers(fields, part));
      case Filter.Not not -> covers(fields, not.part());
      case Filter.HasId _ -> true;
      case Filter.Nested _, Filter.HasVector _ -> false;
      default -> {
        FieldColumn column = column(fields, filter);
        yield column != null && column.covers(filter);
      }
    };
  }

  /** The slots that a filter accepts; the bitmap may be shorter than the slots are many. */
  long[] select(Filter filter) {
    return switch (filter) {
      case Filter.And and -> {
        long[] words = and.parts().isEmpty() ? all() : select(and.parts().getFirst());
        for (int i = 1; i < and.parts().size(); i++) {
          Bitmaps.retain(words, select(and.parts().get(i)));
        }
        yield words;
      }
      case Filter.Or or -> any(or.parts());
      case Filter.AtLeast some -> atLeast(some.count(), some.parts());
      case Filter.Not not -> {
        long[] words = all();
        Bitmaps.remove(words, select(not.part()));
        yield words;
      }
      case Filter.HasId some -> {
        long[] words = none();
        Ids ids = PointId.toIds(some.ids(), idType);
        for (int i = 0; i < ids.size(); i++) {
          int slot = slots.find(ids, i);
          if (slot != Slots.NONE) {
            Bitmaps.set(words, slot);
          }
        }
        yield words;
      }
      default -> {
        long[] words = none();
        column(filter).add(filter, known, words);
        yield words;
      }
    };
  }

  private FieldColumn column(Filter condition) {
    FieldColumn column = column(fields, condition);
    if (column == null) {
      throw new IllegalArgumentException("no column has the field of " + condition);
    }
    return column;
  }

  private long[] none() {
    return new long[(slots.size() + 63) / 64];
  }

  private long[] all() {
    return Arrays.copyOf(known, (slots.size() + 63) / 64);
  }

  /** Values that a field may equal are looked for together. */
  private long[] any(List<Filter> parts) {
    record Group(Filter.FieldPath field, Class<?> kind) {}
    Map<Group, List<Object>> values = new LinkedHashMap<>();
    long[] words = none();
    for (Filter part : parts) {
      if (part instanceof Filter.Compare compare && compare.operator() == Filter.Operator.EQUAL) {
        Group group = new Group(compare.field(), FieldColumn.kindOf(compare.value()));
        values.computeIfAbsent(group, _ -> new ArrayList<>()).add(compare.value());
      } else {
        Bitmaps.add(words, select(part));
      }
    }
    values.forEach(
        (group, wanted) -> column(new Filter.IsNull(group.field())).addAny(wanted, words));
    return words;
  }

  /** Counts in bit-sliced form would be faster; filters of this kind are rare. */
  private long[] atLeast(int count, List<Filter> parts) {
    if (count <= 0) {
      return all();
    }
    long[] words = none();
    int[] passed = new int[64 * words.length];
    for (Filter part : parts) {
      long[] accepted = select(part);
      for (int word = 0; word < accepted.length; word++) {
        for (long bits = accepted[word]; bits != 0; bits &= bits - 1) {
          int slot = 64 * word + Long.numberOfTrailingZeros(bits);
          if (++passed[slot] == count) {
            Bitmaps.set(words, slot);
          }
        }
      }
    }
    return words;
  }
}
