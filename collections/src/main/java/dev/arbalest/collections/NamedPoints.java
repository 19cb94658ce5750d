// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.LiveIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Checks points of collections with named vectors, and queries, before anything is written. */
final class NamedPoints {
  private static final long BATCH_BYTES = 8 << 20;
  private static final int MAX_BATCH = 1000;

  private NamedPoints() {}

  /**
   * The points as they are kept.
   *
   * @throws CollectionException INVALID, naming the first that cannot be kept
   */
  static List<Point> checked(List<Point> points, CollectionSettings settings) {
    List<Point> checked = new ArrayList<>();
    for (Point point : points) {
      String id = point.id().text();
      if (id != null && !PointBatches.isText(id)) {
        throw CollectionException.invalid("an id has half a surrogate: " + id);
      }
      Map<String, PointVector> vectors = point.vectors();
      PointVector unnamed = point.named("");
      if (unnamed != null && !vectors.containsKey("")) {
        vectors = new HashMap<>(vectors);
        vectors.put("", unnamed);
      }
      checked.add(Point.of(point.id(), vectors, PointBatches.payload(point)));
    }
    requireVectors(checked, settings);
    checked.forEach(point -> requireNumbers(point, settings));
    return checked;
  }

  /**
   * Refuses vectors that the collection does not have, or that are of another kind or dimension.
   */
  static void requireVectors(List<Point> points, CollectionSettings settings) {
    if (!settings.named()) {
      throw CollectionException.invalid(
          "the collection has one vector, without a name: send it as a list of components");
    }
    for (Point point : points) {
      point
          .vectors()
          .forEach((name, vector) -> {
            VectorSpec spec = settings.vector(name);
            requireKind(spec, vector, "point " + point.id() + ": ");
          });
    }
  }

  private static void requireKind(VectorSpec spec, PointVector vector, String who) {
    if (spec.kind() != vector.kind()) {
      throw CollectionException.invalid(
          who
              + spec.label()
              + " is "
              + describe(spec.kind())
              + ", found "
              + describe(vector.kind()));
    }
    int found = dimension(vector);
    if (found != spec.dimension()) {
      throw CollectionException.invalid(
          who
              + spec.label()
              + ": dimension mismatch: expected "
              + spec.dimension()
              + ", got "
              + found);
    }
  }

  private static String describe(VectorSpec.Kind kind) {
    return switch (kind) {
      case DENSE -> "a list of components";
      case MULTI -> "a multivector, a list of lists of components";
      case SPARSE -> "sparse, with indices and values";
    };
  }

  private static int dimension(PointVector vector) {
    return switch (vector) {
      case PointVector.Dense dense -> dense.components().length;
      case PointVector.Multi multi -> multi.parts().getFirst().length;
      case PointVector.Sparse _ -> 0;
    };
  }

  private static void requireNumbers(Point point, CollectionSettings settings) {
    point
        .vectors()
        .forEach((name, vector) -> {
          VectorSpec spec = settings.vector(name);
          List<float[]> rows =
              switch (vector) {
                case PointVector.Dense dense -> List.of(dense.components());
                case PointVector.Multi multi -> multi.parts();
                case PointVector.Sparse _ -> List.of();
              };
          if (rows.isEmpty()) {
            return;
          }
          try (PointBuffer buffer = PointBuffer.ofRows(spec.dimension(), rows.size())) {
            rows.forEach(buffer::addVector);
            for (int row = 0; row < rows.size(); row++) {
              String problem = LiveIndex.problemOf(buffer.rows(), row, spec.metric());
              if (!problem.isEmpty()) {
                throw CollectionException.invalid(
                    "point " + point.id() + ", " + spec.label() + ": " + problem);
              }
            }
          }
        });
  }

  /** A query as a vector is searched by: one list of components is a multivector of one part. */
  static PointVector query(VectorSpec spec, PointVector query) {
    boolean isPart = spec.kind() == VectorSpec.Kind.MULTI && query.kind() == VectorSpec.Kind.DENSE;
    PointVector checked =
        isPart ? new PointVector.Multi(List.of(((PointVector.Dense) query).components())) : query;
    requireKind(spec, checked, "the query: ");
    return checked;
  }

  /** Points in batches of bounded size, in their order. */
  static List<List<Point>> batches(List<Point> points) {
    List<List<Point>> batches = new ArrayList<>();
    List<Point> batch = new ArrayList<>();
    long bytes = 0;
    for (Point point : points) {
      batch.add(point);
      bytes += bytes(point);
      if (bytes >= BATCH_BYTES || batch.size() == MAX_BATCH) {
        batches.add(batch);
        batch = new ArrayList<>();
        bytes = 0;
      }
    }
    if (!batch.isEmpty()) {
      batches.add(batch);
    }
    return batches;
  }

  private static long bytes(Point point) {
    String payload = point.payload();
    long bytes = payload == null ? 0 : payload.length();
    for (PointVector vector : point.vectors().values()) {
      bytes += 4L * components(vector);
    }
    return bytes;
  }

  /** Components of a vector, or of all its parts; of a sparse one twice its terms. */
  static int components(PointVector vector) {
    return switch (vector) {
      case PointVector.Dense dense -> dense.components().length;
      case PointVector.Multi multi -> multi.parts().size() * multi.parts().getFirst().length;
      case PointVector.Sparse sparse -> 2 * sparse.indices().length;
    };
  }
}
