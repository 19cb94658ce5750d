// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BuildOptions;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Whole searches of a small index: run with {@code -prof gc} for bytes allocated per search. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0"
    })
@State(Scope.Benchmark)
public class IndexSearchBenchmark {
  private static final int ROWS = 5_000;
  private static final int DIMENSION = 768;

  /** Codec of the index. */
  @Param({"saq:2", "rabitq:1"})
  public String codec;

  /** How vectors are read. */
  @Param({"URING", "PREAD", "MMAP"})
  public ReaderKind reader;

  private final SearchResult result = new SearchResult();
  private final float[] query = new float[DIMENSION];
  private Path directory;
  private Index index;

  /** Builds the index. */
  @SuppressWarnings("MustBeClosedChecker") // closed by remove()
  @Setup(Level.Trial)
  public void build() throws IOException {
    directory = Files.createTempDirectory("arbalest-bench");
    Path input = directory.resolve("rows.fbin");
    ByteBuffer bytes = ByteBuffer.allocate(8 + 4 * ROWS * DIMENSION).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(ROWS).putInt(DIMENSION);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < ROWS; i++) {
      for (int j = 0; j < DIMENSION; j++) {
        bytes.putFloat((float) (random.nextGaussian() / (1 + j / 16)));
      }
    }
    try (FileChannel channel =
        FileChannel.open(input, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      bytes.flip();
      while (bytes.hasRemaining()) {
        int unused = channel.write(bytes);
        assert unused > 0;
      }
    }
    for (int j = 0; j < DIMENSION; j++) {
      query[j] = (float) (random.nextGaussian() / (1 + j / 16));
    }
    Path place = directory.resolve("index");
    try (VectorInput vectors = VectorInput.open(input)) {
      BuildOptions options = BuildOptions.builder().codec(codec).build();
      var unused = Index.build(place, vectors, options, ProgressListener.NONE);
      assert unused != null;
    }
    index = Index.open(place, OpenOptions.defaults().withReader(reader), ProgressListener.NONE);
  }

  /** Removes it. */
  @TearDown(Level.Trial)
  public void remove() throws IOException {
    index.close();
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /** One search with default parameters. */
  @Benchmark
  public long search() throws IOException {
    index.search(query, SearchParameters.defaults(), result);
    return result.id(0);
  }
}
