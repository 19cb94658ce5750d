// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.BitLevels;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;

/**
 * Decodes {@link Saq} codes into head and tail side by side. Those are orthogonal, so products are
 * sums of theirs, and nothing needs to be turned back.
 */
final class SaqDecoder implements CodeDecoder {
  private final Saq codec;
  private final int headWords;
  private final int tailWords;
  private final double squaredCenter;
  private float squaredLength;

  SaqDecoder(Saq codec) {
    this.codec = codec;
    this.headWords = codec.headWords();
    this.tailWords = codec.tailWords();
    this.squaredCenter = squaredNorm(codec.center());
  }

  static double squaredNorm(float[] vector) {
    double sum = 0;
    for (float component : vector) {
      sum += (double) component * component;
    }
    return sum;
  }

  @Override
  public int length() {
    return 64 * (headWords + tailWords);
  }

  @Override
  public float decode(MemorySegment codes, int node, MemorySegment target, long offset) {
    long code = (long) node * codec.codeBytes();
    long factors = code + codec.factorsOffset();
    float weight = codec.metric() == Metric.L2 ? -2 : -1;
    float add = codes.get(RaBitQ.FLOAT, factors);
    float headGain = codes.get(RaBitQ.FLOAT, factors + 4) / weight;
    float tailGain = codes.get(RaBitQ.FLOAT, factors + 8) / weight;
    long tail = offset + 256L * headWords;
    BitLevels.expand(codes, code, headWords, Saq.HEAD_BITS, headGain, target, offset);
    BitLevels.expand(
        codes, code + codec.tailOffset(), tailWords, codec.tailBits(), tailGain, target, tail);
    if (codec.metric() != Metric.DOT) {
      return codec.metric() == Metric.L2 ? add : 2 * add;
    }
    // Of the tail the error is known, of heads its share of what they are decoded to.
    float ofHead = F32Distance.dot(target, offset, target, offset, 64 * headWords);
    float ofTail = F32Distance.dot(target, tail, target, tail, 64 * tailWords);
    float lost = codec.meanSquaredHeadError() + codec.meanSquaredHead();
    float ofHeadLost = lost > 0 ? ofHead * (codec.meanSquaredHeadError() / lost) : 0;
    float error = codes.get(RaBitQ.FLOAT, factors + 12) + ofHeadLost;
    float squaredNorm = Math.max(0, ofHead + ofTail - error);
    squaredLength = (float) Math.max(0, squaredNorm - 2 * add + squaredCenter);
    return squaredNorm;
  }

  @Override
  public float squaredLength() {
    return squaredLength;
  }
}
