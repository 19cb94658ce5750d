// SPDX-License-Identifier: Apache-2.0
package example;

import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;
import org.springframework.ai.vectorstore.SearchRequest;
import org.springframework.ai.vectorstore.qdrant.QdrantVectorStore;

/** Spring AI's store for Qdrant, unchanged: only host and port are those of an Arbalest server. */
public final class Main {
  private Main() {}

  /** Counts words, instead of an embedding model. */
  private static final class WordCounts implements EmbeddingModel {
    private static final int DIMENSION = 16;

    private static float[] count(String text) {
      float[] vector = new float[DIMENSION];
      for (String word : text.split(" ")) {
        vector[Math.floorMod(word.hashCode(), DIMENSION)]++;
      }
      return vector;
    }

    @Override
    public EmbeddingResponse call(EmbeddingRequest request) {
      List<Embedding> embeddings = new ArrayList<>();
      for (String text : request.getInstructions()) {
        embeddings.add(new Embedding(count(text), embeddings.size()));
      }
      return new EmbeddingResponse(embeddings);
    }

    @Override
    public float[] embed(Document document) {
      return count(document.getText());
    }

    @Override
    public int dimensions() {
      return DIMENSION;
    }
  }

  private static void expect(String what, Object expected, Object found) {
    if (!expected.equals(found)) {
      throw new IllegalStateException(what + ": expected " + expected + ", found " + found);
    }
  }

  public static void main(String[] args) throws Exception {
    QdrantClient client =
        new QdrantClient(
            QdrantGrpcClient.newBuilder(args[0], Integer.parseInt(args[1]), false).build());
    QdrantVectorStore store =
        QdrantVectorStore.builder(client, new WordCounts())
            .collectionName("spring-ai")
            .initializeSchema(true)
            .build();
    store.afterPropertiesSet(); // makes the collection
    Document sofia =
        new Document("a park in Sofia", Map.of("country", "BG", "year", 2020, "open", true));
    store.add(
        List.of(
            sofia,
            new Document("a canal in Utrecht", Map.of("country", "NL", "year", 2023, "open", false)),
            new Document("a mill in Gouda", Map.of("country", "NL"))));
    Document found = search(store, "a park in Sofia", "").getFirst();
    expect("nearest", sofia.getId(), found.getId());
    expect("its text", "a park in Sofia", found.getText());
    expect("its metadata", "BG", found.getMetadata().get("country"));
    expect("equal", 2, search(store, "a", "country == 'NL'").size());
    expect("not equal", 1, search(store, "a", "country != 'NL'").size());
    expect("greater", 1, search(store, "a", "year >= 2021").size());
    expect("in", 1, search(store, "a", "country in ['BG', 'DE']").size());
    expect("not in", 1, search(store, "a", "country nin ['NL']").size());
    expect("and", 1, search(store, "a", "country == 'NL' && year == 2023").size());
    store.delete("country == 'NL'");
    expect("left", 1, search(store, "a", "").size());
    store.delete(List.of(sofia.getId()));
    expect("left in the end", 0, search(store, "a", "").size());
    client.close();
    System.out.println("Spring AI: all as expected");
  }

  private static List<Document> search(QdrantVectorStore store, String text, String filter) {
    SearchRequest.Builder request =
        SearchRequest.builder().query(text).topK(10).similarityThresholdAll();
    if (!filter.isEmpty()) {
      request.filterExpression(filter);
    }
    return store.similaritySearch(request.build());
  }
}
