// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.Workers;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * A trained compression of vectors of one dimension under one metric. Immutable and thread-safe.
 *
 * <p>A code table is off-heap memory of {@code codeBytes()} per node, node after node; it belongs
 * to the caller. Codes depend on the vector and the trained parameters alone, so they are the same
 * for any number of threads.
 */
public sealed interface Codec permits Saq, RaBitQ, ProductQuantizer, ScalarQuantizer, HalfFloats {

  /** How the codec is written on the command line and in the manifest, such as {@code rabitq:1}. */
  CodecSpec spec();

  /** Components of the vectors it takes. */
  int dimension();

  /** What its distances estimate. */
  Metric metric();

  /** Bytes per code, a multiple of 8. */
  int codeBytes();

  /**
   * Makes an encoder, which holds scratch for one thread.
   *
   * @param memory where the scratch goes; must outlive the encoder
   */
  CodeEncoder newEncoder(SegmentAllocator memory);

  /**
   * Makes a scorer over a code table, which must outlive it.
   *
   * @param codes code table
   * @param batchSize most nodes one call will score
   * @param memory where the query's tables go; must outlive the scorer
   */
  CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory);

  /** Makes a decoder, which one thread at a time uses. */
  CodeDecoder newDecoder();

  /**
   * Share of components of rows that lie outside the ranges the codec was trained for; NaN for
   * codecs that have no ranges.
   */
  default double clippedShare(F32Rows rows) {
    return Double.NaN;
  }

  /** Writes the trained parameters; {@link #read} brings them back. */
  void write(DataOutputStream out) throws IOException;

  /**
   * Trains a codec on (a bounded sample of) {@code rows}. The same rows, spec and seed give the
   * same codec for any number of workers.
   *
   * @param rows training vectors, at least 1, as an index stores them (unit norm for cosine)
   * @throws IllegalArgumentException if the spec does not fit the dimension
   */
  static Codec train(CodecSpec spec, Metric metric, F32Rows rows, long seed, Workers workers)
      throws IOException {
    return switch (spec.family()) {
      case SAQ -> Saq.train(spec, metric, rows, seed, workers);
      case RABITQ -> RaBitQ.train(spec, metric, rows, seed);
      case PQ, PQ4 -> ProductQuantizer.train(spec, metric, rows, seed, workers);
      case SQ8 -> ScalarQuantizer.train(spec, metric, rows);
      case F16 -> HalfFloats.train(spec, metric, rows);
    };
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IOException if the bytes are of another version or inconsistent
   */
  static Codec read(DataInputStream in) throws IOException {
    int version = in.readInt();
    if (version != CodecFormat.VERSION) {
      throw new IOException(
          "codec format version " + version + ", this build reads " + CodecFormat.VERSION);
    }
    CodecSpec spec;
    Metric metric;
    try {
      spec = CodecSpec.parse(in.readUTF());
      metric = Metric.parse(in.readUTF());
    } catch (IllegalArgumentException e) {
      throw new IOException("unreadable codec: " + e.getMessage(), e);
    }
    return switch (spec.family()) {
      case SAQ -> Saq.readBody(spec, metric, in);
      case RABITQ -> RaBitQ.readBody(spec, metric, in);
      case PQ, PQ4 -> ProductQuantizer.readBody(spec, metric, in);
      case SQ8 -> ScalarQuantizer.readBody(spec, metric, in);
      case F16 -> HalfFloats.readBody(spec, metric, in);
    };
  }
}
