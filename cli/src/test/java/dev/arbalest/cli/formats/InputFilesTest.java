// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.ssd.trial.GroundTruth;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Formats of other programs. The files beside this test were written by h5py 3.16 and pyarrow 25:
 * 40 vectors of 8 components, {@code (8 row + component) / 64 - 2}.
 */
class InputFilesTest {
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
        "list-snappy.parquet",
        "fixed-zstd.parquet",
        "double-plain.parquet",
        "fixed.arrow",
        "list-lz4.arrow",
        "half-zstd.arrow",
        "large-stream.ipc",
        "fixed.feather"
      })
  void filesOfOtherProgramsAreRead(String name) throws IOException {
    Path path = file(name);
    try (VectorInput input = InputFiles.open(path, InputFiles.Role.BASE)) {
      assertValues(input, ROWS);
      assertThat(input.path()).isEqualTo(path);
    }
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
    "two-lists.parquet, needed is a column of lists of float"
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
      Files.write(cut, java.util.Arrays.copyOf(bytes, length));
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
    assertThatThrownBy(() -> open(bvecs)).hasMessageContaining("row 0: dimension 3 with 6 bytes");
    Files.write(bvecs, little(11).putInt(2).putShort((short) 1).putInt(1).put((byte) 1).array());
    assertThatThrownBy(() -> open(bvecs)).hasMessageContaining("row 1: dimension 1");
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
