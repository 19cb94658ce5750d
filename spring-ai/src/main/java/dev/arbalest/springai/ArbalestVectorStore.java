// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.LazyCollection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.Metric;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.ai.document.Document;
import org.springframework.ai.document.DocumentMetadata;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingOptions;
import org.springframework.ai.vectorstore.AbstractVectorStoreBuilder;
import org.springframework.ai.vectorstore.SearchRequest;
import org.springframework.ai.vectorstore.filter.Filter;
import org.springframework.ai.vectorstore.observation.AbstractObservationVectorStore;
import org.springframework.ai.vectorstore.observation.VectorStoreObservationContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Documents in an embedded collection on this machine's disk; no server. What an add or a delete
 * changed is durable, and found, when the call returns. Thread-safe, if its embedding model is.
 *
 * <p>Scores are the cosine for {@link Metric#COSINE}, the inner product for {@link Metric#DOT}, and
 * {@code 1 / (1 + distance)} for {@link Metric#L2}; a similarity threshold of 0 accepts all.
 *
 * <p>An index made by {@link Collection#indexField} makes filters on a key of the metadata fast.
 * The layout is that of Spring AI's store for Qdrant, so a server can serve the directory to it.
 */
public final class ArbalestVectorStore extends AbstractObservationVectorStore
    implements AutoCloseable {
  /** What observations call this kind of store. */
  public static final String PROVIDER = "arbalest";

  private final LazyCollection lazy;
  private final String contentKey;

  private ArbalestVectorStore(Builder builder, LazyCollection lazy) {
    super(builder);
    this.lazy = lazy;
    this.contentKey = builder.contentKey;
  }

  /**
   * A store to be configured; {@link Builder#directory} or {@link Builder#collections} is needed.
   */
  public static Builder builder(EmbeddingModel model) {
    return new Builder(model);
  }

  /** Settings of a store. Not thread-safe. */
  public static final class Builder extends AbstractVectorStoreBuilder<Builder> {
    private @Nullable Path directory;
    private @Nullable Collections collections;
    private String name = "documents";
    private @Nullable Metric metric;
    private int dimension;
    private String contentKey = "doc_content";

    private Builder(EmbeddingModel model) {
      super(model);
    }

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

    /** Name of the collection, made if missing; {@code documents} if not given. */
    public Builder collectionName(String newName) {
      name = newName;
      return this;
    }

    /** Distance of a collection that is made; cosine if not given. */
    public Builder metric(Metric newMetric) {
      metric = newMetric;
      return this;
    }

    /** Components of the vectors; if not given, the first document's vector decides. */
    public Builder dimension(int components) {
      dimension = components;
      return this;
    }

    /** Member of the payload that holds the text; {@code doc_content} if not given. */
    public Builder contentKey(String key) {
      contentKey = key;
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
    @Override
    public ArbalestVectorStore build() {
      return new ArbalestVectorStore(
          this, LazyCollection.open(directory, collections, name, dimension, metric));
    }
  }

  @Override
  public void doAdd(List<Document> documents) {
    if (documents.isEmpty()) {
      return;
    }
    List<float[]> vectors =
        embeddingModel.embed(documents, EmbeddingOptions.builder().build(), batchingStrategy);
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < documents.size(); i++) {
      Document document = documents.get(i);
      points.add(Point.of(PointId.of(document.getId()), vectors.get(i), payload(document)));
    }
    lazy.getOrCreate(vectors.getFirst().length).upsert(points);
  }

  private String payload(Document document) {
    Map<String, Object> metadata = document.getMetadata();
    if (metadata.containsKey(contentKey)) {
      throw new IllegalArgumentException(
          "document "
              + document.getId()
              + ": metadata has the key \""
              + contentKey
              + "\", under which the store keeps the text; choose another with contentKey, or "
              + "rename it");
    }
    ObjectNode payload = JsonBody.JSON.valueToTree(metadata);
    payload.put(contentKey, document.getText());
    return payload.toString();
  }

  @Override
  public void doDelete(List<String> ids) {
    Collection present = lazy.get();
    if (present != null && !ids.isEmpty()) {
      present.delete(ids.stream().map(PointId::of).toList());
    }
  }

  @Override
  protected void doDelete(Filter.Expression expression) {
    Collection present = lazy.get();
    if (present != null) {
      present.delete(ExpressionFilters.translate(expression));
    }
  }

  @Override
  public List<Document> doSimilaritySearch(SearchRequest request) {
    Collection present = lazy.get();
    if (present == null || request.getTopK() == 0) {
      return List.of();
    }
    Filter.Expression expression = request.getFilterExpression();
    float[] query = embeddingModel.embed(request.getQuery());
    dev.arbalest.collections.SearchRequest search =
        dev.arbalest.collections.SearchRequest.of(query, request.getTopK())
            .withFilter(expression == null ? null : ExpressionFilters.translate(expression));
    double least = request.getSimilarityThreshold();
    Metric measure = present.settings().metric();
    List<Document> documents = new ArrayList<>();
    for (Point point : present.search(search, true, false).points()) {
      double score = score(measure, point.distance());
      if (least == SearchRequest.SIMILARITY_THRESHOLD_ACCEPT_ALL || score >= least) {
        documents.add(document(point, score));
      }
    }
    return documents;
  }

  private static double score(Metric metric, float distance) {
    return switch (metric) {
      case COSINE -> 1 - distance;
      case DOT -> -distance;
      case L2 -> 1 / (1 + Math.sqrt(Math.max(0, distance)));
    };
  }

  private Document document(Point point, double score) {
    String payload = point.payload();
    Map<String, Object> metadata = new HashMap<>();
    String text = "";
    if (payload != null) {
      JsonNode document = JsonBody.JSON.readTree(payload);
      text = document.path(contentKey).asString("");
      for (Map.Entry<String, JsonNode> member : document.properties()) {
        if (!member.getKey().equals(contentKey) && !member.getValue().isNull()) {
          metadata.put(member.getKey(), JsonBody.JSON.treeToValue(member.getValue(), Object.class));
        }
      }
    }
    metadata.put(DocumentMetadata.DISTANCE.value(), 1 - score);
    return Document.builder()
        .id(point.id().toString())
        .text(text)
        .metadata(metadata)
        .score(score)
        .build();
  }

  @Override
  public VectorStoreObservationContext.Builder createObservationContextBuilder(String operation) {
    Collection present = lazy.get();
    VectorStoreObservationContext.Builder context =
        VectorStoreObservationContext.builder(PROVIDER, operation)
            .collectionName(lazy.name())
            .similarityMetric(lazy.metric().label());
    return present == null ? context : context.dimensions(present.settings().dimension());
  }

  /** The {@link Collection} below, none before the first document of a store without dimension. */
  @Override
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // as the interface has it
  public <T> Optional<T> getNativeClient() {
    return Optional.ofNullable((T) lazy.get());
  }

  /** Closes the collections, with a checkpoint, if the store opened them. */
  @Override
  public void close() {
    lazy.close();
  }
}
