// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InputTest {
  @TempDir Path directory;

  @Test
  void everyFormatReadsTheSameRows() throws IOException {
    F32Rows rows = TestRows.gaussian(1, 5, 7);
    Path fbin = TestIndexes.write(directory.resolve("rows.fbin"), rows);
    ByteBuffer fvecs = little(5 * (4 + 28));
    ByteBuffer data = little(5 * 28);
    for (int row = 0; row < 5; row++) {
      fvecs.putInt(7);
      for (int i = 0; i < 7; i++) {
        fvecs.putFloat(rows.get(row, i));
        data.putFloat(rows.get(row, i));
      }
    }
    Path fvecsPath = Files.write(directory.resolve("rows.fvecs"), fvecs.array());
    Path npy = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 7), }", data.array(), 1);
    Path npy2 = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 7), }", data.array(), 2);
    for (Path path : List.of(fbin, fvecsPath, npy, npy2)) {
      try (VectorInput input = VectorInput.open(path)) {
        assertThat(input.rows().count()).isEqualTo(5);
        assertThat(input.rows().dimension()).isEqualTo(7);
        for (int row = 0; row < 5; row++) {
          assertThat(TestIndexes.row(input.rows(), row)).isEqualTo(TestIndexes.row(rows, row));
        }
      }
    }
  }

  /** Every type, order of bytes and order of the array, as different writers spell them. */
  @Test
  void arraysOfEveryTypeAndSpellingAreRead() throws IOException {
    String[][] spellings = {
      {"{'descr': '<f4', 'fortran_order': %s, 'shape': (3, 4), }", "F32"},
      {"{'descr':'<f4','fortran_order':%s,'shape':(3,4)}", "F32"},
      {"{\"shape\" : ( 3L , 4L ) , \"fortran_order\" : %s , u'descr' : \"=f4\"}", "F32"},
      {"{'shape': [3, 4], 'descr': 'float32', 'fortran_order': %s}", "F32"},
      {"{'descr': '>f4', 'fortran_order': %s, 'shape': (3, 4)}", "F32 big"},
      {"{'descr': '<f8', 'fortran_order': %s, 'shape': (3, 4), }", "F64"},
      {"{'descr': '>f8', 'fortran_order': %s, 'shape': (3, 4), }", "F64 big"},
      {"{'descr': '<f2', 'fortran_order': %s, 'shape': (3, 4), }", "F16"},
      {"{'descr': '>f2', 'fortran_order': %s, 'shape': (3, 4), }", "F16 big"},
      {"{'descr': '|i1', 'fortran_order': %s, 'shape': (3, 4), }", "I8"},
      {"{'descr': '|u1', 'fortran_order': %s, 'shape': (3, 4), }", "U8"},
    };
    for (String[] spelling : spellings) {
      for (boolean isByColumn : new boolean[] {false, true}) {
        String header = String.format(spelling[0], isByColumn ? "True" : "False");
        byte[] data = numbers(spelling[1], isByColumn);
        Path path = npy(header, data, 1);
        try (VectorInput input = VectorInput.open(path);
            VectorSource source = VectorInput.source(path);
            VectorInput read = VectorInput.copyOf(source)) {
          for (int row = 0; row < 3; row++) {
            for (int i = 0; i < 4; i++) {
              assertThat(input.rows().get(row, i)).as(header).isEqualTo(10 * row + i);
              assertThat(read.rows().get(row, i)).as(header).isEqualTo(10 * row + i);
            }
          }
        }
      }
    }
  }

  /** 10 row + component, of 3 rows and 4 components. */
  private static byte[] numbers(String type, boolean isByColumn) {
    ByteBuffer data = little(3 * 4 * 8);
    if (type.endsWith("big")) {
      data.order(ByteOrder.BIG_ENDIAN);
    }
    for (int i = 0; i < 12; i++) {
      int value = isByColumn ? 10 * (i % 3) + i / 3 : 10 * (i / 4) + i % 4;
      switch (type.substring(0, 2)) {
        case "F3" -> data.putFloat(value);
        case "F6" -> data.putDouble(value);
        case "F1" -> data.putShort(Float.floatToFloat16(value));
        default -> data.put((byte) value);
      }
    }
    return java.util.Arrays.copyOf(data.array(), data.position());
  }

  @Test
  void unusableFilesAreNamedWithWhatIsWrong() throws IOException {
    assertRefused(fbin(2, 3, 5), "28 bytes, but 2 vectors of dimension 3", "take 32");
    assertRefused(fbin(2, 3, 7), "36 bytes, but 2 vectors of dimension 3");
    assertRefused(fbin(1, 0, 0), "dimension 0 in its header, expected 1 to 65535");
    assertRefused(fbin(1, 65_536, 65_536), "dimension 65536 in its header, expected 1 to 65535");
    assertRefused(fbin(0, 4, 0), "holds 0 vectors, expected at least 1");
    assertRefused(fbin(-1, 4, 4), "4294967295 vectors, at most 2147483639 fit");
    assertRefused(fbin(1, -1, 4), "dimension 4294967295");
    assertRefused(write("a.fbin", new byte[5]), "5 bytes are too few for a header of 8 (.fbin)");
    assertRefused(write("a.fbin", new byte[0]), "0 bytes are too few");
    assertRefused(write("a.fvecs", new byte[0]), "the file has 0 vectors");
    assertRefused(write("a.fvecs", new byte[8]), "dimension 0 in its first row");
    assertRefused(write("a.npy", new byte[100]), "not a NumPy file");
    assertRefused(write("a.vec", new byte[100]), "unknown ending .vec");
    assertRefused(directory.resolve("missing.fbin"), "does not exist");
    assertRefused(Files.createDirectory(directory.resolve("d.fbin")), "is a directory");
    byte[] eight = new byte[32];
    assertRefused(
        npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 4), }", eight, 1),
        "of type <i4; read are float16");
    assertRefused(
        npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2, 4), }", eight, 1),
        "of type [[x, <f4]]");
    assertRefused(
        npy("{'descr': '<f4', 'fortran_order': False}", eight, 1), "fortran_order and shape");
    assertRefused(npy("{'descr': '<f4' 'fortran_order'", eight, 1), "damaged NumPy header");
    assertRefused(npy("", eight, 1), "damaged NumPy header");
    assertRefused(
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }", eight, 1),
        "two dimensions");
    assertRefused(
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", eight, 1), "take");
    assertRefused(
        npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }",
            eight,
            1),
        "impossible number");
    ByteBuffer uneven = little(2 * 12);
    uneven.putInt(2).putFloat(1).putFloat(2).putInt(3).putFloat(1).putFloat(2);
    assertRefused(write("b.fvecs", uneven.array()), "row 1: dimension 3, the first row has 2");
  }

  @Test
  void rowsThatCannotBeIndexedAreNamed() throws IOException {
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      F32Rows rows = TestRows.gaussian(2, 40, 5);
      rows.memory().set(F32Rows.FLOAT, rows.offset(33) + 8, bad);
      for (Metric metric : Metric.values()) {
        assertBuildRefused(rows, metric, "row 33: component 2 is " + bad);
      }
    }
    F32Rows zero = TestRows.gaussian(2, 40, 5);
    for (int i = 0; i < 5; i++) {
      zero.memory().set(F32Rows.FLOAT, zero.offset(12) + 4L * i, 0);
    }
    assertBuildRefused(zero, Metric.COSINE, "row 12: norm 0 has no direction under cosine");
    TestIndexes.build(directory, zero, TestIndexes.options(Metric.L2, "rabitq:1"));
    F32Rows huge = TestRows.gaussian(2, 40, 5);
    huge.memory().set(F32Rows.FLOAT, huge.offset(7), 3e38f);
    assertBuildRefused(huge, Metric.DOT, "row 7: its norm overflows float32");
  }

  private void assertBuildRefused(F32Rows rows, Metric metric, String message) throws IOException {
    Path place = Files.createTempDirectory(directory, "build");
    assertThatThrownBy(
            () -> TestIndexes.build(place, rows, TestIndexes.options(metric, "rabitq:1")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(message);
    assertNothingLeft(place.resolve("index"));
  }

  static void assertNothingLeft(Path index) throws IOException {
    try (java.util.stream.Stream<Path> files = Files.list(index)) {
      assertThat(files.map(file -> file.getFileName().toString())).containsOnly("LOCK");
    }
  }

  @Test
  void aDirectoryInUseOrOfSomethingElseIsLeftAlone() throws IOException {
    F32Rows rows = TestRows.gaussian(3, 5, 4);
    BuildOptions options = TestIndexes.options(Metric.L2, "rabitq:1");
    Path index = TestIndexes.build(directory, rows, options);
    try (IndexDirectory held = IndexDirectory.openForWriting(index)) {
      assertThat(held.path()).isEqualTo(index);
      assertThatThrownBy(() -> TestIndexes.build(directory, rows, options))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("already open for writing");
      // The refusal must not have loosened the first writer's lock for other processes.
      assertThat(lockIsFree(index.resolve("LOCK"))).isFalse();
    }
    assertThat(lockIsFree(index.resolve("LOCK"))).isTrue();
    Path other = Files.createDirectories(directory.resolve("home/index"));
    Files.writeString(other.resolve("thesis.txt"), "precious");
    assertThatThrownBy(() -> TestIndexes.build(directory.resolve("home"), rows, options))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("thesis.txt");
    assertThat(other.resolve("thesis.txt")).hasContent("precious");
    assertThat(other).isDirectoryNotContaining(file -> !file.endsWith("thesis.txt"));
    Files.writeString(index.resolve("manifest.json"), "{}");
    assertThatThrownBy(() -> TestIndexes.build(directory, rows, options))
        .isInstanceOf(CorruptIndexException.class);
    assertThat(index.resolve("vectors.f32")).exists();
  }

  /** Whether no process holds a POSIX lock on the file, by the kernel's own list. */
  private static boolean lockIsFree(Path lock) throws IOException {
    Object inode = Files.getAttribute(lock, "unix:ino");
    return Files.readAllLines(Path.of("/proc/locks")).stream()
        .noneMatch(line -> line.contains("POSIX") && line.contains(":" + inode + " "));
  }

  @Test
  void filesThatOnlyLookLikeAnIndexAreLeftAlone() throws IOException {
    Path index = Files.createDirectories(directory.resolve("index"));
    Files.writeString(index.resolve("vectors.f32"), "precious");
    F32Rows rows = TestRows.gaussian(3, 5, 4);
    assertThatThrownBy(
            () -> TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("holds files named like an index's");
    assertThat(index.resolve("vectors.f32")).hasContent("precious");
  }

  @Test
  void aBudgetTooSmallIsRefusedBeforeAnythingIsWritten() throws IOException {
    F32Rows rows = TestRows.gaussian(3, 500, 4);
    BuildOptions options =
        TestIndexes.options(Metric.L2, "rabitq:1").toBuilder().memoryBytes(100 << 20).build();
    assertThatThrownBy(() -> TestIndexes.build(directory, rows, options))
        .isInstanceOf(dev.arbalest.MemoryBudgetExceededException.class)
        .hasMessageContaining("memory budget of 100.0 MiB is too small")
        .hasMessageContaining("raise it to at least 265m");
    assertThat(directory.resolve("index")).doesNotExist();
    TestIndexes.build(directory, rows, options.toBuilder().memoryBytes(265 << 20).build());
  }

  @Test
  void groundTruthIsCheckedAndCounted() throws IOException {
    ByteBuffer bytes = little(8 + 2 * 2 * 4).putInt(2).putInt(2);
    bytes.putInt(5).putInt(6).putInt(7).putInt(8);
    GroundTruth truth = GroundTruth.read(write("a.ibin", bytes.array()));
    assertThat(truth.hits(0, new long[] {6, 9}, 2)).isEqualTo(1);
    assertThat(truth.hits(1, new long[] {8, 7}, 2)).isEqualTo(2);
    assertThat(truth.hits(1, new long[] {8, 7}, 1)).isZero();
    for (int length : new int[] {0, 7, 8, 23, 25}) {
      Path torn = write("b.ibin", java.util.Arrays.copyOf(bytes.array(), length));
      assertThatThrownBy(() -> GroundTruth.read(torn)).isInstanceOf(BadInputException.class);
    }
    assertThatThrownBy(() -> GroundTruth.read(directory.resolve("none.ibin")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("does not exist");
  }

  private static void assertRefused(Path path, String... messages) {
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContainingAll(messages);
  }

  private static void open(Path path) throws IOException {
    try (VectorInput input = VectorInput.open(path)) {
      assertThat(input.path()).isEqualTo(path);
    }
  }

  private Path fbin(int count, int dimension, int floats) throws IOException {
    ByteBuffer bytes = little(8 + 4 * floats).putInt(count).putInt(dimension);
    return write("case.fbin", bytes.array());
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(directory.resolve(name), bytes);
  }

  private Path npy(String header, byte[] data, int version) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.US_ASCII);
    ByteBuffer bytes = little((version == 1 ? 10 : 12) + text.length + data.length);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    bytes.put((byte) version).put((byte) 0);
    if (version == 1) {
      bytes.putShort((short) text.length);
    } else {
      bytes.putInt(text.length);
    }
    bytes.put(text).put(data);
    return write("case" + version + ".npy", bytes.array());
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
