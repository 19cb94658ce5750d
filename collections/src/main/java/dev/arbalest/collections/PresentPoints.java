// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is known of points before they are written: asked while no other write runs. Stateless. */
final class PresentPoints {
  private PresentPoints() {}

  /** Which of some points there are. */
  static boolean[] among(CollectionFiles files, List<PointId> ids) throws IOException {
    boolean[] present = new boolean[ids.size()];
    if (files.isNamed()) {
      List<@Nullable PointRow> rows = rows(files, ids);
      for (int i = 0; i < rows.size(); i++) {
        present[i] = rows.get(i) != null;
      }
      return present;
    }
    LiveIndex index = files.only().index();
    if (index != null) {
      Ids all = PointId.toIds(ids, index.idType());
      for (int i = 0; i < present.length; i++) {
        present[i] = index.contains(all, i);
      }
    }
    return present;
  }

  /** Which of some points a filter accepts, all without one. */
  static boolean[] passing(CollectionFiles files, List<PointId> ids, @Nullable Filter filter)
      throws IOException {
    boolean[] passing = new boolean[ids.size()];
    Arrays.fill(passing, filter == null);
    IdType type = files.attributes().settings().idType();
    if (filter != null && type != null && !ids.isEmpty()) {
      Filter both = new Filter.And(List.of(new Filter.HasId(ids), filter));
      files.requireIndexedFields(filter);
      Set<PointId> accepted = new HashSet<>(files.attributes().matching(both, ids.size()));
      for (int i = 0; i < passing.length; i++) {
        passing[i] = accepted.contains(ids.get(i).as(type));
      }
    }
    return passing;
  }

  /** The rows of some points, null for those that are not there. */
  static List<@Nullable PointRow> rows(CollectionFiles files, List<PointId> ids)
      throws IOException {
    AttributeStore store = files.attributes();
    IdType type = store.settings().idType();
    return type == null ? List.of() : store.rows(ids.stream().map(id -> id.as(type)).toList());
  }
}
