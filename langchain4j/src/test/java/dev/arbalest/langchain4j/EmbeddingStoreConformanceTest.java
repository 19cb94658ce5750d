// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.store.embedding.EmbeddingStore;
import dev.langchain4j.store.embedding.EmbeddingStoreWithFilteringIT;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** LangChain4j's own tests of stores with metadata and filters, and those they extend. */
class EmbeddingStoreConformanceTest extends EmbeddingStoreWithFilteringIT {
  @TempDir private Path directory;

  private ArbalestEmbeddingStore store;

  @BeforeEach
  void open() {
    if (store == null) {
      store = ArbalestEmbeddingStore.builder().directory(directory).build();
    }
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

  @Override
  protected void ensureStoreIsReady() {
    open(); // whichever comes first
  }

  @Override
  protected boolean supportsContains() {
    return true;
  }
}
