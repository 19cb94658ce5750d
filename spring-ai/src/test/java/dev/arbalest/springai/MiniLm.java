// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;

/** A real model that needs no network, which LangChain4j packages. */
final class MiniLm implements EmbeddingModel {
  private static final AllMiniLmL6V2QuantizedEmbeddingModel MODEL =
      new AllMiniLmL6V2QuantizedEmbeddingModel();

  @Override
  public EmbeddingResponse call(EmbeddingRequest request) {
    List<Embedding> all = new ArrayList<>();
    for (String text : request.getInstructions()) {
      all.add(new Embedding(MODEL.embed(text).content().vector(), all.size()));
    }
    return new EmbeddingResponse(all);
  }

  @Override
  public float[] embed(Document document) {
    return embed(Objects.requireNonNull(getEmbeddingContent(document)));
  }
}
