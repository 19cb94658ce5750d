// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.TestPlans;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vamana.Reachability;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** Small vector files and indexes for tests. */
public final class TestIndexes {
  static final BuildParameters GRAPH = new BuildParameters(16, 40, 1.2f, false, 7);

  private TestIndexes() {}

  public static BuildOptions options(Metric metric, String codec) {
    return BuildOptions.builder()
        .metric(metric)
        .codec(codec)
        .degree(GRAPH.degree())
        .buildList(GRAPH.searchListSize())
        .alpha(GRAPH.alpha())
        .fast(GRAPH.fast())
        .seed(GRAPH.seed())
        .threads(2)
        .build();
  }

  /** Writes rows as an .fbin file. */
  public static Path write(Path path, F32Rows rows) throws IOException {
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

  /** Has searches within sets scan them. */
  public static void alwaysScanSets(Index index) {
    TestPlans.alwaysScan(index.searcher);
  }

  /** Has searches of the whole index traverse the graph, however small it is. */
  public static void alwaysTraverse(Index index) {
    index.searcher.scan(ScanPolicy.NEVER);
  }

  /** Builds an index of rows below {@code directory} and returns its path. */
  public static Path build(Path directory, F32Rows rows, BuildOptions options) throws IOException {
    Path index = directory.resolve("index");
    try (VectorInput input = VectorInput.open(write(directory.resolve("rows.fbin"), rows))) {
      BuildReport report = Index.build(index, input, options, ProgressListener.NONE);
      if (report.info().slots() != rows.count()) {
        throw new AssertionError("built " + report.info().slots());
      }
    }
    return index;
  }

  public static float[] row(F32Rows rows, int row) {
    float[] values = new float[rows.dimension()];
    rows.copyRow(row, values);
    return values;
  }

  /** Rows nearest to a query in squared L2. */
  public static Set<Long> exactNearest(F32Rows rows, float[] query, int k) {
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

  /** The nodes of an open index that searches can reach. */
  public static BitSet reachable(Index index) {
    return Reachability.reachable(index.graph());
  }

  /** Whether a node of an open index holds no vector. */
  public static boolean isDead(Index index, int node) {
    return index.isDead(node);
  }

  /** Opens and closes an index that was not closed. */
  public static void recover(Path path) throws IOException {
    LiveIndex.recoverIfNeeded(path, ProgressListener.NONE);
  }
}
