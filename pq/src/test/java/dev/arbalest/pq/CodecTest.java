// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.testing.Allocations;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What holds for every codec. */
class CodecTest {
  private static final List<String> SPECS =
      List.of(
          "saq:2",
          "saq:4",
          "rabitq:1",
          "rabitq:2",
          "rabitq:5",
          "pq:16",
          "pq:7",
          "pq4:30",
          "sq8",
          "f16");
  private static final int DIMENSION = 100;
  private static final int ROWS = 1200;

  @Test
  void approximateDistancesTrackExactOnes() throws IOException {
    for (String spec :
        List.of(
            "saq:2",
            "saq:3",
            "rabitq:1",
            "rabitq:3",
            "rabitq:8",
            "pq:25",
            "pq4:100",
            "sq8",
            "f16")) {
      for (Metric metric : Metric.values()) {
        F32Rows rows = TestRows.clustered(6, ROWS, DIMENSION, 12);
        try (CodedRows fixture = new CodedRows(spec, metric, rows, 2)) {
          float[] exact = exact(metric, rows, 5);
          float[] approximate = fixture.score(5);
          assertThat(correlation(exact, approximate))
              .as("%s under %s", spec, metric)
              .isGreaterThan(0.95);
          double difference = 0;
          for (int i = 0; i < ROWS; i++) {
            difference += approximate[i] - exact[i];
          }
          // On the scale of the metric, not only in its order.
          double spread = Arrays.stream(sorted(exact)).reduce(0, (a, b) -> b) - sorted(exact)[0];
          assertThat(difference / ROWS).isCloseTo(0, within(0.05 * spread));
        }
      }
    }
  }

  @Test
  void decodedCodesTellDistancesBetweenVectors() throws IOException {
    for (String spec :
        List.of("saq:2", "saq:3", "rabitq:1", "rabitq:3", "pq:25", "pq4:100", "sq8", "f16")) {
      for (Metric metric : Metric.values()) {
        F32Rows rows = TestRows.clustered(6, ROWS, DIMENSION, 12);
        try (CodedRows fixture = new CodedRows(spec, metric, rows, 2);
            Arena arena = Arena.ofConfined()) {
          CodeDecoder decoder = fixture.codec.newDecoder();
          int length = decoder.length();
          MemorySegment decoded = arena.allocate(8L * length, 64);
          MemorySegment codes = fixture.codes;
          F32Rows stored = fixture.rows;
          float[] exact = new float[ROWS - 1];
          float[] estimated = new float[ROWS - 1];
          double lengths = 0;
          for (int i = 0; i + 1 < ROWS; i++) {
            float norm = decoder.decode(codes, i, decoded, 0);
            float other = decoder.decode(codes, i + 1, decoded, 4L * length);
            float product = F32Distance.dot(decoded, 0, decoded, 4L * length, length);
            estimated[i] = norm + other - 2 * product;
            long a = stored.offset(i);
            long b = stored.offset(i + 1);
            exact[i] = F32Distance.squaredL2(stored.memory(), a, stored.memory(), b, DIMENSION);
            float squared = F32Distance.dot(stored.memory(), b, stored.memory(), b, DIMENSION);
            lengths += decoder.squaredLength() / squared / ROWS;
          }
          assertThat(correlation(exact, estimated))
              .as("%s under %s", spec, metric)
              .isGreaterThan(spec.equals("rabitq:1") ? 0.8 : 0.9);
          assertThat(mean(estimated) / mean(exact)).as("%s", spec).isCloseTo(1, within(0.1));
          if (metric == Metric.DOT) {
            assertThat(lengths).as("%s", spec).isCloseTo(1, within(0.1));
          }
        }
      }
    }
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  @Test
  void vectorsOfAnyScaleAreScored() throws IOException {
    for (String spec : List.of("saq:2", "rabitq:1", "rabitq:4", "pq:16", "pq4:30", "sq8", "f16")) {
      for (Metric metric : List.of(Metric.L2, Metric.DOT)) {
        for (float scale : new float[] {1e-12f, 1, 3e5f}) {
          F32Rows rows = TestRows.clustered(12, 300, DIMENSION, 5);
          for (int i = 0; i < 300 * DIMENSION; i++) {
            float value = rows.memory().getAtIndex(F32Rows.FLOAT, i);
            rows.memory().setAtIndex(F32Rows.FLOAT, i, value * scale);
          }
          try (CodedRows fixture = new CodedRows(spec, metric, rows, 1)) {
            assertThat(correlation(exact(metric, rows, 5), fixture.score(5)))
                .as("%s under %s at %s", spec, metric, scale)
                .isGreaterThan(0.6);
          }
        }
      }
    }
  }

  @Test
  void codesAreTheSameForAnyNumberOfThreads() throws IOException {
    F32Rows rows = TestRows.clustered(8, ROWS, DIMENSION, 12);
    for (String spec : SPECS) {
      try (CodedRows one = new CodedRows(spec, Metric.L2, rows, 1);
          CodedRows three = new CodedRows(spec, Metric.L2, rows, 3)) {
        assertThat(one.codes.mismatch(three.codes)).as(spec).isEqualTo(-1);
      }
    }
  }

  @Test
  void pairsOfOneByteCodesHaveTheDistancesOfTheirDecodedVectors() throws IOException {
    F32Rows rows = TestRows.clustered(31, 200, DIMENSION, 5);
    try (CodedRows fixture = new CodedRows("sq8", Metric.L2, rows, 1);
        NativeMemory decoded = NativeMemory.allocate(4L * DIMENSION * 200)) {
      ScalarQuantizerPairs pairs =
          new ScalarQuantizerPairs((ScalarQuantizer) fixture.codec, fixture.codes, fixture.arena);
      int[] nodes = new int[200];
      long[] offsets = new long[200];
      for (int i = 0; i < 200; i++) {
        nodes[i] = i;
        offsets[i] = 4L * DIMENSION * i;
        pairs.decode(i, decoded.segment().asSlice(offsets[i]));
      }
      float[] scores = new float[200];
      float[] exact = new float[200];
      for (int node = 0; node < 200; node += 7) {
        pairs.query(node);
        pairs.score(nodes, 0, 200, scores);
        F32Distance.squaredL2(
            decoded.segment(),
            offsets[node],
            decoded.segment(),
            offsets,
            0,
            200,
            DIMENSION,
            exact,
            0);
        for (int i = 0; i < 200; i++) {
          assertThat(scores[i]).isCloseTo(exact[i], within(1e-3f * Math.max(1, exact[i])));
        }
      }
    }
    F32Rows cosine = TestRows.clustered(31, 50, DIMENSION, 5);
    try (CodedRows fixture = new CodedRows("sq8", Metric.COSINE, cosine, 1)) {
      assertThatThrownBy(() ->
              new ScalarQuantizerPairs(
                  (ScalarQuantizer) fixture.codec, fixture.codes, fixture.arena))
          .hasMessageContaining("pairs need codes for l2");
    }
  }

  /**
   * Batches in the order of a search, from anywhere to the nearest: what lies within the limit is
   * scored as ever, or hardly ever missed; what is beyond it may be left out.
   */
  @Test
  void scoresWithinALimitAreTheSame() throws IOException {
    int count = 3000;
    int missed = 0;
    int within = 0;
    int leftOut = 0;
    for (Metric metric : new Metric[] {Metric.L2, Metric.DOT}) {
      F32Rows rows = TestRows.clustered(11, count, 192, 12);
      for (int row = count / 2; row < count / 2 + 150; row++) { // and some all but equal
        MemorySegment.copy(
            rows.memory(), rows.offset(3), rows.memory(), rows.offset(row), 4L * 192);
        rows.memory().set(F32Rows.FLOAT, rows.offset(row), row * 1e-5f);
      }
      for (String spec : new String[] {"saq:2", "saq:4"}) {
        try (CodedRows fixture = new CodedRows(spec, metric, rows, 2)) {
          for (int query = 0; query < 40; query++) {
            float[] all = fixture.score(query);
            Integer[] order = new Integer[count];
            java.util.Arrays.setAll(order, i -> i);
            java.util.Arrays.sort(order, (a, b) -> Float.compare(all[b], all[a]));
            CodeScorer scorer = fixture.codec.newScorer(fixture.codes, 32, fixture.arena);
            scorer.query(rows.memory().asSlice(rows.offset(query), 4L * 192));
            float[] distances = new float[32];
            int[] nodes = new int[32];
            for (int from = 0; from + 32 <= count; from += 32) {
              for (int i = 0; i < 32; i++) {
                nodes[i] = order[from + i];
              }
              float limit = from < 320 ? Float.POSITIVE_INFINITY : all[order[from - 10]];
              // Half of a batch lies beyond what the list would take.
              limit = from % 64 == 0 && from >= 320 ? all[order[from + 16]] : limit;
              scorer.scoreWithin(nodes, 0, 32, limit, distances);
              for (int i = 0; i < 32; i++) {
                float exact = all[nodes[i]];
                if (exact <= limit) {
                  within++;
                  if (distances[i] != exact) {
                    assertThat(distances[i]).isEqualTo(Float.POSITIVE_INFINITY);
                    missed++;
                  }
                } else {
                  assertThat(distances[i]).isGreaterThan(limit);
                  leftOut += distances[i] == Float.POSITIVE_INFINITY ? 1 : 0;
                }
              }
            }
          }
        }
      }
    }
    assertThat(within).isGreaterThan(50_000);
    assertThat(leftOut).isPositive();
    assertThat((double) missed / within).isLessThan(0.002);
  }

  @Test
  void encodingAllocatesNothingPerVector() throws IOException {
    F32Rows rows = TestRows.clustered(8, ROWS, DIMENSION, 12);
    for (String spec : SPECS) {
      try (CodedRows fixture = new CodedRows(spec, Metric.L2, rows, 1)) {
        CodeEncoder encoder = fixture.codec.newEncoder(fixture.arena);
        // Interpreted and half-compiled code boxes vectors; only compiled code must not.
        double perVector = Double.POSITIVE_INFINITY;
        for (int round = 0; round < 400 && perVector >= 64; round++) {
          long before = Allocations.bytes();
          encoder.encode(rows, 0, ROWS, fixture.codes);
          perVector = (double) (Allocations.bytes() - before) / ROWS;
        }
        assertThat(perVector).as(spec).isLessThan(64);
      }
    }
  }

  @Test
  void aCodecReadBackScoresTheSame() throws IOException {
    F32Rows rows = TestRows.clustered(9, ROWS, DIMENSION, 12);
    for (String spec : SPECS) {
      for (Metric metric : Metric.values()) {
        try (CodedRows fixture = new CodedRows(spec, metric, rows, 2)) {
          byte[] bytes = serialise(fixture.codec);
          Codec back = Codec.read(new DataInputStream(new ByteArrayInputStream(bytes)));
          assertThat(back.spec()).isEqualTo(fixture.codec.spec());
          assertThat(back.metric()).isEqualTo(metric);
          assertThat(back.codeBytes()).isEqualTo(fixture.codec.codeBytes()).isPositive();
          assertThat(back.codeBytes() % 8).isZero();
          float[] expected = fixture.score(3);
          fixture.codec = back;
          assertThat(fixture.score(3)).isEqualTo(expected);
          for (int cut = 0; cut < bytes.length; cut += 1 + bytes.length / 50) {
            byte[] torn = Arrays.copyOf(bytes, cut);
            assertThatThrownBy(
                    () -> Codec.read(new DataInputStream(new ByteArrayInputStream(torn))))
                .isInstanceOf(IOException.class);
          }
          bytes[3]++;
          assertThatThrownBy(() -> Codec.read(new DataInputStream(new ByteArrayInputStream(bytes))))
              .hasMessageContaining("codec format version 3, this build reads 2");
        }
      }
    }
  }

  @Test
  void innerProductsAreUnbiasedOverSeedsAndWithinTheirBound() throws IOException {
    F32Rows rows = TestRows.clustered(11, 200, 192, 5);
    for (int round = 0; round < 15; round++) {
      Metric metric = List.of(Metric.L2, Metric.DOT, Metric.COSINE).get(round % 3);
      String spec = List.of("rabitq:1", "rabitq:2", "rabitq:4", "saq:2", "saq:4").get(round / 3);
      float[] exact = exact(metric, rows, 0);
      double[] mean = new double[200];
      int inside = 0;
      int seeds = 40;
      double confidence = 0;
      for (int seed = 0; seed < seeds; seed++) {
        Codec codec = CodedRows.train(spec, metric, rows, seed, 1);
        try (CodedRows fixture = new CodedRows(codec, rows, 1)) {
          float[] bounds = new float[200];
          float[] scored = fixture.score(0, bounds);
          confidence = fixture.confidence;
          for (int i = 0; i < 200; i++) {
            mean[i] += (scored[i] - exact[i]) / seeds;
            inside += Math.abs(scored[i] - exact[i]) <= bounds[i] ? 1 : 0;
          }
        }
      }
      double bias = Arrays.stream(mean).average().orElseThrow();
      double spread = sorted(exact)[199] - sorted(exact)[0];
      assertThat(bias).as("bias of %s under %s", spec, metric).isCloseTo(0, within(0.004 * spread));
      assertThat(confidence).isGreaterThan(0.9);
      assertThat(inside / (200.0 * seeds)).isGreaterThanOrEqualTo(confidence);
    }
  }

  @Test
  void specsThatMakeNoSenseAreNamed() {
    assertThatThrownBy(() -> CodecSpec.parse("zip"))
        .hasMessageContaining("codec must be saq:B, rabitq:B, pq:M, pq4:M, sq8 or f16: zip");
    assertThatThrownBy(() -> CodecSpec.parse("rabitq:9")).hasMessageContaining("rabitq:B");
    assertThatThrownBy(() -> CodecSpec.parse("saq:1")).hasMessageContaining("saq:B needs B in");
    assertThatThrownBy(() -> CodecSpec.parse("saq:2").requireFits(63))
        .hasMessageContaining("saq:B needs vectors of at least 64 components, found 63");
    assertThatThrownBy(() -> CodecSpec.parse("pq:0")).hasMessageContaining("pq:M needs M in");
    assertThatThrownBy(
            () -> CodedRows.train("pq:101", Metric.L2, TestRows.gaussian(1, 5, 100), 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pq:M needs M of at most the dimension 100");
  }

  @Test
  void fewerRowsThanCentroidsTrain() throws IOException {
    F32Rows rows = TestRows.gaussian(3, 3, 32);
    try (CodedRows fixture = new CodedRows("pq:8", Metric.L2, rows, 1)) {
      assertThat(fixture.score(1)[1]).isCloseTo(0, within(1e-4f));
    }
  }

  private static byte[] serialise(Codec codec) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    codec.write(new DataOutputStream(bytes));
    return bytes.toByteArray();
  }

  private static float[] exact(Metric metric, F32Rows rows, int query) {
    long[] offsets = IntStream.range(0, rows.count()).mapToLong(rows::offset).toArray();
    float[] distances = new float[rows.count()];
    F32Distance.stored(
        metric,
        rows.memory(),
        rows.offset(query),
        rows.memory(),
        offsets,
        0,
        rows.count(),
        rows.dimension(),
        distances,
        0);
    return distances;
  }

  private static double[] boxed(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static double[] sorted(float[] values) {
    return Arrays.stream(boxed(values)).sorted().toArray();
  }

  private static double correlation(float[] a, float[] b) {
    double meanA = Arrays.stream(boxed(a)).average().orElseThrow();
    double meanB = Arrays.stream(boxed(b)).average().orElseThrow();
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - meanA) * (b[i] - meanB);
      aa += (a[i] - meanA) * (a[i] - meanA);
      bb += (b[i] - meanB) * (b[i] - meanB);
    }
    return ab / Math.sqrt(aa * bb);
  }
}
