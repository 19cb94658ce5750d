// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.store.embedding.EmbeddingStore;
import dev.langchain4j.store.embedding.EmbeddingStoreWithRemovalIT;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** LangChain4j's own tests of removing by id, by filter and altogether. */
class EmbeddingStoreRemovalConformanceTest extends EmbeddingStoreWithRemovalIT {
  @TempDir private Path directory;

  private ArbalestEmbeddingStore store;

  @BeforeEach
  void open() {
    store = ArbalestEmbeddingStore.builder().directory(directory).build();
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Override
  protected EmbeddingStore<TextSegment> embeddingStore() {
    return store;
  }

  @Override
  protected EmbeddingModel embeddingModel() {
    return Models.MINI_LM;
  }
}
