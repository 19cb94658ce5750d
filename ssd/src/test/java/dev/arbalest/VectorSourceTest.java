// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sources of vectors, and that an index does not depend on where its vectors come from. */
class VectorSourceTest {
  private static final int COUNT = 700;
  private static final int DIMENSION = 24;

  @TempDir Path directory;

  private F32Rows rows;
  private byte[] fbin;
  private Path file;

  /** Makes a source anew for each build. */
  @FunctionalInterface
  private interface Maker {
    @MustBeClosed
    VectorSource make() throws IOException;
  }

  @BeforeEach
  void writeInput() throws IOException {
    rows = TestRows.clustered(5, COUNT, DIMENSION, 6);
    file = TestIndexes.write(directory.resolve("in.fbin"), rows);
    fbin = Files.readAllBytes(file);
  }

  private Map<String, Maker> makers() throws IOException {
    ByteBuffer doubles = ByteBuffer.allocate(8 * COUNT * DIMENSION).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < DIMENSION; i++) {
      for (int row = 0; row < COUNT; row++) {
        doubles.putDouble(rows.get(row, i));
      }
    }
    String header = "{'descr': '<f8', 'fortran_order': True, 'shape': (700, 24), }\n";
    ByteBuffer npy = ByteBuffer.allocate(10 + header.length() + doubles.capacity());
    npy.order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) 0x93)
        .put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    npy.put((byte) 1).put((byte) 0).putShort((short) header.length());
    npy.put(header.getBytes(StandardCharsets.US_ASCII)).put(doubles.array());
    Path array = Files.write(directory.resolve("in.npy"), npy.array());
    List<Path> parts = new ArrayList<>();
    for (int from = 0; from < COUNT; from += 271) {
      int to = Math.min(COUNT, from + 271);
      ByteBuffer part =
          ByteBuffer.allocate(8 + 4 * DIMENSION * (to - from)).order(ByteOrder.LITTLE_ENDIAN);
      part.putInt(to - from).putInt(DIMENSION);
      part.put(fbin, 8 + 4 * DIMENSION * from, 4 * DIMENSION * (to - from));
      parts.add(Files.write(directory.resolve("part" + from + ".fbin"), part.array()));
    }
    Map<String, Maker> makers = new LinkedHashMap<>();
    makers.put("columns of doubles", () -> VectorInput.source(array));
    makers.put("stream", () -> VectorInput.stream(slowly(fbin), "pipe", "fbin"));
    makers.put(
        "iterator",
        () ->
            VectorInput.of(
                COUNT,
                DIMENSION,
                IntStream.range(0, COUNT).mapToObj(row -> TestIndexes.row(rows, row)).iterator()));
    makers.put("parts", () -> VectorInput.concatenate(parts, VectorInput::source));
    makers.put("memory", () -> VectorInput.of(rows));
    return makers;
  }

  /** Gives a few bytes at a time, as a pipe does. */
  private static InputStream slowly(byte[] bytes) {
    InputStream all = new ByteArrayInputStream(bytes);
    return new InputStream() {
      @Override
      public int read() throws IOException {
        return all.read();
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        return all.read(target, offset, Math.min(length, 61));
      }
    };
  }

  private static BuildOptions options(int threads) {
    return TestIndexes.options(Metric.COSINE, "rabitq:2").toBuilder()
        .checkpointSeconds(0)
        .threads(threads)
        .build();
  }

  @Test
  void everySourceGivesTheSameIndex() throws IOException {
    Path whole = directory.resolve("whole");
    try (VectorInput input = VectorInput.open(file)) {
      Index.build(whole, input, options(2), ProgressListener.NONE);
    }
    for (Map.Entry<String, Maker> maker : makers().entrySet()) {
      for (int threads = 1; threads <= 3; threads++) {
        Path index = directory.resolve(maker.getKey() + threads);
        try (VectorSource source = maker.getValue().make()) {
          Index.build(index, source, options(threads), ProgressListener.NONE);
        }
        assertSame(maker.getKey(), index, whole);
      }
    }
  }

  private static void assertSame(String name, Path index, Path whole) throws IOException {
    for (String part :
        List.of(
            "vectors.f32", "graph.1", "codes.1", "codec.1", "ids.1", "sums.1", "manifest.json")) {
      assertThat(index.resolve(part)).as(name).hasSameBinaryContentAs(whole.resolve(part));
    }
  }

  /** A stream cannot be read again: a build goes on from the vectors it stored. */
  @Test
  void aBuildFromAStreamGoesOnAfterItStoredTheVectors() throws IOException {
    Path whole = directory.resolve("whole");
    try (VectorInput input = VectorInput.open(file)) {
      Index.build(whole, input, options(2), ProgressListener.NONE);
    }
    Path index = directory.resolve("index");
    Path unfinished = directory.resolve("unfinished");
    ProgressListener copying =
        new ProgressListener() {
          @Override
          public void stage(String name, long total) {
            if (name.equals("graph")) {
              copy(index, unfinished);
            }
          }

          @Override
          public void advanced(long count) {}
        };
    buildFromStream(index, fbin, options(2), copying);
    BuildOptions resume = options(2).toBuilder().resume(true).build();
    byte[] headerOnly = Arrays.copyOf(fbin, 8);
    buildFromStream(unfinished, headerOnly, resume, ProgressListener.NONE);
    assertSame("resumed", unfinished, whole);
  }

  private static void copy(Path from, Path to) {
    try (Stream<Path> files = Files.list(from)) {
      Files.createDirectory(to);
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName().toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void buildFromStream(
      Path index, byte[] bytes, BuildOptions options, ProgressListener listener)
      throws IOException {
    try (VectorSource source = VectorInput.stream(slowly(bytes), "pipe", "fbin")) {
      Index.build(index, source, options, listener);
    }
  }

  @Test
  void sourcesThatBreakTheirPromiseAreRefused() throws IOException {
    assertRefused(() -> stream(Arrays.copyOf(fbin, fbin.length - 1)), "pipe: ends in row 699");
    assertRefused(
        () -> stream(Arrays.copyOf(fbin, fbin.length + 1)), "pipe: goes on after the 700 rows");
    assertRefused(() -> stream(new byte[5]), "pipe: 5 bytes are too few for a header of 8");
    assertRefused(
        () -> VectorInput.stream(slowly(fbin), "pipe", "fvecs"), "does not say how many vectors");
    assertRefused(
        () -> VectorInput.stream(slowly(fbin), "pipe", "csv"), "unknown format csv of vectors");
    assertRefused(
        () -> VectorInput.of(3, 2, List.of(new float[2], new float[2]).iterator()),
        "vectors of an iterator: only 2, expected 3");
    assertRefused(
        () -> VectorInput.of(2, 2, List.of(new float[] {1, 2}, new float[3]).iterator()),
        "vectors of an iterator, row 1: dimension 3, expected 2");
    assertRefused(() -> VectorInput.of(2, 0, List.<float[]>of().iterator()), "dimension 0");
    Path cut = Files.write(directory.resolve("cut.fbin"), Arrays.copyOf(fbin, 100));
    assertRefused(
        () -> VectorInput.concatenate(List.of(file, cut), VectorInput::source), "cut.fbin");
    assertRefused(
        () -> VectorInput.concatenate(List.of(), VectorInput::source), "no file of vectors");
  }

  @MustBeClosed
  private static VectorSource stream(byte[] bytes) throws IOException {
    return VectorInput.stream(slowly(bytes), "pipe", "fbin");
  }

  private void assertRefused(Maker maker, String message) throws IOException {
    Path index = Files.createTempDirectory(directory, "refused").resolve("index");
    assertThatThrownBy(
            () -> {
              try (VectorSource source = maker.make()) {
                Index.build(index, source, options(2), ProgressListener.NONE);
              }
            })
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(message);
    if (Files.exists(index)) {
      InputTest.assertNothingLeft(index);
    }
  }

  @Test
  void aRowThatCannotBeIndexedIsNamedByItsFile() throws IOException {
    Path second = directory.resolve("second.fbin");
    ByteBuffer bad = ByteBuffer.wrap(fbin.clone()).order(ByteOrder.LITTLE_ENDIAN);
    bad.putFloat(8 + 4 * (DIMENSION * 33 + 2), Float.NaN);
    Files.write(second, bad.array());
    List<Path> files = List.of(file, second);
    assertRefused(
        () -> VectorInput.concatenate(files, VectorInput::source),
        "second.fbin, row 33: component 2 is NaN");
    assertRefused(() -> stream(bad.array()), "pipe, row 33: component 2 is NaN");
  }
}
