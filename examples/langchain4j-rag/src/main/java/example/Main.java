// SPDX-License-Identifier: Apache-2.0
package example;

import dev.arbalest.langchain4j.ArbalestEmbeddingStore;
import dev.langchain4j.data.document.Metadata;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;
import dev.langchain4j.rag.content.Content;
import dev.langchain4j.rag.content.retriever.ContentRetriever;
import dev.langchain4j.rag.content.retriever.EmbeddingStoreContentRetriever;
import dev.langchain4j.rag.query.Query;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Retrieval for a chat model: finds the passages of a project's documents that answer a question.
 * Arguments: a directory with Markdown files, and a question.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) throws IOException {
    Path documents = Path.of(arguments[0]);
    String question = arguments[1];
    EmbeddingModel model = new AllMiniLmL6V2QuantizedEmbeddingModel();
    Path directory = Files.createTempDirectory("embeddings");
    try (ArbalestEmbeddingStore store =
        ArbalestEmbeddingStore.builder().directory(directory).build()) {
      List<TextSegment> passages = passages(documents);
      store.addAll(model.embedAll(passages).content(), passages);
      System.out.println(passages.size() + " passages embedded and stored");

      ContentRetriever retriever =
          EmbeddingStoreContentRetriever.builder()
              .embeddingStore(store)
              .embeddingModel(model)
              .maxResults(3)
              .build();
      // Give the retriever to AiServices.builder(...) with a chat model; here it is asked directly.
      System.out.println("Answer this question from the passages below: " + question);
      for (Content content : retriever.retrieve(Query.from(question))) {
        TextSegment passage = content.textSegment();
        System.out.println("\n[" + passage.metadata().getString("file") + "]");
        System.out.println(passage.text());
      }
    }
  }

  /** Paragraphs of all Markdown files, each with the name of its file. */
  private static List<TextSegment> passages(Path documents) throws IOException {
    List<TextSegment> passages = new ArrayList<>();
    try (Stream<Path> files = Files.find(documents, 4, (file, _) -> isDocument(file))) {
      for (Path file : files.sorted().toList()) {
        Metadata metadata = Metadata.from("file", documents.relativize(file).toString());
        for (String paragraph : Files.readString(file).split("\n\\s*\n")) {
          if (paragraph.length() > 80) { // no headings
            passages.add(TextSegment.from(paragraph.strip(), metadata));
          }
        }
      }
    }
    return passages;
  }

  private static boolean isDocument(Path file) {
    String path = file.toString();
    return path.endsWith(".md") && !path.contains("target") && !path.contains("node_modules");
  }
}
