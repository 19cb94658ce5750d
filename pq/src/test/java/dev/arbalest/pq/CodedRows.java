// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.Workers;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;

/** A codec trained on rows, with their codes. */
final class CodedRows implements AutoCloseable {
  final Arena arena = Arena.ofShared();
  final F32Rows rows;
  final MemorySegment codes;
  Codec codec;
  double confidence;

  static Codec train(String spec, Metric metric, F32Rows rows, long seed, int threads)
      throws IOException {
    try (Workers workers = Workers.start(threads)) {
      return Codec.train(CodecSpec.parse(spec), metric, rows, seed, workers);
    }
  }

  CodedRows(String spec, Metric metric, F32Rows rows, int threads) throws IOException {
    this(train(spec, metric, rows, 42, threads), rows, threads);
  }

  CodedRows(Codec codec, F32Rows rows, int threads) throws IOException {
    this.rows = rows;
    this.codec = codec;
    this.codes = arena.allocate((long) rows.count() * codec.codeBytes(), 64);
    try (Workers workers = Workers.start(threads)) {
      workers.forRanges(
          rows.count(),
          100,
          (worker, from, to) -> codec.newEncoder(arena).encode(rows, from, to, codes));
    }
  }

  float[] score(int query) {
    return score(query, new float[rows.count()]);
  }

  float[] score(int query, float[] bounds) {
    int count = rows.count();
    int[] nodes = IntStream.range(0, count).toArray();
    float[] distances = new float[count];
    CodeScorer scorer = codec.newScorer(codes, count, arena);
    scorer.query(rows.memory().asSlice(rows.offset(query), 4L * rows.dimension()));
    scorer.score(nodes, 0, count, distances);
    scorer.errorBounds(nodes, 0, count, bounds);
    confidence = scorer.confidence();
    return distances;
  }

  @Override
  public void close() {
    arena.close();
  }
}
