package dev.arbalest.ssd;

import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** Small vector files and indexes for tests. */
final class TestIndexes {
  static final BuildParameters GRAPH = new BuildParameters(16, 40, 1.2f, false, 7);

  private TestIndexes() {}

  static BuildOptions options(Metric metric, String codec) {
    return BuildOptions.defaults()
        .withMetric(metric)
        .withCodec(CodecSpec.parse(codec))
        .withGraph(GRAPH)
        .withThreads(2);
  }

  /** Writes rows as an .fbin file. */
  static Path write(Path path, F32Rows rows) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + 4 * rows.count() * rows.dimension())
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(rows.count())
            .putInt(rows.dimension());
    for (int row = 0; row < rows.count(); row++) {
      for (int i = 0; i < rows.dimension(); i++) {
        bytes.putFloat(rows.get(row, i));
      }
    }
    return Files.write(path, bytes.array());
  }

  /** Builds an index of rows below {@code directory} and returns its path. */
  static Path build(Path directory, F32Rows rows, BuildOptions options) throws IOException {
    Path index = directory.resolve("index");
    try (VectorInput input = VectorInput.open(write(directory.resolve("rows.fbin"), rows))) {
      BuildReport report = Index.build(index, input, options, ProgressListener.NONE);
      if (report.manifest().count() != rows.count()) {
        throw new AssertionError("built " + report.manifest().count());
      }
    }
    return index;
  }

  static float[] row(F32Rows rows, int row) {
    float[] values = new float[rows.dimension()];
    rows.copyRow(row, values);
    return values;
  }

  /** Rows nearest to a query in squared L2. */
  static Set<Long> exactNearest(F32Rows rows, float[] query, int k) {
    double[] distances = new double[rows.count()];
    for (int row = 0; row < rows.count(); row++) {
      for (int i = 0; i < query.length; i++) {
        double difference = rows.get(row, i) - query[i];
        distances[row] += difference * difference;
      }
    }
    return LongStream.range(0, rows.count())
        .boxed()
        .sorted(Comparator.comparingDouble(row -> distances[row.intValue()]))
        .limit(k)
        .collect(Collectors.toSet());
  }

  static byte[] bytes(MemorySegment segment) {
    return segment.toArray(ValueLayout.JAVA_BYTE);
  }
}
