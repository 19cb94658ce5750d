// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.Index;
import dev.arbalest.MemoryBudgetExceededException;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.VectorInput;
import dev.arbalest.ssd.format.BuildState;
import dev.arbalest.ssd.trial.IndexDigest;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Builds that go on. Every state an unfinished build can be in is taken by copying the directory
 * while a build runs: what is there between two steps is what a kill between them leaves.
 */
class ResumeTest {
  private static final List<String> FILES =
      List.of("vectors.f32", "graph.1", "codes.1", "codec.1", "ids.1", "sums.1", "manifest.json");

  @TempDir Path directory;

  private Path input;

  @BeforeEach
  void writeInput() throws IOException {
    F32Rows rows = TestRows.clustered(5, 700, 32, 6);
    input = TestIndexes.write(directory.resolve("in.fbin"), rows);
  }

  private static BuildOptions options() {
    return TestIndexes.options(Metric.L2, "rabitq:2").toBuilder().checkpointSeconds(0).build();
  }

  private void build(Path index, BuildOptions options, ProgressListener listener)
      throws IOException {
    try (VectorInput vectors = VectorInput.open(input)) {
      BuildReport report = Index.build(index, vectors, options, listener);
      assertThat(report.info().slots()).isEqualTo(700);
    }
  }

  /** Copies the directory at every stage and after every batch. */
  private List<Path> states(Path index) throws IOException {
    List<Path> states = new ArrayList<>();
    build(
        index,
        options(),
        new ProgressListener() {
          @Override
          public void stage(String name, long total) {
            copy();
          }

          @Override
          public void advanced(long count) {
            copy();
          }

          private synchronized void copy() {
            try {
              states.add(copyDirectory(index, directory.resolve("state" + states.size())));
            } catch (IOException e) {
              throw new java.io.UncheckedIOException(e);
            }
          }
        });
    return states;
  }

  private static Path copyDirectory(Path from, Path to) throws IOException {
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName().toString()));
      }
    }
    return to;
  }

  private static void assertSame(Path index, Path whole) throws IOException {
    for (String file : FILES) {
      assertThat(index.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
    try (Stream<Path> files = Files.list(index)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(
              Stream.concat(FILES.stream(), Stream.of("LOCK")).toList());
    }
  }

  @Test
  void everyStateOfAnUnfinishedBuildLeadsToTheSameBytes() throws IOException {
    Path whole = directory.resolve("whole");
    List<Path> states = states(whole);
    assertThat(states).hasSizeGreaterThan(8);
    int resumed = 0;
    for (int i = 0; i < states.size(); i++) {
      List<String> notes = new ArrayList<>();
      build(
          states.get(i),
          options().toBuilder().resume(true).threads(1 + i % 3).build(),
          notes(notes));
      resumed += notes.stream().anyMatch(note -> note.startsWith("resuming: ")) ? 1 : 0;
      assertSame(states.get(i), whole);
    }
    assertThat(resumed).isGreaterThan(5);
  }

  private static ProgressListener notes(List<String> notes) {
    return new ProgressListener() {
      @Override
      public void stage(String name, long total) {}

      @Override
      public void advanced(long count) {}

      @Override
      public void note(String text) {
        notes.add(text);
      }
    };
  }

  @Test
  void withoutResumeAnUnfinishedBuildIsForgotten() throws IOException {
    Path whole = directory.resolve("whole");
    Path state = states(whole).get(6);
    build(state, options(), ProgressListener.NONE);
    assertSame(state, whole);
  }

  @Test
  void aBuildWithOtherOptionsOrInputIsNotGoneOnWith() throws IOException {
    List<Path> states = states(directory.resolve("whole"));
    Path state = states.get(states.size() - 2);
    for (BuildOptions other :
        List.of(
            TestIndexes.options(Metric.COSINE, "rabitq:2"),
            TestIndexes.options(Metric.L2, "rabitq:3"),
            options().toBuilder().prefixDimension(16).build())) {
      assertThatThrownBy(
              () -> build(state, other.toBuilder().resume(true).build(), ProgressListener.NONE))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("the unfinished build")
          .hasMessageContaining("build without resuming");
    }
    TestIndexes.write(input, TestRows.clustered(6, 701, 32, 6));
    assertThatThrownBy(
            () -> build(state, options().toBuilder().resume(true).build(), ProgressListener.NONE))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("the unfinished build");
    assertThat(state.resolve("build.json")).exists();
  }

  @Test
  void damagedStatesAreRefused() throws IOException {
    List<Path> states = states(directory.resolve("whole"));
    Path state = states.get(states.size() - 2);
    BuildState found = BuildState.read(state).orElseThrow();
    assertThat(found.graph()).isNotNull();
    for (String name : found.names()) {
      Path damaged = copyDirectory(state, directory.resolve("damaged-" + name));
      byte[] bytes = Files.readAllBytes(damaged.resolve(name));
      bytes[bytes.length / 3] ^= 4;
      Files.write(damaged.resolve(name), bytes);
      if (List.of("codes.1", "codec.1", "ids.1").contains(name)) {
        continue; // made again from the vectors; the index's own checks refuse them when opened
      }
      assertThatThrownBy(() ->
              build(damaged, options().toBuilder().resume(true).build(), ProgressListener.NONE))
          .as(name)
          .isInstanceOf(CorruptIndexException.class)
          .hasMessageContaining(name);
    }
  }

  @Test
  void nothingToResumeBuildsFromTheBeginning() throws IOException {
    Path whole = directory.resolve("whole");
    build(whole, options(), ProgressListener.NONE);
    List<String> notes = new ArrayList<>();
    Path fresh = directory.resolve("fresh");
    build(fresh, options().toBuilder().resume(true).build(), notes(notes));
    assertThat(notes).anyMatch(note -> note.startsWith("nothing to resume"));
    assertSame(fresh, whole);
  }

  @Test
  void vectorsOverTheBudgetAreReplacedByCodesAndTheGraphStaysGood() throws IOException {
    F32Rows rows = TestRows.clustered(9, 4000, 256, 12);
    input = TestIndexes.write(directory.resolve("large.fbin"), rows);
    BuildOptions options = TestIndexes.options(Metric.L2, "rabitq:1");
    long required =
        BuildPlan.required(4000, 256, AutomaticCodec.resolve(options, 4000, 256)).plannedBytes();
    long narrow = 4000L * BuildPlan.NARROW.codeBytesAtMost(256);
    double resident = recall(rows, options, "in memory");
    assertThat(
            recall(
                rows, options.toBuilder().memoryBytes(required + narrow).build(), "one-byte codes"))
        .isGreaterThan(resident - 0.01);
    assertThat(recall(rows, options.toBuilder().memoryBytes(required).build(), "page cache"))
        .isGreaterThan(resident - 0.01);
  }

  /** Half floats in a file are encoded from there; only their codes need to fit in memory. */
  @ParameterizedTest
  @EnumSource(Metric.class)
  void halfFloatsOverTheBudgetAreReplacedByCodesToo(Metric metric) throws IOException {
    F32Rows rows = TestRows.clustered(9, 4000, 256, 12);
    input = TestIndexes.write(directory.resolve("large.fbin"), rows);
    BuildOptions options =
        TestIndexes.options(metric, "rabitq:1").toBuilder().storage(ElementType.F16).build();
    long required =
        BuildPlan.required(4000, 256, AutomaticCodec.resolve(options, 4000, 256)).plannedBytes();
    long narrow = 4000L * BuildPlan.NARROW.codeBytesAtMost(256);
    BuildOptions tight = options.toBuilder().memoryBytes(required + narrow).build();
    List<String> digests = new ArrayList<>();
    for (int threads = 1; threads <= 3; threads++) {
      Path index = directory.resolve("half-" + threads);
      List<String> notes = new ArrayList<>();
      try (VectorInput vectors = VectorInput.open(input)) {
        BuildReport _ =
            Index.build(index, vectors, tight.toBuilder().threads(threads).build(), notes(notes));
      }
      assertThat(notes).anyMatch(note -> note.contains("one-byte codes"));
      digests.add(IndexDigest.sha256(index));
    }
    assertThat(digests).allMatch(digests.getFirst()::equals);
    double resident = recallOf(metric, rows, options, directory.resolve("resident"));
    double coded = recallOf(metric, rows, tight, directory.resolve("coded"));
    assertThat(coded).isGreaterThan(resident - 0.01);
    assertThatThrownBy(
            () -> {
              try (VectorInput vectors = VectorInput.open(input)) {
                Index.build(
                    directory.resolve("less"),
                    vectors,
                    options.toBuilder().memoryBytes(required).build(),
                    ProgressListener.NONE);
              }
            })
        .isInstanceOf(MemoryBudgetExceededException.class)
        .hasMessageContaining("one-byte codes, which storage f16 needs in memory");
  }

  /** Recall@10 of the first hundred vectors, compared with a search through everything. */
  private double recallOf(Metric metric, F32Rows rows, BuildOptions options, Path path)
      throws IOException {
    try (VectorInput vectors = VectorInput.open(input)) {
      BuildReport report = Index.build(path, vectors, options, ProgressListener.NONE);
      assertThat(report.info().metric()).isEqualTo(metric);
    }
    int found = 0;
    try (Index index = Index.open(path)) {
      for (int row = 0; row < 100; row++) {
        float[] query = TestIndexes.row(rows, row);
        SearchResult all =
            index.search(query, SearchParameters.forK(10).withList(4000).withConfidence(1));
        Set<Long> truth = new HashSet<>();
        for (int rank = 0; rank < 10; rank++) {
          truth.add(all.id(rank));
        }
        SearchResult some =
            index.search(query, SearchParameters.forK(10).withList(80).withConfidence(1));
        for (int rank = 0; rank < 10; rank++) {
          found += truth.contains(some.id(rank)) ? 1 : 0;
        }
      }
    }
    return found / 1000.0;
  }

  @Test
  void buildsOverTheBudgetDoNotDependOnThreads() throws IOException {
    input =
        TestIndexes.write(directory.resolve("large.fbin"), TestRows.clustered(9, 12_000, 256, 12));
    BuildOptions options = TestIndexes.options(Metric.L2, "rabitq:1");
    long required =
        BuildPlan.required(12_000, 256, AutomaticCodec.resolve(options, 12_000, 256))
            .plannedBytes();
    long narrow = 12_000L * BuildPlan.NARROW.codeBytesAtMost(256);
    for (long memory : new long[] {required, required + narrow}) {
      List<String> digests = new ArrayList<>();
      for (int threads = 1; threads <= 3; threads++) {
        Path index = directory.resolve("index-" + memory + "-" + threads);
        try (VectorInput vectors = VectorInput.open(input)) {
          BuildReport _ =
              Index.build(
                  index,
                  vectors,
                  options.toBuilder().memoryBytes(memory).threads(threads).build(),
                  ProgressListener.NONE);
          digests.add(IndexDigest.sha256(index));
        }
      }
      assertThat(digests).allMatch(digests.getFirst()::equals);
    }
  }

  /** Recall@10 of the first hundred vectors as queries. */
  private double recall(F32Rows rows, BuildOptions options, String plan) throws IOException {
    Path index = directory.resolve("index-" + plan.charAt(0));
    List<String> notes = new ArrayList<>();
    try (VectorInput vectors = VectorInput.open(input)) {
      BuildReport _ = Index.build(index, vectors, options, notes(notes));
    }
    assertThat(notes).anyMatch(note -> note.contains("vectors") && note.contains(plan));
    int hits = 0;
    try (Index opened = Index.open(index)) {
      SearchParameters parameters =
          SearchParameters.forK(10).withList(80).withRerank(32).withConfidence(1);
      SearchResult result = new SearchResult();
      float[] query = new float[256];
      for (int i = 0; i < 100; i++) {
        rows.copyRow(i, query);
        opened.search(query, parameters, result);
        java.util.Set<Long> exact = TestIndexes.exactNearest(rows, query, 10);
        for (int rank = 0; rank < result.size(); rank++) {
          hits += exact.contains(result.id(rank)) ? 1 : 0;
        }
      }
    }
    return hits / 1000.0;
  }
}
