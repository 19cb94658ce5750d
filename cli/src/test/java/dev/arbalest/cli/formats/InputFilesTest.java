// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.VectorSource;
import dev.arbalest.ssd.trial.GroundTruth;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Formats of other programs. The files beside this test were written by h5py 3.16 and pyarrow 25:
 * 40 vectors of 8 components, {@code (8 row + component) / 64 - 2}.
 */
public class InputFilesTest {
  private static final int ROWS = 40;
  private static final int DIMENSION = 8;

  @TempDir private Path directory;

  private Path file(String name) throws IOException {
    Path target = directory.resolve(name);
    try (InputStream in = Objects.requireNonNull(InputFilesTest.class.getResourceAsStream(name))) {
      Files.copy(in, target);
    }
    return target;
  }

  private static void assertValues(VectorInput input, int rows) {
    assertThat(input.rows().count()).isEqualTo(rows);
    assertThat(input.rows().dimension()).isEqualTo(DIMENSION);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < DIMENSION; i++) {
        assertThat(input.rows().get(row, i)).isEqualTo((DIMENSION * row + i) / 64f - 2);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "contiguous.h5",
        "chunked.hdf5",
        "big-endian-double.h5",
        "user-block.h5",
        "user-block-chunks.h5",
        "half.h5",
        "half-chunks.h5",
        "list-snappy.parquet",
        "fixed-zstd.parquet",
        "double-plain.parquet",
        "fixed.arrow",
        "list-brotli.parquet",
        "list-gzip.parquet",
        "list-lz4.parquet",
        "half.parquet",
        "list-lz4.arrow",
        "list-view.arrow",
        "half-zstd.arrow",
        "large-stream.ipc",
        "fixed.feather"
      })
  void filesOfOtherProgramsAreRead(String name) throws IOException {
    Path path = file(name);
    try (VectorInput input = InputFiles.open(path, InputFiles.Role.BASE)) {
      assertValues(input, ROWS);
      assertThat(input.name()).isEqualTo(path.toString());
    }
  }

  /** {@code (8 row + component) % 200}, signed less 100. */
  @ParameterizedTest
  @ValueSource(strings = {"int8.parquet", "uint8.parquet", "int8.arrow", "int8.h5"})
  void bytesOfOtherProgramsAreRead(String name) throws IOException {
    try (VectorInput input = InputFiles.open(file(name), InputFiles.Role.BASE)) {
      for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < DIMENSION; i++) {
          int value = (DIMENSION * row + i) % 200 - (name.startsWith("u") ? 0 : 100);
          assertThat(input.rows().get(row, i)).isEqualTo(value);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "columns.parquet, doc.embedding, id, key",
    "columns.arrow, doc.embedding, id, key",
    "nested.h5, a/b, , "
  })
  void columnsAreChosenByName(String name, String vectors, String numbers, String texts)
      throws IOException {
    Path path = file(name);
    List<String> paths = List.of(path.toString());
    try (VectorSource source = InputFiles.openAll(paths, null, vectors);
        VectorInput input = VectorInput.copyOf(source)) {
      assertValues(input, ROWS);
    }
    if (numbers != null) {
      long[] ids = InputFiles.ids(paths, numbers).numbers();
      assertThat(ids).hasSize(ROWS);
      assertThat(ids[9]).isEqualTo(name.endsWith("parquet") ? 64 : 9);
      List<String> keys = InputFiles.ids(paths, texts).texts();
      assertThat(keys)
          .hasSize(ROWS)
          .startsWith("d0", "document number 1", "d2")
          .endsWith("document number 39");
      assertThatThrownBy(() -> InputFiles.ids(paths, "doc.embedding"))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining(name);
      assertThatThrownBy(() -> InputFiles.ids(paths, "nobody"))
          .hasMessageContaining("no column nobody")
          .hasMessageContaining("key");
    }
    assertThatThrownBy(() -> openAll(paths, "nobody"))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(name)
        .hasMessageContaining("nobody");
  }

  private static void openAll(List<String> paths, @Nullable String column) throws IOException {
    try (VectorSource source = InputFiles.openAll(paths, null, column);
        VectorInput input = VectorInput.copyOf(source)) {
      assertThat(input.count()).isPositive();
    }
  }

  /** Blocks of LZ4 that refer to earlier ones appear once a buffer is longer than 64 KiB. */
  @Test
  void linkedBlocksOfLz4AreRead() throws IOException {
    try (VectorInput input = InputFiles.open(file("linked-lz4.feather"), InputFiles.Role.BASE)) {
      assertThat(input.count()).isEqualTo(4000);
      for (int row = 0; row < 4000; row++) {
        for (int i = 0; i < DIMENSION; i++) {
          assertThat(input.rows().get(row, i)).isEqualTo(row % 7 + i / 2f);
        }
      }
    }
  }

  /** Streams one after another in one file would end with the first. */
  @Test
  void whatFollowsTheEndOfAStreamIsRefused() throws IOException {
    Path path = file("large-stream.ipc");
    byte[] once = Files.readAllBytes(path);
    byte[] twice = Arrays.copyOf(once, 2 * once.length);
    System.arraycopy(once, 0, twice, once.length, once.length);
    Files.write(path, twice);
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("40 rows, then the stream ends, and " + once.length + " bytes");
  }

  /** The first message of a file repeats the schema; some writers leave it out. */
  @Test
  void anArrowFileNeedsItsSchemaOnlyInTheFooter() throws IOException {
    Path path = file("fixed.arrow");
    byte[] bytes = Files.readAllBytes(path);
    Arrays.fill(bytes, 8, 16, (byte) 0);
    Files.write(path, bytes);
    open(path);
  }

  @Test
  void severalFilesAreReadOneAfterAnother() throws IOException {
    for (String name : List.of("fixed.arrow", "list-gzip.parquet", "contiguous.h5")) {
      Files.copy(file(name), directory.resolve("part-" + name));
    }
    List<String> pattern = List.of(directory + "/part-*");
    try (VectorSource source = InputFiles.openAll(pattern, null, null);
        VectorInput input = VectorInput.copyOf(source)) {
      assertThat(input.count()).isEqualTo(3 * ROWS);
      for (int row = 0; row < 3 * ROWS; row++) {
        for (int i = 0; i < DIMENSION; i++) {
          float value = (DIMENSION * (row % ROWS) + i) / 64f - 2;
          assertThat(input.rows().get(row, i)).isEqualTo(value);
        }
      }
      assertThat(source.describe(ROWS + 3)).isEqualTo(directory + "/part-fixed.arrow, row 3");
    }
    assertThatThrownBy(() -> openAll(List.of(directory + "/none-*"), null))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("none-* matches no file");
    Path other = directory.resolve("part-z.fvecs");
    Files.write(other, little(8).putInt(1).putFloat(1).array());
    assertThatThrownBy(() -> openAll(pattern, null))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("part-z.fvecs: dimension 1, those of");
  }

  @Test
  void queriesAndGroundTruthComeFromTheSameHdf5File() throws IOException {
    Path path = file("contiguous.h5");
    try (VectorInput input = InputFiles.open(path, InputFiles.Role.QUERIES)) {
      assertValues(input, 5);
    }
    GroundTruth truth = InputFiles.groundTruth(path);
    assertThat(truth.queries()).isEqualTo(5);
    assertThat(truth.k()).isEqualTo(10);
    assertThat(truth.neighbors(4, 3)).containsExactly(4, 5, 6);
  }

  @ParameterizedTest
  @CsvSource({
    "null-row.parquet, row 1: null or empty vector",
    "null-row.arrow, some vectors are null",
    "two-lists.parquet, needed is a column of lists of float",
    "two-usual.parquet, the only one called vector",
    "no-rows.parquet, holds 0 vectors",
    "no-rows.arrow, holds 0 vectors",
    "external.h5, External Data Files",
    "virtual.h5, Virtual storage is not supported",
    "never-written.h5, never written",
    "compact.h5, COMPACT",
    "unwritten-chunk.h5, 'rows 16 to 23: their chunk is damaged, too large, or was never written'",
    "unwritten-chunk-2.h5, 'rows 16 to 23: their chunk is damaged, too large, or was never written'",
    "int32.h5, 32-bit int"
  })
  void whatIsNoVectorIsNamed(String name, String message) throws IOException {
    Path path = file(name);
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(name)
        .hasMessageContaining(message);
  }

  private static void open(Path path) throws IOException {
    try (VectorInput input = InputFiles.open(path, InputFiles.Role.BASE)) {
      assertValues(input, ROWS);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "contiguous.h5",
        "list-snappy.parquet",
        "fixed.arrow",
        "large-stream.ipc",
        "fixed.feather"
      })
  void aTruncatedFileIsRefused(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(file(name));
    for (int length = 0; length < bytes.length * 9 / 10; length += Math.max(1, bytes.length / 40)) {
      Path cut = directory.resolve("cut-" + length + "-" + name);
      Files.write(cut, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> open(cut))
          .as("%s cut to %d of %d bytes", name, length, bytes.length)
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining(cut.getFileName().toString());
      Files.delete(cut);
    }
  }

  @Test
  void bytesBecomeFloats() throws IOException {
    Path bvecs = directory.resolve("a.bvecs");
    Files.write(
        bvecs,
        little(2 * 6)
            .putInt(2)
            .put((byte) 1)
            .put((byte) 255)
            .putInt(2)
            .put((byte) 0)
            .put((byte) 7)
            .array());
    try (VectorInput input = InputFiles.open(bvecs, InputFiles.Role.BASE)) {
      assertThat(input.rows().count()).isEqualTo(2);
      assertThat(input.rows().get(0, 1)).isEqualTo(255);
      assertThat(input.rows().get(1, 1)).isEqualTo(7);
    }
    for (String name : new String[] {"a.u8bin", "a.i8bin"}) {
      Path bin = directory.resolve(name);
      Files.write(bin, little(8 + 4).putInt(2).putInt(2).putInt(0x7f_01_00_ff).array());
      try (VectorInput input = InputFiles.open(bin, InputFiles.Role.BASE)) {
        assertThat(input.rows().get(0, 0)).isEqualTo(name.equals("a.u8bin") ? 255 : -1);
        assertThat(input.rows().get(1, 1)).isEqualTo(127);
      }
    }
  }

  @Test
  void damagedByteFilesAreRefused() throws IOException {
    Path bvecs = directory.resolve("b.bvecs");
    Files.write(bvecs, little(6).putInt(3).put((byte) 1).put((byte) 2).array());
    assertThatThrownBy(() -> open(bvecs))
        .hasMessageContaining("6 bytes, but 1 vectors of dimension 3");
    Files.write(bvecs, little(11).putInt(2).putShort((short) 1).putInt(1).put((byte) 1).array());
    assertThatThrownBy(() -> open(bvecs)).hasMessageContaining("b.bvecs");
    Path bin = directory.resolve("b.u8bin");
    Files.write(bin, little(9).putInt(2).putInt(2).put((byte) 0).array());
    assertThatThrownBy(() -> open(bin)).hasMessageContaining("2 vectors of dimension 2");
    Files.write(bin, new byte[3]);
    assertThatThrownBy(() -> open(bin)).hasMessageContaining("too few for a header");
    assertThatThrownBy(() -> open(directory.resolve("none.parquet")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("does not exist");
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
