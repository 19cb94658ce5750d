// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.natives.kernels.PackedPlanes;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * RaBitQ codes ({@link RaBitQ}) in two segments, {@code saq:B}: B bits per component, of which one
 * per component is spent on the head, the sixth of the directions in which the vectors vary most
 * (six bits on each), the other B - 1 on what remains, in all directions. Embeddings vary so
 * unevenly that this ranks as plain codes of nearly twice the size do. Spending bits by segments of
 * decreasing variance is the idea of SAQ (Li et al., 2025); two segments suffice for most of it and
 * leave the remainder to the fast rotation, which no query could afford to have replaced by a dense
 * one.
 *
 * <p>With the residual {@code r = x - c} rotated and {@code A} the head's orthonormal axes, head
 * {@code h = A r} and tail {@code t = r - A^T h} are rounded to directions {@code Y_h}, {@code Y_t}
 * and {@code <r, q> = <h, A q> + <t, q - A^T A q>} is estimated with a gain for each.
 *
 * <p>Code: {@link PackedPlanes} of the head, four floats: {@code add}, {@code scale} of the head,
 * {@code scale} of the tail and the squared length of the tail's error vector {@code gain Y_t - t},
 * then B - 1 planes of the tail: most codes of a search are ruled out before their tail is read.
 */
public final class Saq implements Codec {
  static final int HEAD_BITS = 6;
  static final int FACTOR_BYTES = 16;

  /** Of a code; the first, never released, had the factors last and did not say so. */
  private static final int LAYOUT = 2;

  /** Components below which a head of whole words would be most of them. */
  static final int MIN_DIMENSION = 64;

  /** Rows the mean is taken of. */
  private static final int MEAN_ROWS = 100_000;

  private static final int AXES_ROWS = 8192;

  /** Rows whose head's error is averaged. */
  private static final int ERROR_ROWS = 512;

  private final CodecSpec spec;
  private final Metric metric;
  private final Rotation rotation;
  private final float[] center;
  private final int headDimension;

  /**
   * {@code headDimension} rows of the padded dimension. Freed with the codec, which encoders and
   * scorers hold while they use it.
   */
  private final MemorySegment axes;

  /** Mean squared length of heads and of their error vectors. */
  private final float meanSquaredHead;

  private final float meanSquaredHeadError;

  private Saq(
      CodecSpec spec,
      Metric metric,
      Rotation rotation,
      float[] center,
      MemorySegment axes,
      float meanSquaredHead,
      float meanSquaredHeadError) {
    this.spec = spec;
    this.metric = metric;
    this.rotation = rotation;
    this.center = center;
    this.headDimension = headDimension(center.length);
    this.axes = axes;
    this.meanSquaredHead = meanSquaredHead;
    this.meanSquaredHeadError = meanSquaredHeadError;
  }

  /** A sixth of the components, in whole words. */
  static int headDimension(int dimension) {
    return Math.max(64, Math.round(dimension / (float) HEAD_BITS / 64) * 64);
  }

  /** Bytes per code. */
  static int codeBytes(int dimension, int bits) {
    return PackedPlanes.codeBytes(headDimension(dimension) / 64, HEAD_BITS)
        + (dimension + 63) / 64 * 8 * (bits - 1)
        + FACTOR_BYTES;
  }

  static Saq train(CodecSpec spec, Metric metric, F32Rows rows, long seed, Workers workers)
      throws IOException {
    Rotation rotation = new Rotation(rows.dimension(), seed);
    TrainingSample.Spread spread = TrainingSample.spread(rows, MEAN_ROWS);
    int padded = rotation.paddedDimension();
    int head = headDimension(rows.dimension());
    int size = TrainingSample.size(rows, AXES_ROWS);
    MemorySegment axes = Arena.ofAuto().allocate(4L * head * padded, 64);
    PrincipalAxes.find(
        (i, target) -> {
          java.util.Arrays.fill(target, rows.dimension(), padded, 0);
          rows.copyRow(TrainingSample.row(rows, i, size), target);
          spread.subtract(target);
          rotation.apply(target);
        },
        size,
        padded,
        head,
        seed,
        workers,
        axes);
    mix(axes, head, padded, seed);
    Saq unmeasured = new Saq(spec, metric, rotation, spread.center(), axes, 0, 0);
    return unmeasured.measured(rows);
  }

  /** Rotates the axes within their span, so that heads have no large components. */
  private static void mix(MemorySegment axes, int head, int padded, long seed) {
    Rotation rotation = new Rotation(head, seed + 1);
    float[] column = new float[head];
    for (int j = 0; j < padded; j++) {
      for (int i = 0; i < head; i++) {
        column[i] = axes.getAtIndex(F32Rows.FLOAT, (long) i * padded + j);
      }
      rotation.apply(column);
      for (int i = 0; i < head; i++) {
        axes.setAtIndex(F32Rows.FLOAT, (long) i * padded + j, column[i]);
      }
    }
  }

  /** The same with the head's mean squares taken of some rows. */
  private Saq measured(F32Rows rows) {
    int size = TrainingSample.size(rows, ERROR_ROWS);
    SaqEncoder encoder = new SaqEncoder(this, Arena.ofAuto());
    double squares = 0;
    double errors = 0;
    for (int i = 0; i < size; i++) {
      int row = TrainingSample.row(rows, i, size);
      encoder.split(rows, row, row + 1);
      encoder.roundHead(0);
      squares += encoder.squaredNorm();
      errors += encoder.squaredError();
    }
    return new Saq(
        spec, metric, rotation, center, axes, (float) (squares / size), (float) (errors / size));
  }

  static Saq readBody(CodecSpec spec, Metric metric, DataInputStream in) throws IOException {
    int layout = in.readInt();
    if (layout != LAYOUT) {
      throw new IOException(
          "SAQ codes of layout " + layout + ", this build reads " + LAYOUT + "; build again");
    }
    long seed = in.readLong();
    float meanSquaredHead = in.readFloat();
    float meanSquaredHeadError = in.readFloat();
    float[] center = CodecFormat.readFloats(in);
    if (center.length < MIN_DIMENSION || center.length > 65_536) {
      throw new IOException("SAQ centre of impossible dimension " + center.length);
    }
    Rotation rotation = new Rotation(center.length, seed);
    float[] values = CodecFormat.readFloats(in);
    long expected = (long) headDimension(center.length) * rotation.paddedDimension();
    if (values.length != expected) {
      throw new IOException("SAQ axes of " + values.length + " components, expected " + expected);
    }
    MemorySegment axes = Arena.ofAuto().allocate(4L * values.length, 64);
    MemorySegment.copy(values, 0, axes, F32Rows.FLOAT, 0, values.length);
    return new Saq(spec, metric, rotation, center, axes, meanSquaredHead, meanSquaredHeadError);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    out.writeInt(LAYOUT);
    out.writeLong(rotation.seed());
    out.writeFloat(meanSquaredHead);
    out.writeFloat(meanSquaredHeadError);
    CodecFormat.writeFloats(out, center);
    float[] values = new float[Math.toIntExact(axes.byteSize() / 4)];
    MemorySegment.copy(axes, F32Rows.FLOAT, 0, values, 0, values.length);
    CodecFormat.writeFloats(out, values);
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

  Rotation rotation() {
    return rotation;
  }

  float[] center() {
    return center;
  }

  /** The head's directions, row after row of the padded dimension. */
  MemorySegment axes() {
    return axes;
  }

  int headWords() {
    return headDimension / 64;
  }

  int tailWords() {
    return rotation.paddedDimension() / 64;
  }

  int tailBits() {
    return spec.parameter() - 1;
  }

  /** Where a code's factors begin, behind its head. */
  int factorsOffset() {
    return PackedPlanes.codeBytes(headWords(), HEAD_BITS);
  }

  /** Where the tail's planes begin. */
  int tailOffset() {
    return factorsOffset() + FACTOR_BYTES;
  }

  float meanSquaredHead() {
    return meanSquaredHead;
  }

  float meanSquaredHeadError() {
    return meanSquaredHeadError;
  }

  @Override
  public int codeBytes() {
    return codeBytes(dimension(), spec.parameter());
  }

  @Override
  public CodeEncoder newEncoder(SegmentAllocator memory) {
    return new SaqEncoder(this, memory);
  }

  @Override
  public CodeDecoder newDecoder() {
    return new SaqDecoder(this);
  }

  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory) {
    return new SaqScorer(this, codes, batchSize, memory);
  }

  /**
   * Splits one rotated vector.
   *
   * @param rest a copy of {@code rotated}; becomes the tail
   */
  void split(MemorySegment rotated, float[] head, MemorySegment rest) {
    F32Distance.split(rotated, axes, headDimension, rotation.paddedDimension(), head, rest);
  }
}
