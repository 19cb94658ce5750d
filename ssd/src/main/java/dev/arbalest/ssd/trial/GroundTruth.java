// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import dev.arbalest.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * True nearest neighbours of queries, as {@code .ibin} files of big-ann-benchmarks hold them:
 * uint32 queries, uint32 k, int32 ids row by row, optionally float32 distances. Immutable.
 */
public final class GroundTruth {
  private final int queries;
  private final int k;
  private final int[] ids;

  private GroundTruth(int queries, int k, int[] ids) {
    this.queries = queries;
    this.k = k;
    this.ids = ids;
  }

  /**
   * Reads a file.
   *
   * @throws BadInputException if it does not exist or its header and size do not agree
   */
  public static GroundTruth read(Path path) throws IOException {
    ByteBuffer bytes;
    try {
      long size = Files.size(path);
      if (size > Integer.MAX_VALUE - 16) {
        throw new BadInputException(path + ": " + size + " bytes are too many for a ground truth");
      }
      bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    } catch (NoSuchFileException e) {
      throw new BadInputException(path + " does not exist");
    }
    if (bytes.capacity() < 8) {
      throw new BadInputException(path + ": too short for an .ibin header of 8 bytes");
    }
    long queries = Integer.toUnsignedLong(bytes.getInt());
    long k = Integer.toUnsignedLong(bytes.getInt());
    long idsBytes = k > 0 && queries <= bytes.capacity() / 4 / k ? 4 * queries * k : -1;
    if (queries < 1
        || k < 1
        || (bytes.capacity() != 8 + idsBytes && bytes.capacity() != 8 + 2 * idsBytes)) {
      throw new BadInputException(
          path
              + ": "
              + bytes.capacity()
              + " bytes do not hold "
              + k
              + " neighbours of "
              + queries
              + " queries; the file is truncated or no .ibin ground truth");
    }
    int[] ids = new int[(int) (queries * k)];
    bytes.asIntBuffer().get(ids);
    return new GroundTruth((int) queries, (int) k, ids);
  }

  /**
   * Ground truth that is in memory already.
   *
   * @param neighbors per query the ids of its nearest vectors, nearest first, as many for each
   */
  public static GroundTruth of(int[][] neighbors) {
    if (neighbors.length == 0) {
      throw new BadInputException("ground truth of 0 queries, expected at least 1");
    }
    int k = neighbors[0].length;
    int[] ids = new int[Math.multiplyExact(neighbors.length, k)];
    for (int query = 0; query < neighbors.length; query++) {
      if (neighbors[query].length != k) {
        throw new BadInputException(
            "ground truth of query "
                + query
                + " has "
                + neighbors[query].length
                + " ids, of query"
                + " 0 "
                + k);
      }
      System.arraycopy(neighbors[query], 0, ids, query * k, k);
    }
    return new GroundTruth(neighbors.length, k, ids);
  }

  /** The nearest {@code count} of a query, nearest first; {@code count} is at most {@link #k}. */
  public int[] neighbors(int query, int count) {
    java.util.Objects.checkIndex(query, queries);
    java.util.Objects.checkFromToIndex(0, count, k);
    return java.util.Arrays.copyOfRange(ids, query * k, query * k + count);
  }

  /** Number of queries. */
  public int queries() {
    return queries;
  }

  /** Neighbours per query. */
  public int k() {
    return k;
  }

  /** How many of {@code found[0, among)} are among the true {@code among} nearest of a query. */
  public int hits(int query, long[] found, int among) {
    int hits = 0;
    for (int i = 0; i < among; i++) {
      for (int j = 0; j < among; j++) {
        if (found[i] == ids[query * k + j]) {
          hits++;
          break;
        }
      }
    }
    return hits;
  }
}
