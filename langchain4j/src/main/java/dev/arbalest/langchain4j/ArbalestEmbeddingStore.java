// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.LazyCollection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.SearchRequest;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.Metric;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.store.embedding.EmbeddingMatch;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.EmbeddingSearchResult;
import dev.langchain4j.store.embedding.EmbeddingStore;
import dev.langchain4j.store.embedding.RelevanceScore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Embeddings and their texts in an embedded collection on this machine's disk; no server. What an
 * add or a removal changed is durable, and found, when the call returns. Thread-safe.
 *
 * <p>Scores are LangChain4j's relevance scores: half of one more than the cosine for {@link
 * Metric#COSINE} and, of vectors of unit length, {@link Metric#DOT}; {@code 1 / (1 + distance)} for
 * {@link Metric#L2}. Under {@link Metric#COSINE} the embeddings of matches have unit length.
 *
 * <p>An index made by {@link Collection#indexField} makes filters on a key of the metadata fast.
 * The layout is that of LangChain4j's store for Qdrant, so a server can serve the directory to it.
 */
public final class ArbalestEmbeddingStore implements EmbeddingStore<TextSegment>, AutoCloseable {
  private static final Filter ALL = new Filter.And(List.of());

  private final LazyCollection lazy;
  private final String textKey;

  private ArbalestEmbeddingStore(LazyCollection lazy, String textKey) {
    this.lazy = lazy;
    this.textKey = textKey;
  }

  /**
   * A store to be configured; {@link Builder#directory} or {@link Builder#collections} is needed.
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Settings of a store. Not thread-safe. */
  public static final class Builder {
    private @Nullable Path directory;
    private @Nullable Collections collections;
    private String name = "embeddings";
    private @Nullable Metric metric;
    private int dimension;
    private String textKey = "text_segment";

    private Builder() {}

    /** A directory of collections that this store alone uses, made if missing. */
    public Builder directory(Path path) {
      directory = path;
      return this;
    }

    /** Collections that the caller opened, and closes after the store. */
    public Builder collections(Collections opened) {
      collections = opened;
      return this;
    }

    /** Name of the collection, made if missing; {@code embeddings} if not given. */
    public Builder collectionName(String newName) {
      name = newName;
      return this;
    }

    /** Distance of a collection that is made; cosine if not given. */
    public Builder metric(Metric newMetric) {
      metric = newMetric;
      return this;
    }

    /**
     * Components of the vectors of a collection that is made; if not given, the first embedding
     * added decides.
     */
    public Builder dimension(int components) {
      dimension = components;
      return this;
    }

    /** Member of the payload that holds the text; {@code text_segment} if not given. */
    public Builder textKey(String key) {
      textKey = key;
      return this;
    }

    /**
     * Opens the store.
     *
     * @throws IllegalArgumentException if neither or both of directory and collections are given,
     *     or the collection is there with another dimension or metric
     * @throws IllegalStateException if the directory cannot be opened, or the collection is out of
     *     service
     */
    public ArbalestEmbeddingStore build() {
      return new ArbalestEmbeddingStore(
          LazyCollection.open(directory, collections, name, dimension, metric), textKey);
    }
  }

  /** The collection below, or null before the first embedding of a store without dimension. */
  public @Nullable Collection collection() {
    return lazy.get();
  }

  @Override
  public String add(Embedding embedding) {
    return addAll(List.of(embedding)).getFirst();
  }

  @Override
  public void add(String id, Embedding embedding) {
    addAll(List.of(id), List.of(embedding), null);
  }

  @Override
  public String add(Embedding embedding, @Nullable TextSegment segment) {
    List<String> ids = generateIds(1);
    addAll(ids, List.of(embedding), java.util.Collections.singletonList(segment));
    return ids.getFirst();
  }

  @Override
  public List<String> addAll(List<Embedding> embeddings) {
    List<String> ids = generateIds(embeddings.size());
    addAll(ids, embeddings, null);
    return ids;
  }

  /**
   * Adds embeddings, in place of those with the same ids.
   *
   * @param segments as many as embeddings, or null or empty for none
   */
  @Override
  public void addAll(
      List<String> ids, List<Embedding> embeddings, @Nullable List<TextSegment> segments) {
    List<TextSegment> texts = segments == null || segments.isEmpty() ? null : segments;
    if (ids.size() != embeddings.size() || (texts != null && texts.size() != embeddings.size())) {
      throw new IllegalArgumentException(
          "as many ids and segments as embeddings are needed, found "
              + ids.size()
              + " ids, "
              + embeddings.size()
              + " embeddings"
              + (texts == null ? "" : ", " + texts.size() + " segments"));
    }
    if (ids.isEmpty()) {
      return;
    }
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      points.add(
          Point.of(
              PointId.of(ids.get(i)),
              embeddings.get(i).vector(),
              texts == null ? null : MetadataValues.toPayload(texts.get(i), textKey)));
    }
    lazy.getOrCreate(embeddings.getFirst().dimension()).upsert(points);
  }

  @Override
  public void removeAll(java.util.Collection<String> ids) {
    if (ids == null || ids.isEmpty()) {
      throw new IllegalArgumentException("ids cannot be null or empty");
    }
    Collection present = lazy.get();
    if (present != null) {
      present.delete(ids.stream().map(PointId::of).toList());
    }
  }

  @Override
  public void removeAll(dev.langchain4j.store.embedding.filter.Filter filter) {
    Filter translated = MetadataFilters.translate(filter);
    if (translated == null) {
      throw new IllegalArgumentException("filter cannot be null");
    }
    Collection present = lazy.get();
    if (present != null) {
      present.delete(translated);
    }
  }

  @Override
  public void removeAll() {
    Collection present = lazy.get();
    if (present != null) {
      present.delete(ALL);
    }
  }

  /**
   * Finds the nearest embeddings.
   *
   * @throws dev.arbalest.collections.model.CollectionException INVALID if the query's dimension is
   *     not the collection's, or more than 10,000 results are asked for
   */
  @Override
  public EmbeddingSearchResult<TextSegment> search(EmbeddingSearchRequest request) {
    Collection present = lazy.get();
    if (present == null) {
      return new EmbeddingSearchResult<>(List.of());
    }
    Metric measure = present.settings().metric();
    SearchRequest search =
        SearchRequest.of(request.queryEmbedding().vector(), request.maxResults())
            .withFilter(MetadataFilters.translate(request.filter()));
    List<EmbeddingMatch<TextSegment>> matches = new ArrayList<>();
    for (Point point : present.search(search, true, true).points()) {
      double score = score(measure, point.distance());
      if (score >= request.minScore()) {
        matches.add(
            new EmbeddingMatch<>(
                score,
                point.id().toString(),
                Embedding.from(Objects.requireNonNull(point.vector())),
                MetadataValues.toSegment(point.payload(), textKey)));
      }
    }
    return new EmbeddingSearchResult<>(matches);
  }

  private static double score(Metric metric, float distance) {
    return switch (metric) {
      case COSINE -> RelevanceScore.fromCosineSimilarity(1 - distance);
      case DOT -> RelevanceScore.fromCosineSimilarity(-distance);
      case L2 -> 1 / (1 + Math.sqrt(Math.max(0, distance)));
    };
  }

  /** Closes the collections, with a checkpoint, if the store opened them. */
  @Override
  public void close() {
    lazy.close();
  }
}
