// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import static dev.langchain4j.store.embedding.filter.MetadataFilterBuilder.metadataKey;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionOptions;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.vector.Metric;
import dev.langchain4j.data.document.Metadata;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.store.embedding.EmbeddingMatch;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What LangChain4j's own tests do not look at. */
class ArbalestEmbeddingStoreTest {
  private static final Embedding EAST = Embedding.from(new float[] {1, 0});
  private static final Embedding NORTH = Embedding.from(new float[] {0, 1});

  @TempDir private Path directory;

  private ArbalestEmbeddingStore open() {
    return ArbalestEmbeddingStore.builder().directory(directory).build();
  }

  private static List<EmbeddingMatch<TextSegment>> search(
      ArbalestEmbeddingStore store, Embedding query, int results) {
    return store
        .search(EmbeddingSearchRequest.builder().queryEmbedding(query).maxResults(results).build())
        .matches();
  }

  @Test
  void everythingIsThereAfterReopening() {
    UUID uuid = UUID.fromString("7d9f4fd2-6b0c-4c55-8e3e-0e2c8a2f1c11");
    Metadata metadata =
        Metadata.from(
            Map.of(
                "text",
                "ü\"\\\n",
                "a.b",
                "dots",
                "int",
                7,
                "long",
                Long.MIN_VALUE,
                "float",
                0.1f,
                "double",
                1e-300,
                "uuid",
                uuid));
    try (ArbalestEmbeddingStore store = open()) {
      store.addAll(
          List.of("a", "17"),
          List.of(EAST, NORTH),
          List.of(TextSegment.from("east", metadata), TextSegment.from("north")));
    }
    try (ArbalestEmbeddingStore store = open()) {
      List<EmbeddingMatch<TextSegment>> found = search(store, EAST, 5);
      assertThat(found).extracting(EmbeddingMatch::embeddingId).containsExactly("a", "17");
      assertThat(found).extracting(EmbeddingMatch::score).containsExactly(1.0, .5);
      Metadata read = found.getFirst().embedded().metadata();
      assertThat(found.getFirst().embedded().text()).isEqualTo("east");
      assertThat(read.getString("text")).isEqualTo("ü\"\\\n");
      assertThat(read.getInteger("int")).isEqualTo(7);
      assertThat(read.getLong("long")).isEqualTo(Long.MIN_VALUE);
      assertThat(read.getFloat("float")).isEqualTo(0.1f);
      assertThat(read.getDouble("double")).isEqualTo(1e-300);
      assertThat(read.getUUID("uuid")).isEqualTo(uuid);
      EmbeddingSearchRequest dotted =
          EmbeddingSearchRequest.builder()
              .queryEmbedding(NORTH)
              .filter(metadataKey("a.b").isEqualTo("dots"))
              .build();
      assertThat(store.search(dotted).matches())
          .extracting(EmbeddingMatch::embeddingId)
          .containsExactly("a");
    }
  }

  @Test
  void addingAgainReplaces() {
    try (ArbalestEmbeddingStore store = open()) {
      store.addAll(List.of("a"), List.of(EAST), List.of(TextSegment.from("before")));
      store.addAll(List.of("a"), List.of(NORTH), List.of(TextSegment.from("after")));
      assertThat(search(store, EAST, 5)).hasSize(1);
      assertThat(search(store, EAST, 5).getFirst().embedded().text()).isEqualTo("after");
      store.add("a", EAST); // without a text
      assertThat(search(store, EAST, 5).getFirst().embedded()).isNull();
    }
  }

  @Test
  void listsOfDifferentLengthsAreRefused() {
    try (ArbalestEmbeddingStore store = open()) {
      assertThatThrownBy(() -> store.addAll(List.of("a"), List.of(EAST, NORTH), null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 ids, 2 embeddings");
      assertThatThrownBy(() -> store.addAll(List.of(EAST, NORTH), List.of(TextSegment.from("one"))))
          .isInstanceOf(IllegalArgumentException.class);
      store.addAll(List.of());
      store.addAll(List.of(), List.of(), List.of());
      assertThat(store.collection()).isNull();
    }
  }

  @Test
  void aStoreWithoutEmbeddingsFindsAndRemovesNothing() {
    try (ArbalestEmbeddingStore store = open()) {
      assertThat(search(store, EAST, 5)).isEmpty();
      store.remove("a");
      store.removeAll(metadataKey("a").isEqualTo(1));
      store.removeAll();
    }
  }

  @Test
  void metadataThatCannotBeKeptIsNamed() {
    try (ArbalestEmbeddingStore store = open()) {
      assertThatThrownBy(() ->
              store.add(EAST, TextSegment.from("x", Metadata.from("text_segment", "collides"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("\"text_segment\"");
      Metadata infinite = new Metadata().put("size", Double.POSITIVE_INFINITY);
      assertThatThrownBy(() -> store.add(EAST, TextSegment.from("x", infinite)))
          .hasMessageContaining("\"size\": JSON cannot express Infinity");
      assertThat(search(store, EAST, 5)).isEmpty();
    }
  }

  @Test
  void embeddingsOfAnotherDimensionAreRefused() {
    try (ArbalestEmbeddingStore store = open()) {
      store.add(EAST);
      Embedding longer = Embedding.from(new float[] {1, 0, 0});
      assertThatThrownBy(() -> store.add(longer))
          .isInstanceOf(CollectionException.class)
          .hasMessageContaining("2 components, found 3");
      assertThatThrownBy(() -> search(store, longer, 1)).isInstanceOf(CollectionException.class);
    }
    assertThatThrownBy(
            () -> ArbalestEmbeddingStore.builder().directory(directory).dimension(3).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("collection embeddings has vectors of dimension 2, not 3");
    assertThatThrownBy(
            () -> ArbalestEmbeddingStore.builder().directory(directory).metric(Metric.L2).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("collection embeddings has metric cosine, not l2");
    try (ArbalestEmbeddingStore store = open()) { // the failed opening holds nothing
      assertThat(search(store, EAST, 1)).hasSize(1);
    }
  }

  @Test
  void scoresOfOtherMetricsGrowWithNearness() throws IOException {
    try (Collections collections = Collections.open(CollectionOptions.in(directory))) {
      for (Metric metric : List.of(Metric.L2, Metric.DOT)) {
        try (ArbalestEmbeddingStore store =
            ArbalestEmbeddingStore.builder()
                .collections(collections)
                .collectionName(metric.label())
                .metric(metric)
                .dimension(2)
                .build()) {
          store.addAll(List.of("east", "north"), List.of(EAST, NORTH), null);
          List<EmbeddingMatch<TextSegment>> found = search(store, EAST, 5);
          assertThat(found)
              .extracting(EmbeddingMatch::embeddingId)
              .containsExactly("east", "north");
          assertThat(found.getFirst().score()).isEqualTo(1.0);
          double second = metric == Metric.L2 ? 1 / (1 + Math.sqrt(2)) : .5;
          assertThat(found.get(1).score()).isEqualTo(second, within(1e-6));
        }
      }
      assertThat(collections.list()).hasSize(2); // still open: the store did not open them
      Collection collection = collections.get("l2");
      collection.indexField(Filter.FieldPath.parse("language"), "keyword");
    }
  }

  @Test
  void theTextsKeyCanBeChosen() {
    try (ArbalestEmbeddingStore store =
        ArbalestEmbeddingStore.builder().directory(directory).textKey("page_content").build()) {
      store.add(EAST, TextSegment.from("x", Metadata.from("text_segment", "no collision")));
      Collection collection = Objects.requireNonNull(store.collection());
      assertThat(collection.scroll(null, null, 1, false).points().getFirst().payload())
          .isEqualTo("{\"text_segment\":\"no collision\",\"page_content\":\"x\"}");
    }
  }

  @Test
  void aStoreNeedsOnePlace() {
    assertThatThrownBy(() -> ArbalestEmbeddingStore.builder().build())
        .isInstanceOf(IllegalArgumentException.class);
    try (ArbalestEmbeddingStore _ = open()) {
      assertThatThrownBy(this::open)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is used by another process");
    }
  }
}
