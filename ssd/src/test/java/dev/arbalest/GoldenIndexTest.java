// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The bytes of an index for a fixed input and seed. The rows are small integers whose mean is zero,
 * so that distances are exact whatever the width of the vector unit. A change here is a change of
 * file format or algorithm: note it in CHANGELOG.md, and raise the format version if old files can
 * no longer be read.
 */
class GoldenIndexTest {
  @TempDir Path directory;

  @Test
  void theFilesOfAFixedInputNeverChange() throws IOException, GeneralSecurityException {
    F32Rows rows = TestRows.integers(1, 600, 64);
    for (int row = 0; row < 300; row++) {
      for (int i = 0; i < 64; i++) {
        rows.memory().set(F32Rows.FLOAT, rows.offset(300 + row) + 4L * i, -rows.get(row, i));
      }
    }
    Path index = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    StringBuilder digests = new StringBuilder();
    for (String name : new String[] {"vectors.f32", "graph.1", "codes.1", "codec.1", "sums.1"}) {
      byte[] sha =
          MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(index.resolve(name)));
      digests.append(name).append(' ').append(HexFormat.of().formatHex(sha, 0, 8)).append('\n');
    }
    assertThat(digests.toString())
        .isEqualTo(
            """
            vectors.f32 b646e2db3e9519f2
            graph.1 411e0664d45c8969
            codes.1 610581214ca855d0
            codec.1 b5a5e2ecddcdc6b2
            sums.1 7a8d1c6fde4725f2
            """);
  }
}
