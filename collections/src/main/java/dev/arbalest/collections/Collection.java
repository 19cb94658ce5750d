// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.IdType;
import dev.arbalest.LiveIndex;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchResult;
import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.OrderedPoint;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.sparse.SparseIndex;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Points with vectors and attributes under one name: the one door of a collection for every
 * protocol, and so longer than other files; each method is one request. Thread-safe.
 *
 * <p>A point exists if its vector does, or in a collection with named vectors if its attributes do.
 * After a crash, opening the collection repairs what an unacknowledged write left behind.
 */
public final class Collection implements AutoCloseable {
  private static final int PAGE_ROWS = 10_000;

  /** Kinds of indexes of fields. */
  public static final List<String> FIELD_KINDS =
      List.of("keyword", "integer", "float", "bool", "datetime", "uuid", "text", "geo");

  private final String name;
  private final CollectionListener listener;
  private final CollectionLifecycle lifecycle;

  private final CollectionWrites writes;

  /** A collection whose files exist; {@link #load} or its first request opens it. */
  @MustBeClosed
  Collection(
      String name,
      Path directory,
      CollectionOptions options,
      CollectionListener listener,
      OpenCollections open,
      RecallWatch watch) {
    this.name = name;
    this.listener = listener;
    this.lifecycle = new CollectionLifecycle(name, directory, options, listener, open, watch);
    this.writes = new CollectionWrites(name, listener, lifecycle);
    listener.added(name);
  }

  /** The name. */
  public String name() {
    return name;
  }

  Path directory() {
    return lifecycle.files().directory();
  }

  public CollectionState state() {
    return lifecycle.state();
  }

  /** Whether it answers requests; its files may have to be opened first. */
  public boolean isInService() {
    CollectionState now = state();
    return now == CollectionState.READY || now == CollectionState.IDLE;
  }

  /** The state as clients see it. */
  public String stateName() {
    return isInService() ? CollectionState.READY.name() : state().name();
  }

  /** Why it is out of service, or the empty string. */
  public String reason() {
    return lifecycle.reason();
  }

  /** Opens it; a failure takes it out of service. */
  void load() {
    lifecycle.load();
  }

  /** Leaves it closed until its first request. */
  void leaveIdle() {
    lifecycle.leaveIdle();
  }

  /** As {@link OpenCollections#makeRoom}, for this collection. */
  void makeRoom(OpenCollections open, long bytes) {
    open.makeRoom(lifecycle, bytes);
  }

  /** Stops loading or a running compaction early. Call {@link #close} next. */
  void prepareClose() {
    lifecycle.prepareClose();
  }

  /**
   * Reopens the collection, whatever its state.
   *
   * @param repair whether to rebuild damaged parts that can be rebuilt from the vectors
   * @param codec the new codec, trained on the vectors, or the empty string to keep the present one
   * @return whether the collection is in service again; otherwise {@link #reason} says why not
   * @throws CollectionException INVALID if there is no such codec
   */
  public boolean reopen(boolean repair, String codec) {
    CodecSpec spec;
    try {
      spec = codec.isEmpty() ? null : CodecSpec.parse(codec);
    } catch (IllegalArgumentException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    }
    return lifecycle.reopen(repair, spec);
  }

  private <T extends @Nullable Object> T use(CollectionLifecycle.Use<T> use) {
    return lifecycle.use(use);
  }

  public CollectionSettings settings() {
    CollectionSettings known = lifecycle.files().whileClosed().settings();
    return known != null && state() == CollectionState.IDLE
        ? known
        : use(files -> files.attributes().settings());
  }

  /** Keeps the columns clients send: those so far, or null, become those from now on. */
  public void keepSchema(UnaryOperator<@Nullable String> merge) {
    writes.keepSchema(merge);
  }

  /** Points in it. */
  public int count() {
    int known = lifecycle.files().whileClosed().count();
    return known >= 0 && state() == CollectionState.IDLE ? known : use(CollectionFiles::count);
  }

  /** Points a filter accepts. */
  public long count(@Nullable Filter filter) {
    return filter == null ? count() : use(files -> files.matches(filter).count());
  }

  /**
   * Adds a vector to those that points may have; they have none of it yet. From now on a point
   * exists whether it has vectors or not.
   *
   * @throws CollectionException ALREADY_EXISTS if there is one of that name
   */
  public void addVector(VectorSpec spec) {
    lifecycle.useAlone(files -> {
      if (files.attributes().settings().find(spec.name()) != null) {
        throw new CollectionException(
            CollectionException.Kind.ALREADY_EXISTS,
            "collection " + name + " already has " + spec.label());
      }
      files.addVector(spec);
      return null;
    });
  }

  /**
   * Removes a vector from all points, and its index.
   *
   * @return whether there was one
   * @throws CollectionException INVALID if it is the only one
   */
  public boolean removeVector(String vector) {
    return lifecycle.useAlone(files -> {
      if (files.attributes().settings().find(vector) == null) {
        return false;
      }
      files.removeVector(vector);
      return true;
    });
  }

  /**
   * Inserts points, in place of those with the same ids. They are durable and found when this
   * returns. Payloads are not looked at: {@link #upsert(List)} checks them.
   *
   * @param ids all numbers or all text, of the same type as the ids already stored
   * @param payloads JSON objects as Jackson writes them, null for none
   * @param vectors as many, of the dimension of the vector without a name; points have no others
   */
  public WriteReceipt upsert(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors) {
    return writes.upsert(ids, payloads, vectors);
  }

  /**
   * Inserts points, in place of those with the same ids. All are checked before the first is
   * written; they are written in batches, each durable and found when this returns.
   *
   * @param points with vectors of the collection's dimension; ids all numbers or all text
   * @throws CollectionException INVALID, naming the first point that cannot be kept
   */
  public void upsert(List<Point> points) {
    writes.upsert(points);
  }

  /**
   * Refuses points that a collection with named vectors cannot have.
   *
   * @return the points as they are kept
   */
  public List<Point> checkNamed(List<Point> points) {
    return writes.checkNamed(points);
  }

  /**
   * Inserts or replaces the points of a collection with named vectors that a condition lets
   * through, as {@link #upsert(List, List, F32Rows, UpsertCondition)}. A point that is replaced
   * loses the vectors that the new one does not have.
   */
  public WriteReceipt upsert(List<Point> points, UpsertCondition condition) {
    return writes.upsert(points, condition);
  }

  /**
   * Inserts or replaces the points that a condition lets through; the others stay as they are. A
   * point that the request brings twice is replaced by the second unless it must be new, or pass a
   * filter: then the first stays.
   *
   * @return what was written
   */
  public WriteReceipt upsert(
      List<PointId> ids,
      List<@Nullable String> payloads,
      F32Rows vectors,
      UpsertCondition condition) {
    return writes.upsert(ids, payloads, vectors, condition);
  }

  /**
   * Throws unless all of some points are there.
   *
   * @throws CollectionException NOT_FOUND, naming the first that is not
   */
  public void requirePresent(List<PointId> ids) {
    writes.requirePresent(ids);
  }

  /**
   * Replaces the vectors of points, whose attributes stay.
   *
   * @param vectors as many, of the collection's dimension
   * @param filter which of the points are changed, or null for all
   * @throws CollectionException NOT_FOUND if one of the points is not there
   */
  public WriteReceipt updateVectors(List<PointId> ids, F32Rows vectors, @Nullable Filter filter) {
    return writes.updateVectors(ids, vectors, filter);
  }

  /**
   * Gives points of a collection with named vectors those that are brought. The others, and
   * attributes, stay.
   *
   * @param filter which of the points are changed, or null for all
   * @throws CollectionException NOT_FOUND if one of the points is not there
   */
  public WriteReceipt updateVectors(List<Point> points, @Nullable Filter filter) {
    return writes.updateVectors(points, filter);
  }

  /**
   * Throws if vectors of some names cannot be taken from points.
   *
   * @throws CollectionException INVALID if the collection has none of a name, or only one vector
   */
  public void requireDeletable(List<String> names) {
    writes.requireDeletable(names);
  }

  /**
   * Takes vectors from points of a collection with named vectors; points that are not there are
   * passed over.
   *
   * @param names of the vectors
   */
  public void deleteVectors(List<PointId> ids, List<String> names) {
    writes.deleteVectors(ids, names);
  }

  /** The same of the points a filter accepts. */
  public void deleteVectors(Filter filter, List<String> names) {
    writes.deleteVectors(filter, names);
  }

  /**
   * Throws if an id is invalid or of another type than the collection's. The first ids decide the
   * type.
   */
  public void requireIds(List<PointId> ids) {
    writes.requireIds(ids);
  }

  /** Whether inserts are slowed down because memory is short. */
  public boolean isNearLimit() {
    return use(CollectionFiles::isMemoryShort);
  }

  /** Removes points; those that are not there are passed over. Returns how many were. */
  public int delete(List<PointId> ids) {
    return writes.delete(ids);
  }

  /** Removes the points a filter accepts; returns how many. */
  public int delete(Filter filter) {
    return writes.delete(filter);
  }

  /** Changes the attributes of points; ids without a point are ignored. */
  public void changePayloads(List<PointId> ids, PayloadChange change) {
    writes.changePayloads(ids, change);
  }

  /** Changes the attributes of the points a filter accepts. */
  public void changePayloads(Filter filter, PayloadChange change) {
    writes.changePayloads(filter, change);
  }

  private static void requireKind(String kind) {
    if (TextIndex.isKind(kind)) {
      try {
        TextIndex _ = TextIndex.parse(kind);
        return;
      } catch (JacksonException e) {
        throw new CollectionException(
            CollectionException.Kind.INVALID,
            "the options of a text index are JSON: " + e.getOriginalMessage(),
            0,
            e);
      }
    }
    if (!FIELD_KINDS.contains(kind)) {
      throw CollectionException.invalid(
          "an index of a field is of kind "
              + String.join(", ", FIELD_KINDS)
              + " (or text with options, TextIndex.kind), found \""
              + kind
              + '"');
    }
  }

  /**
   * Makes filters on a field fast, by an index of a kind in place of one of another kind.
   *
   * @param kind one of {@link #FIELD_KINDS}, or {@link TextIndex#kind} of a text index with options
   */
  public void indexField(Filter.FieldPath field, String kind) {
    requireKind(kind);
    use(files -> {
      AttributeStore store = files.attributes();
      writes.lock(); // the columns are made of what is there
      try {
        if (store.indexes().has(field) && !kind.equals(store.indexes().kindOf(field))) {
          store.indexes().drop(field);
          files.fillColumns();
        }
        store.indexes().create(field, kind);
        files.fillColumns();
      } finally {
        writes.unlock();
      }
      return null;
    });
  }

  /** The fields with indexes. */
  public List<IndexedField> indexedFields() {
    return use(files -> IndexedField.of(files.attributes().indexes(), files.columns()));
  }

  /** Removes what {@link #indexField} made. */
  public void dropIndex(Filter.FieldPath field) {
    use(files -> {
      AttributeStore store = files.attributes();
      writes.lock();
      try {
        store.indexes().drop(field);
        files.fillColumns();
      } finally {
        writes.unlock();
      }
      return null;
    });
  }

  /**
   * The values of an indexed field and how many points have each, most first.
   *
   * @param filter which points are counted, or null for all
   * @param limit of values
   * @throws CollectionException INVALID if the field has no index, or its values are not in memory
   */
  public List<FacetValue> facet(Filter.FieldPath field, @Nullable Filter filter, int limit) {
    return use(files -> Facets.count(files, field, filter, limit));
  }

  /** Some points in the order of the ids; those that are not there are left out. */
  public List<Point> retrieve(List<PointId> ids, boolean withVectors) {
    return retrieve(ids, VectorSelector.of(withVectors));
  }

  /** The same with some of their vectors. */
  public List<Point> retrieve(List<PointId> ids, VectorSelector vectors) {
    return use(files -> {
      AttributeStore store = files.attributes();
      IdType type = store.settings().idType();
      if (type == null) {
        return List.of();
      }
      return PointReader.ofRows(
          files, store.rows(ids.stream().map(id -> id.as(type)).toList()), vectors);
    });
  }

  /** Goes through points in the order of their ids, from one on. */
  public PointPage scroll(
      @Nullable Filter filter, @Nullable PointId from, int limit, boolean withVectors) {
    return scroll(filter, from, limit, VectorSelector.of(withVectors));
  }

  /** The same with some of their vectors. */
  public PointPage scroll(
      @Nullable Filter filter, @Nullable PointId from, int limit, VectorSelector vectors) {
    if (limit < 1 || limit > PAGE_ROWS) {
      throw CollectionException.invalid("limit must be in [1, " + PAGE_ROWS + "], found " + limit);
    }
    return use(files -> {
      AttributeStore store = files.attributes();
      IdType type = store.settings().idType();
      PointId first = from == null || type == null ? null : from.as(type);
      List<PointRow> rows =
          filter == null
              ? store.scroll(null, first, limit + 1)
              : files.matches(filter).page(first, limit + 1);
      PointId next = rows.size() > limit ? rows.get(limit).id() : null;
      return new PointPage(
          PointReader.ofRows(files, rows.subList(0, Math.min(limit, rows.size())), vectors), next);
    });
  }

  /**
   * The points that a filter accepts in the order of an indexed field; a point with several values
   * comes once for each.
   *
   * @param startFrom first value: a Long, a Double, or a String that is a moment; null for all
   */
  public List<OrderedPoint> ordered(
      @Nullable Filter filter,
      Filter.FieldPath field,
      boolean descending,
      @Nullable Object startFrom,
      int limit) {
    return use(files -> {
      files.requireIndexedFields(filter);
      return files.attributes().ordered(filter, field, descending, startFrom, limit);
    });
  }

  /**
   * The points that have one of the words of a query, by BM25, best first.
   *
   * @param field with a text index, or null for the only one there is
   * @param filter which points may be found, or null
   * @throws CollectionException INVALID if there is no such field
   */
  public List<ScoredPoint> rankByText(
      Filter.@Nullable FieldPath field, String query, @Nullable Filter filter, int limit) {
    Objects.requireNonNull(query, "query");
    if (limit < 1 || limit > PAGE_ROWS) {
      throw CollectionException.invalid("limit must be in [1, " + PAGE_ROWS + "], found " + limit);
    }
    return use(files -> {
      files.requireIndexedFields(filter);
      return files.attributes().rankByText(field, query, filter, limit);
    });
  }

  /** Some of the points that a filter accepts, by chance. */
  public List<PointId> sample(@Nullable Filter filter, int limit) {
    return use(files -> {
      files.requireIndexedFields(filter);
      return files.attributes().sample(filter, limit);
    });
  }

  /**
   * The points with the best scores by a sparse vector or a multivector, best first. By a sparse
   * one only points are found that have a term of the query.
   *
   * @param using name of the vector
   * @param query of its kind; one list of components counts as a multivector of one part
   * @param filter which points may be found, or null
   * @param list parts that each part of a multivector finds at first, or 0 for as many as seem
   *     right
   * @param exact whether to score all points that a multivector may find
   * @throws CollectionException INVALID if there is no such vector, or the query does not suit it
   */
  public List<ScoredPoint> rankByVector(
      String using,
      PointVector query,
      @Nullable Filter filter,
      int limit,
      int list,
      boolean exact) {
    if (limit < 1 || limit > PAGE_ROWS) {
      throw CollectionException.invalid("limit must be in [1, " + PAGE_ROWS + "], found " + limit);
    }
    return use(files -> {
      files.requireIndexedFields(filter);
      VectorSpace space = files.space(using);
      PointVector checked = NamedPoints.query(space.spec(), query);
      long start = System.nanoTime();
      AttributeStore store = files.attributes();
      SparseIndex terms = space.sparse();
      LiveIndex index = space.index();
      List<ScoredPoint> found = List.of();
      if (terms != null && checked instanceof PointVector.Sparse sparse) {
        List<PointId> within = filter == null ? null : store.matching(filter, Integer.MAX_VALUE);
        found = terms.search(sparse, limit, within);
      } else if (index != null && checked instanceof PointVector.Multi multi) {
        found = new MultivectorSearch(store, space, index).run(multi, filter, limit, list, exact);
      }
      listener.searched(name, System.nanoTime() - start, new SearchResult());
      return found;
    });
  }

  /** As {@link #search(SearchRequest, boolean, VectorSelector)}, with all vectors or none. */
  public SearchAnswer search(SearchRequest request, boolean withPayloads, boolean withVectors) {
    return search(request, withPayloads, VectorSelector.of(withVectors));
  }

  /** Finds the nearest points; called on a thread of the {@link SearchPool}. */
  public SearchAnswer search(SearchRequest request, boolean withPayloads, VectorSelector vectors) {
    return use(files -> {
      int dimension = files.attributes().settings().dense(request.using()).dimension();
      if (request.vector().length != dimension) {
        throw CollectionException.dimensionMismatch(dimension, request.vector().length);
      }
      SearchEvent event = new SearchEvent();
      event.begin();
      long start = System.nanoTime();
      VectorSpace space = files.space(request.using());
      SearchResult result = new SearchResult();
      SearchExplanation how = FilteredSearch.run(space, files, request, result);
      List<Point> points = PointReader.ofNeighbors(files, space, result, withPayloads, vectors);
      listener.searched(name, System.nanoTime() - start, result);
      event.commit(name, request.k(), result);
      return new SearchAnswer(points, result, how);
    });
  }

  /** Writes a checkpoint. */
  public void checkpoint() {
    maintain(LiveIndex::checkpoint);
  }

  /** Frees the space of deleted points. */
  public void compact() {
    maintain(index -> index.compact(ProgressListener.NONE));
  }

  /** Waits until the graph holds everything inserted. */
  public void awaitLinked() {
    maintain(LiveIndex::awaitLinked);
  }

  /** Work on each index as a whole. */
  @FunctionalInterface
  private interface Maintenance {
    void run(LiveIndex index) throws IOException;
  }

  private void maintain(Maintenance maintenance) {
    use(files -> {
      for (LiveIndex index : files.indexes()) {
        maintenance.run(index);
      }
      return null;
    });
  }

  /** Why it was taken out of service, or null if it is in service. */
  public @Nullable String quarantineReason() {
    return state() == CollectionState.QUARANTINED ? reason() : null;
  }

  /** The statistics; read from the manifest if the files have not been opened yet. */
  public CollectionStats stats() {
    return state() == CollectionState.IDLE && !lifecycle.files().whileClosed().isUnknown()
        ? lifecycle.files().whileClosed().stats()
        : use(CollectionFiles::stats);
  }

  /** Waits for running requests, writes a checkpoint and closes. */
  @Override
  public void close() throws IOException {
    lifecycle.close();
  }
}
