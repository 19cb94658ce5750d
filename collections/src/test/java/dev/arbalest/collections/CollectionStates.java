// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One collection, changed and looked at without a server around it. Points have a version: their
 * vectors and attributes all tell it.
 */
final class CollectionStates implements AutoCloseable {
  static final int DIMENSION = 8;
  static final int IDS = 60;

  private final OpenCollections open;
  private final CollectionOptions options;
  private final RecallWatch watch = new RecallWatch();

  private final boolean isNamed;

  /**
   * Creates it.
   *
   * @param isNamed whether points have vectors of each kind, or one without a name
   */
  CollectionStates(Path data, boolean isNamed) {
    this.isNamed = isNamed;
    long memory = 2 * Runtime.getRuntime().maxMemory() + (4L << 30); // the heap counts
    CollectionOptions usual = CollectionOptions.in(data).withMemoryBytes(memory);
    this.options = isNamed ? usual.withSyncMillis(200) : usual; // which named ones do not wait for
    this.open = new OpenCollections(memory, options.openCollections());
  }

  /** Makes a collection in an empty directory. */
  @com.google.errorprone.annotations.MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  Collection create(Path directory) throws IOException {
    CollectionSettings settings =
        isNamed
            ? CollectionSettings.of(
                List.of(
                    VectorSpec.dense("", DIMENSION, Metric.L2),
                    VectorSpec.dense("title", DIMENSION, Metric.L2),
                    VectorSpec.multi("tokens", DIMENSION, Metric.L2),
                    VectorSpec.sparse("words", false)))
            : new CollectionSettings(DIMENSION, Metric.L2, null, null);
    CollectionFiles.create(directory, settings);
    Collection made = load(directory);
    made.indexField(Filter.FieldPath.parse("version"), "integer");
    return made;
  }

  /** Opens a collection; it may turn out to be out of service. */
  @com.google.errorprone.annotations.MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  Collection load(Path directory) {
    Collection present =
        new Collection("things", directory, options, CollectionListener.NONE, open, watch);
    present.load();
    return present;
  }

  static void put(Collection collection, long[] ids, int version) {
    if (collection.settings().named()) {
      putNamed(collection, ids, version);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4L * DIMENSION * ids.length, 64);
      List<PointId> points = new ArrayList<>();
      List<@Nullable String> payloads = new ArrayList<>();
      for (int i = 0; i < ids.length; i++) {
        MemorySegment.copy(
            vector(ids[i], version), 0, memory, F32Rows.FLOAT, 4L * DIMENSION * i, DIMENSION);
        points.add(PointId.of(ids[i]));
        payloads.add("{\"version\":" + version + ",\"name\":\"point " + ids[i] + "\"}");
      }
      var _ =
          collection.upsert(
              points, payloads, new F32Rows(memory, 0, 4L * DIMENSION, ids.length, DIMENSION));
    }
  }

  private static void putNamed(Collection collection, long[] ids, int version) {
    List<Point> points = new ArrayList<>();
    for (long id : ids) {
      float[] vector = vector(id, version);
      Map<String, PointVector> vectors =
          Map.of(
              "",
              new PointVector.Dense(vector),
              "title",
              new PointVector.Dense(vector),
              "tokens",
              new PointVector.Multi(java.util.Collections.nCopies(1 + version % 3, vector)),
              "words",
              new PointVector.Sparse(new int[] {0, 1}, new float[] {id, version}));
      points.add(Point.of(PointId.of(id), vectors, "{\"version\":" + version + "}"));
    }
    collection.upsert(points);
  }

  static void delete(Collection collection, long[] ids) {
    int _ = collection.delete(Arrays.stream(ids).mapToObj(PointId::of).toList());
  }

  private static float[] vector(long id, int version) {
    float[] vector = new float[DIMENSION];
    vector[0] = id;
    vector[1] = version;
    return vector;
  }

  /**
   * What is wrong with a collection, or the empty string.
   *
   * @param allowed by id the versions of which a point must have one, -1 for none; where there are
   *     several, attributes may be of another than the vector
   */
  static String problemOf(Collection collection, Map<Long, Set<Integer>> allowed) {
    List<PointId> ids = allowed.keySet().stream().map(PointId::of).toList();
    Map<String, Point> found = new TreeMap<>();
    collection.retrieve(ids, true).forEach(point -> found.put(point.id().toString(), point));
    Map<Integer, Integer> byVersion = new TreeMap<>();
    for (Map.Entry<Long, Set<Integer>> entry : allowed.entrySet()) {
      Point point = found.get(entry.getKey().toString());
      Set<Integer> versions = entry.getValue();
      if (point == null) {
        if (!versions.contains(-1)) {
          return "point " + entry.getKey() + " is missing, expected a version of " + versions;
        }
        continue;
      }
      int version = -1;
      for (float[] vector : vectors(point)) {
        version = vector.length < 2 ? -1 : (int) vector[1];
        if (vector.length < 2 || vector[0] != entry.getKey() || !versions.contains(version)) {
          return "point " + entry.getKey() + " has vector " + Arrays.toString(vector);
        }
      }
      int described = described(point);
      if (described >= 0) {
        byVersion.merge(described, 1, Integer::sum);
      }
      if (described != version && versions.size() == 1) {
        return "point " + entry.getKey() + " has version " + version + ", " + point.payload();
      }
    }
    if (collection.count() != found.size()) {
      return "count " + collection.count() + ", found " + found.size();
    }
    for (Map.Entry<Integer, Integer> entry : byVersion.entrySet()) {
      Filter filter =
          new Filter.Compare(
              Filter.FieldPath.parse("version"), Filter.Operator.EQUAL, (long) entry.getKey());
      long count = collection.count(filter);
      if (count != entry.getValue()) {
        return "a filter finds " + count + " of version " + entry.getKey() + ", expected " + entry;
      }
    }
    return "";
  }

  /** All that tells id and version; something empty for a vector that is missing. */
  private static List<float[]> vectors(Point point) {
    float[] only = point.vector();
    if (only != null) {
      return List.of(only);
    }
    List<float[]> vectors = new ArrayList<>();
    for (String name : List.of("", "title", "tokens", "words")) {
      switch (point.vectors().get(name)) {
        case null -> vectors.add(new float[0]);
        case PointVector.Dense dense -> vectors.add(dense.components());
        case PointVector.Multi multi -> vectors.addAll(multi.parts());
        case PointVector.Sparse sparse -> vectors.add(sparse.values());
      }
    }
    return vectors;
  }

  private static int described(Point point) {
    String payload = point.payload();
    return payload == null ? -1 : JsonBody.JSON.readTree(payload).path("version").asInt(-1);
  }

  @Override
  public void close() {
    watch.close();
    open.close();
  }
}
