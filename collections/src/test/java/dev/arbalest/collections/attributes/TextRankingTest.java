// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.IdType;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Filter.FieldPath;
import dev.arbalest.collections.filter.Language;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** BM25 is what a plain look at all documents computes, whatever was written and in what order. */
class TextRankingTest {
  private static final FieldPath BODY = FieldPath.parse("body");

  /** Case, accents, marks of all sorts, ideographs, what FTS5 itself has a meaning for. */
  private static final List<String> WORDS =
      List.of(
          "index",
          "Index",
          "INDEX",
          "disk",
          "café",
          "cafe",
          "naïve",
          "c++",
          "C#",
          "don't",
          "42",
          "1536",
          "量子",
          "computer",
          "and",
          "OR",
          "NOT",
          "near",
          "\"quoted\"",
          "a*",
          "x-y",
          "ss",
          "ß",
          "ﬁne",
          "fine",
          "\u0000nul",
          "😀",
          "o\u0308l",
          "öl");

  private static final List<TextIndex> INDEXES =
      List.of(
          TextIndex.DEFAULT,
          new TextIndex(
              TextIndex.Tokenizer.WHITESPACE, true, false, 0, 100, Set.of(), Set.of(), null),
          new TextIndex(TextIndex.Tokenizer.WORD, false, false, 0, 100, Set.of(), Set.of(), null),
          new TextIndex(
              TextIndex.Tokenizer.WORD, true, true, 2, 6, Set.of("disk", "and"), Set.of(), null),
          new TextIndex(
              TextIndex.Tokenizer.MULTILINGUAL, true, false, 0, 100, Set.of(), Set.of(), null),
          new TextIndex(TextIndex.Tokenizer.PREFIX, true, false, 0, 100, Set.of(), Set.of(), null),
          new TextIndex(
              TextIndex.Tokenizer.WORD,
              true,
              false,
              0,
              100,
              Set.of("42"),
              Set.of(Language.ENGLISH),
              Language.ENGLISH));

  @TempDir private Path directory;

  private static String text(SplittableRandom random) {
    return IntStream.range(0, random.nextInt(12))
        .mapToObj(_ -> WORDS.get((int) (WORDS.size() * Math.pow(random.nextDouble(), 2))))
        .collect(Collectors.joining(random.nextBoolean() ? " " : ", "));
  }

  private static @Nullable String payload(SplittableRandom random) {
    ObjectNode payload = JsonBody.JSON.createObjectNode().put("number", random.nextInt(4));
    switch (random.nextInt(8)) {
      case 0 -> {
        return null;
      }
      case 1 -> {
        ArrayNode list = payload.putArray("body");
        for (int i = random.nextInt(4); i > 0; i--) {
          list.add(text(random));
        }
      }
      case 2 -> payload.put("body", 42);
      case 3 -> payload.putObject("body").put("text", "index");
      default -> payload.put("body", text(random));
    }
    return payload.toString();
  }

  /** The words of a document, or null if it has no text there. */
  private static @Nullable List<String> words(@Nullable String payload, TextIndex index) {
    if (payload == null) {
      return null;
    }
    List<String> texts = new ArrayList<>();
    var body = JsonBody.JSON.readTree(payload).path("body");
    if (body.isString()) {
      texts.add(body.stringValue());
    } else if (body.isArray()) {
      body.forEach(element -> texts.add(element.stringValue()));
    }
    return texts.isEmpty() ? null : index.words(String.join("\n", texts));
  }

  private static boolean matches(TextIndex index, String word, String wanted) {
    return index.tokenizer() == TextIndex.Tokenizer.PREFIX
        ? word.startsWith(wanted)
        : word.equals(wanted);
  }

  /** Scores of all documents that have one of the words. */
  private static Map<PointId, Double> model(
      Map<PointId, @Nullable String> points, TextIndex index, String query) {
    Map<PointId, List<String>> documents = new LinkedHashMap<>();
    points.forEach((id, payload) -> {
      List<String> words = words(payload, index);
      if (words != null) {
        documents.put(id, words);
      }
    });
    double average = documents.values().stream().mapToInt(List::size).average().orElse(0);
    Map<PointId, Double> scores = new HashMap<>();
    for (String wanted : new HashSet<>(index.words(query))) {
      long having =
          documents.values().stream()
              .filter(words -> words.stream().anyMatch(word -> matches(index, word, wanted)))
              .count();
      double rarity = Math.max(1e-6, Math.log((documents.size() - having + .5) / (having + .5)));
      documents.forEach((id, words) -> {
        double count = words.stream().filter(word -> matches(index, word, wanted)).count();
        if (count > 0) {
          double length = words.size() / average;
          double score = rarity * count * 2.2 / (count + 1.2 * (.25 + .75 * length));
          scores.merge(id, score, Double::sum);
        }
      });
    }
    return scores;
  }

  private static void requireRanking(
      AttributeStore store, Map<PointId, @Nullable String> points, TextIndex index, String query)
      throws IOException {
    Map<PointId, Double> expected = model(points, index, query);
    List<ScoredPoint> found = store.rankByText(null, query, null, 1000);
    assertThat(found.stream().map(ScoredPoint::id).collect(Collectors.toSet()))
        .as(query)
        .isEqualTo(expected.keySet());
    for (ScoredPoint point : found) {
      assertThat((double) point.score())
          .as("%s in %s", query, points.get(point.id()))
          .isEqualTo(expected.get(point.id()), within(1e-5));
    }
    assertThat(found)
        .isSortedAccordingTo(Comparator.comparingDouble((ScoredPoint point) -> -point.score()));
    assertThat(store.rankByText(BODY, query, null, 3))
        .isEqualTo(found.subList(0, Math.min(3, found.size())));
    Filter even = new Filter.Compare(FieldPath.parse("number"), Filter.Operator.LESS, 2L);
    List<ScoredPoint> within =
        found.stream()
            .filter(point -> {
              String payload = points.get(point.id());
              return payload != null && JsonBody.JSON.readTree(payload).path("number").asInt(9) < 2;
            })
            .toList();
    assertThat(store.rankByText(null, query, even, 1000)).isEqualTo(within);
    List<PointId> some = points.keySet().stream().filter(id -> id.hashCode() % 3 == 0).toList();
    if (!some.isEmpty()) {
      assertThat(store.rankByText(null, query, new Filter.HasId(some), 1000))
          .isEqualTo(found.stream().filter(point -> some.contains(point.id())).toList());
    }
  }

  private void open() throws IOException {
    try (AttributeStore store = AttributeStore.open(directory)) {
      assertThat(store.settings().dimension()).isEqualTo(4);
    }
  }

  @Test
  void wordsAreMadeAnewWhenLanguagesChange() throws Exception {
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    TextIndex english = INDEXES.getLast();
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.indexes().create(BODY, english.kind());
      store.update(settings.withIdType(IdType.INT64));
      store.put(
          List.of(PointId.of(1)), List.<@Nullable String>of("{\"body\":\"many connections\"}"));
      assertThat(store.rankByText(null, "connected", null, 1)).hasSize(1);
    }
    // As a version with other stems would have left it.
    Path path = directory.resolve(AttributeStore.FILE_NAME);
    try (SqliteDatabase database = new SqliteDatabase(path)) {
      database.write(writer -> {
        try (java.sql.Statement statement = writer.createStatement()) {
          statement.execute("UPDATE text_1 SET words = 'connections'");
          statement.execute("UPDATE settings SET value = 'lucene 1' WHERE key = 'languages'");
        }
        AttributeTables.sealSettings(writer);
      });
    }
    try (AttributeStore store = AttributeStore.open(directory)) {
      assertThat(store.rankByText(null, "connected", null, 1)).hasSize(1);
    }
  }

  @ForSeeds(12)
  @SuppressWarnings("MustBeClosedChecker") // closed at the end, whichever it is then
  void rankingsAreThoseOfAPlainLookAtAllDocuments(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    TextIndex index = INDEXES.get((int) (seed % INDEXES.size()));
    boolean texts = seed % 2 == 0;
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    Map<PointId, @Nullable String> points = new LinkedHashMap<>();
    AttributeStore store = AttributeStore.create(directory, settings);
    try {
      boolean first = random.nextBoolean();
      if (first) { // before there are points
        store.indexes().create(BODY, index.kind());
      }
      store.update(settings.withIdType(texts ? IdType.UTF8 : IdType.INT64));
      for (int step = 0; step < 12; step++) {
        List<PointId> ids = new ArrayList<>();
        List<@Nullable String> payloads = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
          int number = random.nextInt(150);
          ids.add(texts ? PointId.of("p" + number) : PointId.of(number));
          payloads.add(payload(random));
        }
        if (step % 3 == 2) {
          store.remove(ids);
          ids.forEach(points::remove);
        } else {
          store.put(ids, payloads);
          for (int i = 0; i < ids.size(); i++) {
            points.put(ids.get(i), payloads.get(i));
          }
        }
        if (step == 3 && !first) {
          store.indexes().create(BODY, index.kind());
        }
        if (step == 6) {
          store.indexes().drop(BODY);
        }
        if (step == 8) {
          store.indexes().create(BODY, index.kind());
        }
        if (step == 10) {
          store.close();
          store = AttributeStore.open(directory, random.nextBoolean());
        }
        store.check(0);
        if (store.indexes().has(BODY)) {
          for (int i = 0; i < 6; i++) {
            requireRanking(store, points, index, text(random));
          }
        }
      }
    } finally {
      store.close();
    }
  }

  @ForSeeds(6)
  void conditionsOnWordsAcceptWithTheIndexWhatTheyAcceptWithout(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    TextIndex index = INDEXES.get((int) (seed % INDEXES.size()));
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.update(settings.withIdType(IdType.INT64));
      store.indexes().create(BODY, index.kind());
      Map<Long, @Nullable String> points = new LinkedHashMap<>();
      for (long id = 0; id < 200; id++) {
        points.put(id, payload(random));
      }
      store.put(
          points.keySet().stream().map(PointId::of).toList(), new ArrayList<>(points.values()));
      for (int i = 0; i < 40; i++) {
        String query = text(random);
        for (TextIndex.Mode mode : TextIndex.Mode.values()) {
          var test = TextIndex.test(index.kind(), query, mode);
          List<PointId> expected = new ArrayList<>();
          points.forEach((id, payload) -> {
            if (payload != null) {
              var body = JsonBody.JSON.readTree(payload).path("body");
              boolean any = body.isString() && test.test(body.stringValue());
              if (body.isArray()) {
                for (var element : body) {
                  any |= test.test(element.stringValue());
                }
              }
              if (any) {
                expected.add(PointId.of(id));
              }
            }
          });
          Filter filter = new Filter.MatchText(BODY, query, mode);
          assertThat(store.matching(filter, 1000)).as("%s %s", mode, query).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void queriesThatCannotBeRankedSayWhy() throws IOException {
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      assertThatThrownBy(() -> store.rankByText(null, "x", null, 10))
          .isInstanceOf(CollectionException.class)
          .hasMessageContaining("there is none: create it first");
      store.indexes().create(BODY, "text");
      assertThat(store.rankByText(null, "x", null, 10)).isEmpty(); // no points
      store.update(settings.withIdType(IdType.INT64));
      store.put(List.of(PointId.of(1)), List.of("{\"body\":\"x y\"}"));
      assertThat(store.rankByText(null, "x", null, 10)).hasSize(1);
      assertThat(store.rankByText(null, "?!", null, 10)).isEmpty(); // no words
      String many =
          IntStream.range(0, 1000).mapToObj(i -> "w" + i).collect(Collectors.joining(" "));
      assertThat(store.rankByText(null, many + " " + many, null, 10)).isEmpty();
      assertThatThrownBy(() -> store.rankByText(null, many + " x", null, 10))
          .hasMessage("a query has at most 1000 different words");
      assertThatThrownBy(() -> store.rankByText(FieldPath.parse("title"), "x", null, 10))
          .hasMessageContaining("\"title\" is missing");
      store.indexes().create(FieldPath.parse("title"), "keyword");
      assertThatThrownBy(() -> store.rankByText(FieldPath.parse("title"), "x", null, 10))
          .hasMessageContaining("\"title\" is keyword");
      store.indexes().create(FieldPath.parse("abstract"), "text");
      assertThatThrownBy(() -> store.rankByText(null, "x", null, 10))
          .hasMessageContaining("name one of abstract, body, as in \"bm25:abstract\"");
    }
  }

  @Test
  void databasesOfTheVersionBeforeGetTheirTables() throws Exception {
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.indexes().create(BODY, "text");
      store.update(settings.withIdType(IdType.UTF8));
      store.put(List.of(PointId.of("a")), List.of("{\"body\":\"red fox\"}"));
    }
    Path file = directory.resolve(AttributeStore.FILE_NAME);
    Files.delete(directory.resolve(AttributeStore.FILE_NAME + ".seal"));
    try (var connection = java.sql.DriverManager.getConnection("jdbc:sqlite:" + file);
        var statement = connection.createStatement()) {
      statement.execute("DROP TABLE text_1");
      statement.execute("DROP TABLE text_documents");
      statement.execute("INSERT INTO field_values VALUES (1, 'red fox', 'a')");
      statement.execute("PRAGMA user_version = 3");
    }
    for (int i = 0; i < 2; i++) {
      try (AttributeStore store = AttributeStore.open(directory)) {
        assertThat(store.rankByText(null, "fox", null, 10))
            .extracting(ScoredPoint::id)
            .containsExactly(PointId.of("a"));
        assertThat(store.indexes().points("$.\"body\"")).isEqualTo(1);
        store.check(0);
      }
    }
  }

  @Test
  void damagedTablesAreToldAndRepaired() throws Exception {
    CollectionSettings settings = CollectionSettings.of(4, Metric.L2);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.indexes().create(BODY, "text");
      store.update(settings.withIdType(IdType.INT64));
      store.put(
          List.of(PointId.of(1), PointId.of(2)),
          List.of("{\"body\":\"red fox\"}", "{\"body\":\"blue hen\"}"));
    }
    Path file = directory.resolve(AttributeStore.FILE_NAME);
    for (String damage :
        List.of(
            "DELETE FROM text_1 WHERE rowid = 2",
            "INSERT INTO text_1 (rowid, words) VALUES (9, 'x')",
            "UPDATE text_1_content SET c0 = 'red hen' WHERE id = 1",
            "DELETE FROM text_documents WHERE id = 1")) {
      Files.deleteIfExists(directory.resolve(AttributeStore.FILE_NAME + ".seal"));
      try (var connection = java.sql.DriverManager.getConnection("jdbc:sqlite:" + file);
          var statement = connection.createStatement()) {
        statement.execute(damage);
      }
      assertThatThrownBy(this::open)
          .as(damage)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("repair");
      try (AttributeStore store = AttributeStore.repair(directory)) {
        assertThat(store.rankByText(null, "fox", null, 10))
            .extracting(ScoredPoint::id)
            .containsExactly(PointId.of(1));
        assertThat(store.rankByText(null, "hen", null, 10))
            .extracting(ScoredPoint::id)
            .containsExactly(PointId.of(2));
      }
    }
  }
}
