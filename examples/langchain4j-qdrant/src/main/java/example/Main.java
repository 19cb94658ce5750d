// SPDX-License-Identifier: Apache-2.0
package example;

import static dev.langchain4j.store.embedding.filter.MetadataFilterBuilder.metadataKey;

import dev.langchain4j.data.document.Metadata;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.store.embedding.EmbeddingMatch;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.filter.Filter;
import dev.langchain4j.store.embedding.qdrant.QdrantEmbeddingStore;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.VectorParams;
import java.util.ArrayList;
import java.util.List;

/** LangChain4j's store for Qdrant, unchanged: only host and port are those of an Arbalest server. */
public final class Main {
  private static final int DIMENSION = 16;
  private static final int DOCUMENTS = 30;

  private Main() {}

  /** Counts words, instead of an embedding model. */
  private static float[] embed(String text) {
    float[] vector = new float[DIMENSION];
    for (String word : text.split(" ")) {
      vector[Math.floorMod(word.hashCode(), DIMENSION)]++;
    }
    return vector;
  }

  private static void expect(String what, Object expected, Object found) {
    if (!expected.equals(found)) {
      throw new IllegalStateException(what + ": expected " + expected + ", found " + found);
    }
  }

  public static void main(String[] args) throws Exception {
    String host = args[0];
    int port = Integer.parseInt(args[1]);
    try (QdrantClient client =
        new QdrantClient(QdrantGrpcClient.newBuilder(host, port, false).build())) {
      client
          .createCollectionAsync(
              "langchain4j",
              VectorParams.newBuilder()
                  .setSize(DIMENSION)
                  .setDistance(Distance.Cosine)
                  .build())
          .get();
    }
    QdrantEmbeddingStore store =
        QdrantEmbeddingStore.builder().host(host).port(port).collectionName("langchain4j").build();
    List<Embedding> embeddings = new ArrayList<>();
    List<TextSegment> segments = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      String text = "document number " + i;
      embeddings.add(Embedding.from(embed(text)));
      segments.add(
          TextSegment.from(
              text, new Metadata().put("n", i).put("kind", "k" + i % 3).put("half", i * 0.5)));
    }
    List<String> ids = store.addAll(embeddings, segments);
    expect("added", DOCUMENTS, ids.size());
    EmbeddingMatch<TextSegment> best = search(store, "document number 7", 1, null).getFirst();
    expect("nearest", "document number 7", best.embedded().text());
    expect("its metadata", 7, best.embedded().metadata().getInteger("n"));
    expect("equal", 10, count(store, metadataKey("kind").isEqualTo("k1")));
    expect("not equal", 20, count(store, metadataKey("kind").isNotEqualTo("k1")));
    expect("greater", 4, count(store, metadataKey("n").isGreaterThan(25)));
    expect("at most", 5, count(store, metadataKey("half").isLessThanOrEqualTo(2.0)));
    expect("in", 2, count(store, metadataKey("n").isIn(1, 2, 1000)));
    expect(
        "and",
        9,
        count(
            store,
            metadataKey("n").isGreaterThan(3).and(metadataKey("kind").isNotIn("k1", "k2"))
                .or(metadataKey("n").isEqualTo(0))));
    store.remove(ids.getFirst());
    store.removeAll(ids.subList(1, 3));
    store.removeAll(metadataKey("kind").isEqualTo("k1"));
    expect("left", 18, search(store, "document", 100, null).size());
    store.removeAll();
    expect("left in the end", 0, search(store, "document", 100, null).size());
    store.close();
    System.out.println("LangChain4j: all as expected");
    System.exit(0); // the store's connection has threads of its own
  }

  private static int count(QdrantEmbeddingStore store, Filter filter) {
    return search(store, "document", 100, filter).size();
  }

  private static List<EmbeddingMatch<TextSegment>> search(
      QdrantEmbeddingStore store, String text, int most, Filter filter) {
    return store
        .search(
            EmbeddingSearchRequest.builder()
                .queryEmbedding(Embedding.from(embed(text)))
                .maxResults(most)
                .filter(filter)
                .build())
        .matches();
  }
}
