// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.query.PointQuery;
import dev.arbalest.collections.query.QueryRequest;

/**
 * How clients ask for BM25, in REST and gRPC: {@code using} is {@code bm25}, or {@code bm25:FIELD}
 * where several fields have text indexes, and the query is a text. Stateless.
 */
public final class TextRanking {
  /** The name. */
  public static final String BM25 = "bm25";

  /** What Qdrant's clients call the model that makes sparse vectors for it. */
  public static final String MODEL = "qdrant/bm25";

  private TextRanking() {}

  /** Whether a vector's name means BM25. */
  public static boolean isNamed(String using) {
    return using.equals(BM25) || using.startsWith(BM25 + ":");
  }

  /**
   * Refuses a query that is no text where {@code using} means BM25, as the collection has no vector
   * of that name.
   *
   * @return the query
   */
  public static QueryRequest checked(CollectionSettings settings, QueryRequest request) {
    String using = request.using();
    if (isNamed(using)
        && !(request.query() instanceof PointQuery.Words)
        && settings.find(using) == null) {
      throw CollectionException.invalid(
          "\"using\": \""
              + using
              + "\" takes words: a text, or {\"text\": ..., \"model\": \""
              + MODEL
              + "\"}, as the collection has no vector of that name");
    }
    request
        .prefetch()
        .forEach(stage -> {
          QueryRequest _ = checked(settings, stage);
        });
    return request;
  }

  /** Refuses other models. */
  public static void requireModel(String model) {
    if (!model.isEmpty() && !model.equalsIgnoreCase(MODEL) && !model.equalsIgnoreCase(BM25)) {
      throw CollectionException.invalid(
          "the server has no model \"" + model + "\"; words are ranked by \"" + MODEL + '"');
    }
  }

  /** The query of some words. */
  public static PointQuery query(String using, String text) {
    String field = using.substring(BM25.length());
    return new PointQuery.Words(
        field.isEmpty() ? null : Filter.FieldPath.parse(field.substring(1)), text);
  }
}
