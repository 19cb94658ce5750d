// SPDX-License-Identifier: Apache-2.0
package example;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionOptions;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.query.Hit;
import dev.arbalest.collections.query.PointQuery;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.collections.query.QueryRequest;
import dev.arbalest.collections.query.SearchOptions;
import dev.arbalest.vector.Metric;
import dev.langchain4j.model.embedding.onnx.allminilml6v2q.AllMiniLmL6V2QuantizedEmbeddingModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Hybrid search without a framework: finds the passages of a project's documents that answer a
 * question, by vectors and by words, and fuses both. Arguments: a directory with Markdown files, and
 * a question.
 */
public final class Main {
  private static final int DIMENSION = 384;

  private Main() {}

  public static void main(String[] arguments) throws IOException {
    Path documents = Path.of(arguments[0]);
    String question = arguments[1];
    var model = new AllMiniLmL6V2QuantizedEmbeddingModel();
    Path directory = Files.createTempDirectory("collections");
    try (Collections collections = Collections.open(CollectionOptions.in(directory));
        SearchPool pool = new SearchPool(2, 16)) {
      Collection passages =
          collections.create("passages", CollectionSettings.of(DIMENSION, Metric.COSINE));
      passages.indexField(Filter.FieldPath.parse("text"), "text");
      List<Point> points = new ArrayList<>();
      try (Stream<Path> files = Files.find(documents, 4, (file, _) -> isDocument(file))) {
        for (Path file : files.sorted().toList()) {
          for (String paragraph : Files.readString(file).split("\n\\s*\n")) {
            if (paragraph.length() > 80) { // no headings
              String payload =
                  JsonBody.JSON
                      .createObjectNode()
                      .put("file", documents.relativize(file).toString())
                      .put("text", paragraph.strip())
                      .toString();
              float[] vector = model.embed(paragraph).content().vector();
              points.add(Point.of(PointId.of(points.size()), vector, payload));
            }
          }
        }
      }
      passages.upsert(points);
      System.out.println(passages.count() + " passages embedded and stored");

      PointQuery near = PointQuery.Nearest.to(model.embed(question).content().vector());
      PointQuery words = new PointQuery.Words(null, question);
      QueryRequest hybrid =
          new QueryRequest(
              "", // the vector without a name
              new PointQuery.Fusion(PointQuery.FusionMethod.RECIPROCAL_RANK, 60, List.of()),
              List.of(QueryRequest.by(near, null, 20), QueryRequest.by(words, null, 20)),
              null,
              SearchOptions.DEFAULTS,
              null,
              3,
              0,
              null);
      System.out.println("Answer this question from the passages below: " + question);
      QueryEngine engine = new QueryEngine(pool);
      List<Hit> hits =
          engine.run(passages, hybrid, true, VectorSelector.NONE, collections::get).hits();
      for (Hit hit : hits) {
        var payload = JsonBody.JSON.readTree(hit.point().payload());
        System.out.println("\n[" + payload.path("file").asString() + "]");
        System.out.println(payload.path("text").asString());
      }
    }
  }

  private static boolean isDocument(Path file) {
    String path = file.toString();
    return path.endsWith(".md") && !path.contains("target") && !path.contains("node_modules");
  }
}
