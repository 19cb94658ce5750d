// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.collections.Collection;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.ai.document.Document;
import org.springframework.ai.document.DocumentMetadata;
import org.springframework.ai.vectorstore.SearchRequest;
import org.springframework.ai.vectorstore.observation.VectorStoreObservationContext;

/** What Spring AI's own tests do not look at. */
class ArbalestVectorStoreTest {
  private static final List<Document> DOCUMENTS =
      List.of(
          new Document(
              "spring",
              "Spring AI brings vector stores to Java applications.",
              Map.of(
                  "country",
                  "BG",
                  "year",
                  2020,
                  "active",
                  true,
                  "score",
                  0.5,
                  "file.name",
                  "a.md",
                  "tags",
                  List.of("java", "ai"),
                  "author",
                  Map.of("name", "Ann", "age", 40))),
          new Document(
              "depression",
              "Great Depression: an economic shock of the years from 1929 on.",
              Map.of("country", "NL", "year", 2021, "active", false, "score", 1.5)),
          new Document("bread", "Bread is made of flour, water and salt.", Map.of()));

  @TempDir private Path directory;

  private ArbalestVectorStore open() {
    return ArbalestVectorStore.builder(new MiniLm()).directory(directory).build();
  }

  @Test
  void theNearestComesFirstWithScoreAndMetadataAlsoAfterReopening() {
    try (ArbalestVectorStore store = open()) {
      store.add(DOCUMENTS);
    }
    try (ArbalestVectorStore store = open()) {
      List<Document> found =
          store.similaritySearch(
              SearchRequest.builder().query("What is bread made of?").topK(3).build());
      assertThat(found).hasSize(3);
      assertThat(found.getFirst().getId()).isEqualTo("bread");
      assertThat(found.getFirst().getText()).isEqualTo(DOCUMENTS.get(2).getText());
      assertThat(found.getFirst().getScore()).isGreaterThan(.6);
      assertThat(found.getFirst().getMetadata().get(DocumentMetadata.DISTANCE.value()))
          .asInstanceOf(InstanceOfAssertFactories.DOUBLE)
          .isLessThan(.4);
      Document spring =
          store
              .similaritySearch(
                  SearchRequest.builder()
                      .query("Java")
                      .topK(1)
                      .filterExpression("year == 2020")
                      .build())
              .getFirst();
      assertThat(spring.getMetadata())
          .containsEntry("country", "BG")
          .containsEntry("year", 2020)
          .containsEntry("active", true)
          .containsEntry("score", 0.5)
          .containsEntry("tags", List.of("java", "ai"))
          .containsEntry("author", Map.of("name", "Ann", "age", 40));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "country == 'BG';spring",
        "country != 'BG';bread depression",
        "year > 2020;depression",
        "year >= 2020;depression spring",
        "year < 2021;spring",
        "year <= 2021;depression spring",
        "score > 0.5;depression",
        "score == 0.5;spring",
        "active == true;spring",
        "country in ['BG', 'NL'];depression spring",
        "country nin ['BG'];bread depression",
        "not (country == 'BG');bread depression",
        "country == 'BG' && year == 2020;spring",
        "country == 'BG' || year == 2021;depression spring",
        "(country == 'BG' || country == 'NL') && active == false;depression",
        "tags == 'java';spring",
        "author.name == 'Ann';spring",
        "author.age >= 40;spring",
        "file.name == 'a.md';spring",
        "file.name != 'a.md';bread depression",
        "\"file.name\" == 'a.md';spring",
        "country is null;bread",
        "country is not null;depression spring",
      })
  void filtersAcceptWhatTheyShould(String expression, String expected) {
    try (ArbalestVectorStore store = open()) {
      store.add(DOCUMENTS);
      List<Document> found =
          store.similaritySearch(
              SearchRequest.builder()
                  .query("Java")
                  .topK(10)
                  .similarityThresholdAll()
                  .filterExpression(expression)
                  .build());
      assertThat(found.stream().map(Document::getId).sorted().toList())
          .isEqualTo(List.of(expected.split(" ")));
    }
  }

  @Test
  void thresholdsLeaveOutWhatIsFar() {
    try (ArbalestVectorStore store = open()) {
      store.add(DOCUMENTS);
      SearchRequest.Builder bread = SearchRequest.builder().query("What is bread made of?").topK(5);
      assertThat(store.similaritySearch(bread.similarityThreshold(.5).build())).hasSize(1);
      assertThat(store.similaritySearch(bread.similarityThresholdAll().build())).hasSize(3);
    }
  }

  @Test
  void aStoreWithoutDocumentsFindsAndDeletesNothing() {
    try (ArbalestVectorStore store = open()) {
      assertThat(store.similaritySearch("anything")).isEmpty();
      store.delete(List.of("a"));
      store.delete("country == 'BG'");
      assertThat(store.getNativeClient()).isEmpty();
      store.add(DOCUMENTS);
      Optional<Collection> collection = store.getNativeClient();
      assertThat(collection.orElseThrow().count()).isEqualTo(3);
      store.delete("country == 'BG'");
      assertThat(collection.orElseThrow().count()).isEqualTo(2);
    }
  }

  @Test
  void metadataUnderTheKeyOfTheTextIsRefused() {
    try (ArbalestVectorStore store = open()) {
      Document document = new Document("x", "text", Map.of("doc_content", "collides"));
      assertThatThrownBy(() -> store.add(List.of(document)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("document x")
          .hasMessageContaining("\"doc_content\"");
    }
  }

  @Test
  void operationsAreObserved() {
    TestObservationRegistry registry = TestObservationRegistry.create();
    try (ArbalestVectorStore store =
        ArbalestVectorStore.builder(new MiniLm())
            .directory(directory)
            .observationRegistry(registry)
            .build()) {
      store.add(DOCUMENTS);
      requireObserved(registry, VectorStoreObservationContext.Operation.ADD);
      store.similaritySearch("Java");
      requireObserved(registry, VectorStoreObservationContext.Operation.QUERY);
      store.delete(List.of("spring"));
      requireObserved(registry, VectorStoreObservationContext.Operation.DELETE);
    }
  }

  private static void requireObserved(
      TestObservationRegistry registry, VectorStoreObservationContext.Operation operation) {
    TestObservationRegistryAssert.assertThat(registry)
        .doesNotHaveAnyRemainingCurrentObservation()
        .hasObservationWithNameEqualTo("db.vector.client.operation")
        .that()
        .hasContextualNameEqualTo("arbalest " + operation.value())
        .hasLowCardinalityKeyValue("db.system", "arbalest")
        .hasHighCardinalityKeyValue("db.collection.name", "documents")
        .hasHighCardinalityKeyValue("db.search.similarity_metric", "cosine")
        .hasBeenStarted()
        .hasBeenStopped();
    registry.clear();
  }
}
