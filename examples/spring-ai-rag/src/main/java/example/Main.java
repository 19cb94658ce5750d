// SPDX-License-Identifier: Apache-2.0
package example;

import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;
import org.springframework.ai.vectorstore.SearchRequest;
import org.springframework.ai.vectorstore.VectorStore;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;

/**
 * Retrieval for a chat model in Spring Boot: finds the passages of a project's documents that answer
 * a question. Arguments: a directory with Markdown files, and a question.
 */
@SpringBootConfiguration
@EnableAutoConfiguration
public class Main {
  public static void main(String[] arguments) throws IOException {
    Path documents = Path.of(arguments[0]);
    String question = arguments[1];
    try (ConfigurableApplicationContext application =
        new SpringApplicationBuilder(Main.class)
            .bannerMode(Banner.Mode.OFF)
            .properties(
                Map.of(
                    "spring.ai.vectorstore.type", "arbalest",
                    "spring.ai.vectorstore.arbalest.directory",
                        Files.createTempDirectory("documents").toString()))
            .run()) {
      VectorStore store = application.getBean(VectorStore.class);
      List<Document> passages = passages(documents);
      store.add(passages);
      System.out.println(passages.size() + " passages embedded and stored");

      // QuestionAnswerAdvisor.builder(store) gives them to a chat model; here they are printed.
      System.out.println("Answer this question from the passages below: " + question);
      SearchRequest request =
          SearchRequest.builder()
              .query(question)
              .topK(3)
              .filterExpression("file not in ['CHANGELOG.md']")
              .build();
      for (Document passage : store.similaritySearch(request)) {
        System.out.println("\n[" + passage.getMetadata().get("file") + "]");
        System.out.println(passage.getText());
      }
    }
  }

  /** Paragraphs of all Markdown files, each with the name of its file. */
  private static List<Document> passages(Path documents) throws IOException {
    List<Document> passages = new ArrayList<>();
    try (Stream<Path> files = Files.find(documents, 4, (file, _) -> isDocument(file))) {
      for (Path file : files.sorted().toList()) {
        Map<String, Object> metadata = Map.of("file", documents.relativize(file).toString());
        for (String paragraph : Files.readString(file).split("\n\\s*\n")) {
          if (paragraph.length() > 80) { // no headings
            passages.add(new Document(paragraph.strip(), metadata));
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

  /** A model that runs in this process; take a starter of Spring AI for one of a provider. */
  @Bean
  EmbeddingModel embeddingModel() {
    var model = new AllMiniLmL6V2QuantizedEmbeddingModel();
    return new EmbeddingModel() {
      @Override
      public EmbeddingResponse call(EmbeddingRequest request) {
        List<Embedding> all = new ArrayList<>();
        for (String text : request.getInstructions()) {
          all.add(new Embedding(model.embed(text).content().vector(), all.size()));
        }
        return new EmbeddingResponse(all);
      }

      @Override
      public float[] embed(Document document) {
        return embed(document.getText());
      }
    };
  }
}
