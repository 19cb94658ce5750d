// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.CollectionOptions;
import dev.arbalest.collections.Collections;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.document.Document;
import org.springframework.ai.vectorstore.VectorStore;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class ArbalestVectorStoreAutoConfigurationTest {
  @TempDir private Path directory;

  private ApplicationContextRunner application() {
    return new ApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(ArbalestVectorStoreAutoConfiguration.class))
        .withBean(MiniLm.class)
        .withPropertyValues("spring.ai.vectorstore.arbalest.directory=" + directory);
  }

  @Test
  void aStoreIsMadeAndClosedWithTheApplication() throws IOException {
    application()
        .withPropertyValues(
            "spring.ai.vectorstore.arbalest.collection-name=notes",
            "spring.ai.vectorstore.arbalest.metric=dot",
            "spring.ai.vectorstore.arbalest.memory=8GB")
        .run(context -> {
          VectorStore store = context.getBean(VectorStore.class);
          store.add(List.of(new Document("a", "Bread is made of flour.", java.util.Map.of())));
          assertThat(store.similaritySearch("flour").getFirst().getId()).isEqualTo("a");
        });
    try (Collections collections = Collections.open(CollectionOptions.in(directory))) {
      assertThat(collections.get("notes").count()).isEqualTo(1);
      assertThat(collections.get("notes").settings().metric().label()).isEqualTo("dot");
    }
  }

  @Test
  void itStepsBackForAnotherKindOrAnotherBean() {
    application()
        .withPropertyValues("spring.ai.vectorstore.type=qdrant")
        .run(context -> assertThat(context).doesNotHaveBean(VectorStore.class));
    application()
        .withBean(
            "mine",
            ArbalestVectorStore.class,
            () ->
                ArbalestVectorStore.builder(new MiniLm())
                    .directory(directory.resolve("mine"))
                    .build())
        .run(context -> assertThat(context).hasSingleBean(VectorStore.class));
  }

  @Test
  void aMissingDirectoryIsNamed() {
    new ApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(ArbalestVectorStoreAutoConfiguration.class))
        .withBean(MiniLm.class)
        .run(context ->
            assertThat(context)
                .getFailure()
                .rootCause()
                .hasMessageContaining("spring.ai.vectorstore.arbalest.directory is missing"));
  }
}
