// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.AdcDistance;
import dev.arbalest.natives.kernels.CentroidSearch;
import dev.arbalest.natives.kernels.FastScan;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/**
 * Product quantization (Jégou, Douze and Schmid, PAMI 2011) of the rotated residual to the mean:
 * one byte per subspace, the number of the nearest of 256 centroids. The random rotation spreads
 * variance evenly over the subspaces, which unrotated embeddings with outlier coordinates do not.
 *
 * <p>Subspaces differ by at most one component when their number does not divide the dimension. The
 * code is padded with zero bytes to a multiple of 8.
 */
public final class ProductQuantizer implements Codec {

  /** Rows k-means sees: 64 per centroid give centroids that more rows hardly improve. */
  private static final int SAMPLE_ROWS = 64 * AdcDistance.CENTROIDS;

  /** Bound of the sample's memory, which is on the heap. */
  private static final long SAMPLE_BYTES = 256L << 20;

  private final CodecSpec spec;
  private final int centroids;
  private final Metric metric;
  private final Rotation rotation;
  private final float[] center;

  /** Per subspace, component-major centroids. */
  private final float[][] codebooks;

  private final float[][] halfSquaredNorms;

  private ProductQuantizer(
      CodecSpec spec, Metric metric, Rotation rotation, float[] center, float[][] codebooks) {
    this.spec = spec;
    this.centroids = centroids(spec);
    this.metric = metric;
    this.rotation = rotation;
    this.center = center;
    this.codebooks = codebooks;
    this.halfSquaredNorms = new float[codebooks.length][];
    for (int m = 0; m < codebooks.length; m++) {
      halfSquaredNorms[m] =
          KMeans.halfSquaredNorms(codebooks[m], codebooks[m].length / centroids, centroids);
    }
  }

  static ProductQuantizer train(
      CodecSpec spec, Metric metric, F32Rows rows, long seed, Workers workers) throws IOException {
    int subspaces = spec.parameter();
    spec.requireFits(rows.dimension());
    Rotation rotation = new Rotation(rows.dimension(), seed);
    TrainingSample.Spread spread = TrainingSample.spread(rows, 4 * SAMPLE_ROWS);
    int padded = rotation.paddedDimension();
    int limit = (int) Math.min(SAMPLE_ROWS, SAMPLE_BYTES / (4L * padded));
    int size = TrainingSample.size(rows, limit);
    float[][] sample = new float[size][];
    workers.forRanges(
        size,
        64,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            float[] vector = new float[padded];
            rows.copyRow(TrainingSample.row(rows, i, size), vector);
            spread.subtract(vector);
            rotation.apply(vector);
            sample[i] = vector;
          }
        });
    float[][] codebooks = new float[subspaces][];
    workers.forRanges(
        subspaces,
        1,
        (worker, from, to) -> {
          for (int m = from; m < to; m++) {
            int start = subspaceStart(m, padded, subspaces);
            int width = subspaceStart(m + 1, padded, subspaces) - start;
            float[] points = new float[size * width];
            for (int i = 0; i < size; i++) {
              System.arraycopy(sample[i], start, points, i * width, width);
            }
            codebooks[m] = KMeans.train(points, size, width, centroids(spec), seed + m);
          }
        });
    return new ProductQuantizer(spec, metric, rotation, spread.center(), codebooks);
  }

  private static int centroids(CodecSpec spec) {
    return spec.family() == CodecSpec.Family.PQ4 ? FastScan.CENTROIDS : AdcDistance.CENTROIDS;
  }

  private static void subtract(float[] vector, float[] center) {
    for (int i = 0; i < center.length; i++) {
      vector[i] -= center[i];
    }
  }

  private static int subspaceStart(int subspace, int padded, int subspaces) {
    return (int) ((long) subspace * padded / subspaces);
  }

  static ProductQuantizer readBody(CodecSpec spec, Metric metric, DataInputStream in)
      throws IOException {
    long seed = in.readLong();
    float[] center = CodecFormat.readFloats(in);
    if (center.length < spec.parameter() || center.length > 65_536) {
      throw new IOException("PQ centre of impossible dimension " + center.length);
    }
    Rotation rotation = new Rotation(center.length, seed);
    float[][] codebooks = new float[spec.parameter()][];
    for (int m = 0; m < codebooks.length; m++) {
      codebooks[m] = CodecFormat.readFloats(in);
      int width =
          subspaceStart(m + 1, rotation.paddedDimension(), codebooks.length)
              - subspaceStart(m, rotation.paddedDimension(), codebooks.length);
      if (codebooks[m].length != width * centroids(spec)) {
        throw new IOException(
            "codebook "
                + m
                + " has "
                + codebooks[m].length
                + " floats, not "
                + width * centroids(spec));
      }
    }
    return new ProductQuantizer(spec, metric, rotation, center, codebooks);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    out.writeLong(rotation.seed());
    CodecFormat.writeFloats(out, center);
    for (float[] codebook : codebooks) {
      CodecFormat.writeFloats(out, codebook);
    }
  }

  @Override
  public CodecSpec spec() {
    return spec;
  }

  @Override
  public int dimension() {
    return rotation.dimension();
  }

  @Override
  public Metric metric() {
    return metric;
  }

  @Override
  public int codeBytes() {
    return spec.codeBytesAtMost(dimension());
  }

  int subspaces() {
    return spec.parameter();
  }

  @Override
  public CodeEncoder newEncoder(SegmentAllocator memory) {
    float[] vector = new float[rotation.paddedDimension()];
    return (rows, from, to, codes) -> {
      CodecFormat.requireDimension(rows, dimension());
      for (int row = from; row < to; row++) {
        java.util.Arrays.fill(vector, dimension(), vector.length, 0);
        rows.copyRow(row, vector);
        subtract(vector, center);
        rotation.apply(vector);
        encodeOne(vector, codes, (long) row * codeBytes());
      }
    };
  }

  private void encodeOne(float[] vector, MemorySegment codes, long offset) {
    boolean halves = centroids == FastScan.CENTROIDS;
    codes.asSlice(offset, codeBytes()).fill((byte) 0);
    for (int m = 0; m < codebooks.length; m++) {
      int start = subspaceStart(m, vector.length, codebooks.length);
      int width = codebooks[m].length / centroids;
      int nearest =
          CentroidSearch.nearest(
              vector, start, width, codebooks[m], halfSquaredNorms[m], centroids);
      if (halves) {
        byte pair = codes.get(ValueLayout.JAVA_BYTE, offset + m / 2);
        codes.set(ValueLayout.JAVA_BYTE, offset + m / 2, (byte) (pair | nearest << (m % 2 * 4)));
      } else {
        codes.set(ValueLayout.JAVA_BYTE, offset + m, (byte) nearest);
      }
    }
  }

  /**
   * Fills the partial distances of a query: {@code table[m * centroids() + c]}.
   *
   * @param query the raw query
   * @param vector scratch of the padded dimension
   * @return the part of every distance that depends on the query alone
   */
  float fillTable(MemorySegment query, float[] vector, float[] table) {
    java.util.Arrays.fill(vector, dimension(), vector.length, 0);
    double dotCenter = 0;
    for (int i = 0; i < center.length; i++) {
      float component = query.getAtIndex(F32Rows.FLOAT, i);
      dotCenter += component * center[i];
      vector[i] = metric == Metric.DOT ? component : component - center[i];
    }
    rotation.apply(vector);
    for (int m = 0; m < codebooks.length; m++) {
      int start = subspaceStart(m, vector.length, codebooks.length);
      int width = codebooks[m].length / centroids;
      fillSubspace(vector, start, width, codebooks[m], table, m * centroids);
    }
    return metric == Metric.DOT ? (float) -dotCenter : 0;
  }

  private void fillSubspace(
      float[] vector, int start, int width, float[] codebook, float[] table, int at) {
    java.util.Arrays.fill(table, at, at + centroids, 0);
    float factor = metric == Metric.COSINE ? 0.5f : 1;
    for (int i = 0; i < width; i++) {
      float component = vector[start + i];
      int row = i * centroids;
      if (metric == Metric.DOT) {
        for (int c = 0; c < centroids; c++) {
          table[at + c] -= component * codebook[row + c];
        }
      } else {
        for (int c = 0; c < centroids; c++) {
          float d = component - codebook[row + c];
          table[at + c] += factor * d * d;
        }
      }
    }
  }

  /** Centroids per subspace: 256, or 16 with half bytes. */
  int centroids() {
    return centroids;
  }

  int paddedDimension() {
    return rotation.paddedDimension();
  }

  @Override
  public CodeDecoder newDecoder() {
    float[] rotatedCenter = java.util.Arrays.copyOf(center, rotation.paddedDimension());
    rotation.apply(rotatedCenter);
    return new ReconstructingDecoder(
        rotatedCenter.length,
        (codes, node, vector) -> {
          System.arraycopy(rotatedCenter, 0, vector, 0, vector.length);
          addCentroids(codes, (long) node * codeBytes(), vector);
        });
  }

  private void addCentroids(MemorySegment codes, long code, float[] vector) {
    boolean halves = centroids == FastScan.CENTROIDS;
    for (int m = 0; m < codebooks.length; m++) {
      int start = subspaceStart(m, vector.length, codebooks.length);
      int width = codebooks[m].length / centroids;
      int chosen =
          halves
              ? codes.get(ValueLayout.JAVA_BYTE, code + m / 2) >> (m % 2 * 4) & 15
              : codes.get(ValueLayout.JAVA_BYTE, code + m) & 255;
      for (int i = 0; i < width; i++) {
        vector[start + i] += codebooks[m][i * centroids + chosen];
      }
    }
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory) {
    return centroids == FastScan.CENTROIDS
        ? new FastScanScorer(this, codes, batchSize, memory)
        : new ProductQuantizerScorer(this, codes);
  }
}
