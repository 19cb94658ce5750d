// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.test.vectorstore.BaseVectorStoreTests;
import org.springframework.ai.vectorstore.VectorStore;

/** Spring AI's own tests of stores. */
class VectorStoreConformanceTest extends BaseVectorStoreTests {
  @TempDir private Path directory;

  @Override
  protected void executeTest(Consumer<VectorStore> test) {
    try (ArbalestVectorStore store =
        ArbalestVectorStore.builder(new MiniLm()).directory(directory).build()) {
      test.accept(store);
    }
  }
}
