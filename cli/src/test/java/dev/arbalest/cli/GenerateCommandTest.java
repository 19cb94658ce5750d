// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Generated vectors, queries and ground truth. */
class GenerateCommandTest extends CommandTest {
  @Test
  void generatedDataDoNotDependOnThreads() throws IOException {
    byte[][] first = new byte[3][];
    List<String> endings = List.of(".base.fbin", ".query.fbin", ".gt.ibin");
    for (String style : List.of("small3", "ada")) {
      for (int threads = 1; threads <= 3; threads++) {
        assertThat(
                run(
                    "generate --output "
                        + prefix
                        + " --count 300 --dimension 70 --queries 9 --seed 5 --style "
                        + style
                        + " --threads "
                        + threads))
            .as(err)
            .isZero();
        for (int i = 0; i < 3; i++) {
          byte[] bytes = Files.readAllBytes(Path.of(prefix + endings.get(i)));
          first[i] = threads == 1 ? bytes : first[i];
          assertThat(bytes).as(style + endings.get(i)).isEqualTo(first[i]);
        }
      }
    }
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.count()).isEqualTo(3);
    }
  }

  @Test
  void generatedGroundTruthIsExact() throws IOException {
    assertThat(
            run("generate --output " + prefix + " --count 130 --dimension 33 --queries 7 --seed 5"))
        .isZero();
    ByteBuffer base = read(".base.fbin");
    ByteBuffer queries = read(".query.fbin");
    ByteBuffer truth = read(".gt.ibin");
    assertThat(truth.getInt(0)).isEqualTo(7);
    assertThat(truth.getInt(4)).isEqualTo(100);
    for (int query = 0; query < 7; query++) {
      double[] distances = new double[130];
      double norm = 0;
      for (int row = 0; row < 130; row++) {
        for (int i = 0; i < 33; i++) {
          double d =
              base.getFloat(8 + 4 * (33 * row + i)) - queries.getFloat(8 + 4 * (33 * query + i));
          distances[row] += d * d;
        }
      }
      for (int i = 0; i < 33; i++) {
        norm += Math.pow(queries.getFloat(8 + 4 * (33 * query + i)), 2);
      }
      assertThat(Math.abs(norm - 1)).isLessThan(1e-5);
      double[] sorted = distances.clone();
      Arrays.sort(sorted);
      for (int rank = 0; rank < 100; rank++) {
        int id = truth.getInt(8 + 4 * (100 * query + rank));
        assertThat(Math.abs(distances[id] - sorted[rank])).isLessThan(1e-5);
        float stored = truth.getFloat(8 + 4 * (700 + 100 * query + rank));
        assertThat(Math.abs(stored - sorted[rank])).isLessThan(1e-5);
      }
    }
  }

  private ByteBuffer read(String ending) throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(Path.of(prefix + ending)))
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
