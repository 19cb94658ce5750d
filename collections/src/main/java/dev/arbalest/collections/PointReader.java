// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.SearchResult;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.attributes.StoredVector;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Makes points of rows of the database and of what searches find. Stateless. */
final class PointReader {
  /** Components of parts, and terms, of an answer: how many there are is not known before. */
  private static final int MAX_COMPONENTS = 4 << 20;

  private static final int ROWS = 50;

  private PointReader() {}

  /** The points of rows, in their order; those that are not there are left out. */
  static List<Point> ofRows(
      CollectionFiles files, List<? extends @Nullable PointRow> rows, VectorSelector wanted)
      throws IOException {
    List<Point> points = new ArrayList<>();
    if (files.isNamed()) {
      List<PointRow> there = new ArrayList<>();
      rows.stream().filter(java.util.Objects::nonNull).forEach(there::add);
      List<Map<String, PointVector>> vectors =
          vectors(files, there.stream().map(PointRow::id).toList(), wanted);
      for (int i = 0; i < there.size(); i++) {
        PointRow row = there.get(i);
        points.add(new Point(row.id(), row.payload(), null, vectors.get(i), 0));
      }
      return points;
    }
    LiveIndex index = files.only().index();
    wanted.requireKnown(files.attributes().settings());
    if (index == null) {
      return points;
    }
    IdType type = index.idType();
    for (PointRow row : rows) {
      if (row == null) {
        continue;
      }
      Ids one = PointId.toIds(List.of(row.id()), type);
      float[] vector = wanted.any() ? index.vector(one, 0) : null;
      if (wanted.any() ? vector != null : index.contains(one, 0)) {
        points.add(new Point(row.id(), row.payload(), vector, 0));
      }
    }
    return points;
  }

  /** The vectors that points have, in their order, by name. */
  private static List<Map<String, PointVector>> vectors(
      CollectionFiles files, List<PointId> ids, VectorSelector wanted) throws IOException {
    List<Map<String, PointVector>> all = new ArrayList<>();
    ids.forEach(_ -> all.add(new HashMap<>()));
    AttributeStore store = files.attributes();
    CollectionSettings settings = store.settings();
    wanted.requireKnown(settings);
    long components = 0;
    for (VectorSpace space : files.spaces()) {
      String name = space.spec().name();
      if (!wanted.wants(name)) {
        continue;
      }
      boolean isDense = space.spec().kind() == VectorSpec.Kind.DENSE;
      for (int from = 0; from < ids.size(); from += ROWS) { // and so never many too many at a time
        List<PointId> some = ids.subList(from, Math.min(ids.size(), from + ROWS));
        List<@Nullable StoredVector> stored = store.vectors(space.spec().number(), some);
        for (int i = 0; i < stored.size(); i++) {
          StoredVector known = stored.get(i);
          PointVector vector = known == null ? null : vector(space, known);
          if (vector != null) {
            all.get(from + i).put(name, vector);
            components += isDense ? 0 : NamedPoints.components(vector);
          }
        }
        if (components > MAX_COMPONENTS) {
          throw CollectionException.invalid(
              "the sparse and multivectors of these points have more than "
                  + MAX_COMPONENTS
                  + " components; ask for fewer points, or for some of the vectors");
        }
      }
    }
    return all;
  }

  private static @Nullable PointVector vector(VectorSpace space, StoredVector stored)
      throws IOException {
    LiveIndex index = space.index();
    return switch (space.spec().kind()) {
      case SPARSE -> stored.terms();
      case DENSE -> {
        float[] vector =
            index == null
                ? null
                : index.vector(PointId.toIds(List.of(stored.id()), index.idType()), 0);
        yield vector == null ? null : new PointVector.Dense(vector);
      }
      case MULTI -> stored.parts();
    };
  }

  /** The points of a search's neighbours, nearest first; those gone meanwhile are left out. */
  static List<Point> ofNeighbors(
      CollectionFiles files,
      VectorSpace space,
      SearchResult result,
      boolean withPayloads,
      VectorSelector wanted)
      throws IOException {
    List<Point> points = new ArrayList<>();
    LiveIndex index = space.index();
    if (index == null) {
      return points;
    }
    AttributeStore store = files.attributes();
    boolean isNamed = files.isNamed();
    wanted.requireKnown(store.settings());
    IdType type = index.idType();
    List<PointId> ids = new ArrayList<>();
    for (int rank = 0; rank < result.size(); rank++) {
      ids.add(PointId.of(result, rank, type));
    }
    // An index may have vectors of named ones that the database does not know, after a failure.
    boolean withRows = withPayloads || isNamed;
    List<@Nullable PointRow> rows = withRows ? store.rows(ids) : List.<@Nullable PointRow>of();
    List<Map<String, PointVector>> vectors =
        isNamed && wanted.any() ? vectors(files, ids, wanted) : List.of();
    for (int rank = 0; rank < ids.size(); rank++) {
      PointId id = ids.get(rank);
      PointRow row = withRows ? rows.get(rank) : null;
      boolean readsVector = wanted.any() && !isNamed;
      float[] vector = readsVector ? index.vector(PointId.toIds(List.of(id), type), 0) : null;
      if ((withRows && row == null) || (readsVector && vector == null)) {
        continue; // it is gone
      }
      points.add(
          new Point(
              id,
              row == null || !withPayloads ? null : row.payload(),
              vector,
              vectors.isEmpty() ? Map.of() : vectors.get(rank),
              result.distance(rank)));
    }
    return points;
  }
}
