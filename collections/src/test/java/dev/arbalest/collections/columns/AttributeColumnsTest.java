// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.IndexInfo;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorInput;
import dev.arbalest.collections.TestFolders;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Filter.Operator;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.TimeText;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Filters on columns beside the database, which is the truth, while points and attributes change,
 * fields gain and lose indexes, and the collection is closed and opened or killed.
 */
class AttributeColumnsTest {
  private static final int IDS = 400;

  /** Fields and the kinds of their indexes. */
  private static final Map<String, String> FIELDS = new LinkedHashMap<>();

  static {
    FIELDS.put("small", "integer");
    FIELDS.put("large", "integer");
    FIELDS.put("real", "float");
    FIELDS.put("word", "keyword");
    FIELDS.put("text", "text");
    FIELDS.put("flag", "bool");
    FIELDS.put("date", "datetime");
    FIELDS.put("when", "datetime");
    FIELDS.put("list", "integer");
    FIELDS.put("any", "keyword");
    FIELDS.put("in.side", "integer");
  }

  @TempDir private Path directory;

  /** The files of a collection, open. */
  private static final class OpenFiles implements AutoCloseable {
    final Path directory;
    final AttributeStore store;
    final LiveIndex index;
    final AttributeColumns columns;

    @SuppressWarnings("MustBeClosedChecker") // closed by close()
    OpenFiles(Path directory) throws IOException {
      this.directory = directory;
      this.store = AttributeStore.open(directory);
      this.index = LiveIndex.openForWriting(directory.resolve("index"));
      this.columns = AttributeColumns.open(directory, index, store, ProgressListener.NONE);
    }

    static void create(Path directory, IdType type) throws IOException {
      CollectionSettings settings = new CollectionSettings(2, Metric.L2, null, null);
      try (AttributeStore store = AttributeStore.create(directory, settings)) {
        store.update(settings.withIdType(type));
      }
      try (VectorInput sample = VectorInput.of(new float[][] {{1, 2}, {3, 4}})) {
        LiveIndex.create(
            directory.resolve("index"), sample, type, BuildOptions.builder().codec("f16").build());
      }
    }

    @Override
    public void close() throws IOException {
      try (store;
          columns) {
        index.close();
        columns.save(directory, IndexInfo.read(directory.resolve("index")));
      }
    }
  }

  private static final class Model {
    final SplittableRandom random;
    final IdType type;
    final Set<Integer> live = new TreeSet<>();
    OpenFiles files;
    int copies;
    int covered;
    int asked;

    Model(long seed, IdType type, OpenFiles files) {
      this.random = new SplittableRandom(seed);
      this.type = type;
      this.files = files;
    }

    PointId id(int number) {
      return type == IdType.UTF8 ? PointId.of("p" + number) : PointId.of(number - 50);
    }

    int[] some() {
      int most = random.nextInt(4) == 0 ? 150 : 12;
      return random.ints(1 + random.nextInt(most), 0, IDS).distinct().toArray();
    }

    List<@Nullable String> payloads(int count) {
      List<@Nullable String> payloads = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        payloads.add(random.nextInt(12) == 0 ? null : document().toString());
      }
      return payloads;
    }

    ObjectNode document() {
      ObjectNode document = JsonBody.JSON.createObjectNode();
      FIELDS.keySet().stream()
          .filter(_ -> random.nextInt(4) > 0)
          .forEach(field -> {
            if (field.equals("in.side")) {
              put(document.putObject("in"), "side", "small");
            } else {
              put(document, field, field);
            }
          });
      return document;
    }

    /** Puts a value, or a list of them, for a field. */
    void put(ObjectNode target, String key, String field) {
      int shape = random.nextInt(20);
      if (shape == 0) {
        target.putNull(key);
      } else if (shape == 1) {
        target.putObject(key).put("x", 1);
      } else if (shape < 5 || field.equals("list")) {
        ArrayNode list = target.putArray(key);
        for (int left = random.nextInt(field.equals("list") ? 14 : 4); left > 0; left--) {
          switch (random.nextInt(15)) {
            case 0 -> list.addNull();
            case 1 -> list.addObject();
            case 2 -> list.addArray().add(2);
            default -> list.addPOJO(value(field));
          }
        }
      } else {
        target.putPOJO(key, value(field));
      }
    }

    Object value(String field) {
      return switch (field) {
        case "small", "list" -> (long) random.nextInt(-3, 9);
        case "large" ->
            switch (random.nextInt(4)) {
              case 0 -> random.nextLong();
              case 1 -> Long.MAX_VALUE - random.nextInt(3);
              case 2 -> -Long.MAX_VALUE + random.nextInt(3);
              default -> (long) random.nextInt(100_000);
            };
        case "real" ->
            switch (random.nextInt(4)) {
              case 0 -> (Object) (long) random.nextInt(5);
              case 1 -> random.nextDouble();
              case 2 -> (double) (1L << 60) * random.nextInt(4);
              default -> random.nextInt(-8, 8) / 4.0;
            };
        case "word" -> "w" + random.nextInt(30);
        case "text" ->
            List.of("", "a", "ab", "\u00e9t\u00e9", "\uffee", "\ud83d\ude00", "\ud83d\ude00b", "z")
                .get(random.nextInt(8));
        case "flag" -> random.nextBoolean();
        case "date" -> date(random);
        case "when" -> random.nextInt(200) == 0 ? "12:30" : date(random);
        default ->
            switch (random.nextInt(4)) {
              case 0 -> value("small");
              case 1 -> value("flag");
              case 2 -> value("real");
              default -> value("word");
            };
      };
    }

    void step() throws IOException {
      int[] numbers = some();
      List<PointId> ids = Arrays.stream(numbers).mapToObj(this::id).toList();
      switch (random.nextInt(12)) {
        case 0, 1, 2, 3, 4 -> {
          float[][] vectors =
              Arrays.stream(numbers).mapToObj(n -> new float[] {n, n + 1}).toArray(float[][]::new);
          files.store.put(
              ids,
              payloads(ids.size()),
              () -> {
                var _ = files.index.insert(PointId.toIds(ids, type), vectors);
              });
          Arrays.stream(numbers).forEach(live::add);
        }
        case 5, 6 -> {
          List<PointId> there =
              Arrays.stream(numbers).filter(live::contains).mapToObj(this::id).toList();
          files.store.put(there, payloads(there.size()));
        }
        case 7 -> {
          files.store.remove(
              ids,
              () -> {
                var _ = files.index.delete(PointId.toIds(ids, type));
              });
          Arrays.stream(numbers).forEach(live::remove);
        }
        case 8 -> files.index.compact(ProgressListener.NONE);
        case 9 -> {
          files.close();
          files = new OpenFiles(files.directory);
          boolean isEmpty = files.store.indexes().kindsByPath().isEmpty();
          assertThat(files.columns.source()).isEqualTo(isEmpty ? "there is none" : "");
        }
        case 10 -> {
          Path copy = files.directory.resolveSibling("copy" + copies++);
          TestFolders.copy(files.directory, copy);
          files.close();
          files = new OpenFiles(copy);
          assertThat(files.columns.source()).isEqualTo("the index was not closed");
        }
        default -> {
          List<String> names = List.copyOf(FIELDS.keySet());
          String field = names.get(random.nextInt(names.size()));
          Filter.FieldPath path = Filter.FieldPath.parse(field);
          if (files.store.indexes().has(path)) {
            files.store.indexes().drop(path);
          } else {
            files.store.indexes().create(path, Objects.requireNonNull(FIELDS.get(field)));
          }
          files.columns.fill();
        }
      }
    }

    Filter filter(int depth) {
      List<String> names = List.copyOf(FIELDS.keySet());
      String name = names.get(random.nextInt(names.size()));
      Filter.FieldPath field = Filter.FieldPath.parse(name);
      String kind = name.equals("in.side") ? "small" : name;
      return switch (random.nextInt(depth > 2 ? 8 : 12)) {
        case 0, 1 -> new Filter.Compare(field, operator(7), value(kind));
        case 2 -> {
          List<Filter.Test> tests = new ArrayList<>();
          boolean isTime = kind.equals("date") || kind.equals("when");
          for (int left = 1 + random.nextInt(2); left > 0; left--) {
            Object value = isTime && random.nextInt(9) == 0 ? "no date" : value(kind);
            tests.add(new Filter.Test(operator(random.nextBoolean() ? 6 : 4), value, isTime));
          }
          yield new Filter.CompareAll(field, tests);
        }
        case 3 -> {
          Object first = value(kind);
          List<Object> values = new ArrayList<>(List.of(first));
          for (int left = random.nextInt(12); left > 0; left--) {
            Object value = value(kind);
            if (FieldColumn.kindOf(value) == FieldColumn.kindOf(first)) {
              values.add(value);
            }
          }
          yield random.nextBoolean()
              ? new Filter.NoneOf(field, values)
              : new Filter.Or(
                  values.stream()
                      .<Filter>map(value -> new Filter.Compare(field, Operator.EQUAL, value))
                      .toList());
        }
        case 4 -> new Filter.CountValues(field, operator(6), random.nextInt(-1, 12));
        case 5 -> new Filter.IsEmpty(field);
        case 6 -> new Filter.IsNull(field);
        case 7 -> new Filter.HasId(Arrays.stream(some()).mapToObj(this::id).toList());
        case 8 -> new Filter.Not(filter(depth + 1));
        case 9 -> new Filter.And(filters(depth));
        case 10 -> new Filter.Or(filters(depth));
        default -> new Filter.AtLeast(random.nextInt(4), filters(depth));
      };
    }

    List<Filter> filters(int depth) {
      return IntStream.range(0, random.nextInt(4)).mapToObj(_ -> filter(depth + 1)).toList();
    }

    Operator operator(int most) {
      return List.of(
              Operator.GREATER,
              Operator.GREATER_OR_EQUAL,
              Operator.LESS,
              Operator.LESS_OR_EQUAL,
              Operator.EQUAL,
              Operator.NOT_EQUAL,
              Operator.CONTAINS)
          .get(random.nextInt(most));
    }

    void check() throws IOException {
      Filter filter = filter(0);
      asked++;
      if (!files.columns.covers(filter)) {
        return;
      }
      covered++;
      PointSet set =
          files.index.pointSet(
              slots -> Objects.requireNonNull(files.columns.select(filter, slots)));
      assertThat(described(set.ids(IDS)))
          .as("%s", filter)
          .isEqualTo(described(files.store.matching(filter)));
    }

    static List<String> described(Ids ids) {
      return IntStream.range(0, ids.size()).mapToObj(ids::describe).sorted().toList();
    }
  }

  private static String date(SplittableRandom random) {
    String day =
        "20%02d-%02d-%02d".formatted(random.nextInt(3), 1 + random.nextInt(13), random.nextInt(32));
    return switch (random.nextInt(6)) {
      case 0 -> day;
      case 1 -> day + "T%02d:%02d".formatted(random.nextInt(25), random.nextInt(60));
      case 2 -> day + " 10:20:%02d".formatted(random.nextInt(61));
      case 3 -> day + "T10:20:30.%dZ".formatted(random.nextInt(2_000_000));
      case 4 ->
          day
              + "T10:20:30%s%02d:30"
                  .formatted(random.nextBoolean() ? "+" : "-", random.nextInt(16));
      default -> "w" + random.nextInt(3);
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void columnsAcceptWhatTheDatabaseDoes(long seed) throws IOException {
    IdType type = seed % 2 == 0 ? IdType.UTF8 : IdType.INT64;
    Path first = Files.createDirectory(directory.resolve("first"));
    OpenFiles.create(first, type);
    @SuppressWarnings("MustBeClosedChecker") // closed below
    OpenFiles opened = new OpenFiles(first);
    Model model = new Model(seed, type, opened);
    try {
      for (Map.Entry<String, String> field : FIELDS.entrySet()) {
        opened.store.indexes().create(Filter.FieldPath.parse(field.getKey()), field.getValue());
      }
      opened.columns.fill();
      for (int step = 0; step < Integer.getInteger("steps", 60); step++) {
        model.step();
        for (int i = 0; i < 12; i++) {
          model.check();
        }
      }
      assertThat(model.covered).isGreaterThan(model.asked / 4);
    } finally {
      model.files.close();
    }
  }

  @Test
  void momentsAreThoseOfTheDatabase() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    CollectionSettings settings = new CollectionSettings(2, Metric.L2, null, null);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.update(settings.withIdType(IdType.INT64));
      List<String> dates = Stream.generate(() -> date(random)).limit(3000).toList();
      List<PointId> ids = IntStream.range(0, 3000).mapToObj(PointId::of).toList();
      store.put(
          ids, new ArrayList<>(dates.stream().map(date -> "{\"d\":\"" + date + "\"}").toList()));
      Filter.FieldPath field = Filter.FieldPath.parse("d");
      for (int round = 0; round < 200; round++) {
        String bound = dates.get(random.nextInt(dates.size()));
        for (Operator operator : List.of(Operator.LESS, Operator.EQUAL)) {
          Filter filter =
              new Filter.CompareAll(field, List.of(new Filter.Test(operator, bound, true)));
          long wanted = TimeText.micros(bound);
          long[] expected =
              IntStream.range(0, dates.size())
                  .filter(i -> {
                    long moment = TimeText.micros(dates.get(i));
                    return moment != TimeText.NONE
                        && wanted != TimeText.NONE
                        && (operator == Operator.LESS ? moment < wanted : moment == wanted);
                  })
                  .asLongStream()
                  .toArray();
          Ids found = store.matching(filter);
          assertThat(IntStream.range(0, found.size()).mapToLong(found::number).sorted().toArray())
              .as("%s %s", operator, bound)
              .isEqualTo(expected);
        }
      }
    }
  }
}
