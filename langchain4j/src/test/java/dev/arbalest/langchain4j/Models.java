// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;

/** A real model; loading it takes a second. */
final class Models {
  static final EmbeddingModel MINI_LM = new AllMiniLmL6V2QuantizedEmbeddingModel();

  private Models() {}
}
