// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** How codecs write their parameters: version, spec, metric, then the codec's own body. */
final class CodecFormat {
  static final int VERSION = 2;
  private static final int MAX_FLOATS = 1 << 28;

  private CodecFormat() {}

  static void requireDimension(F32Rows rows, int dimension) {
    if (rows.dimension() != dimension) {
      throw new IllegalArgumentException(
          "rows have dimension " + rows.dimension() + ", the codec " + dimension);
    }
  }

  static void writeHead(DataOutputStream out, Codec codec) throws IOException {
    out.writeInt(VERSION);
    out.writeUTF(codec.spec().toString());
    out.writeUTF(codec.metric().label());
  }

  static void writeFloats(DataOutputStream out, float[] values) throws IOException {
    out.writeInt(values.length);
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length);
    bytes.asFloatBuffer().put(values);
    out.write(bytes.array());
  }

  static float[] readFloats(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > MAX_FLOATS) {
      throw new IOException("codec array of impossible length " + length);
    }
    byte[] bytes = in.readNBytes(4 * length);
    if (bytes.length < 4 * length) {
      throw new EOFException("codec array of " + length + " floats is cut off");
    }
    float[] values = new float[length];
    ByteBuffer.wrap(bytes).asFloatBuffer().get(values);
    return values;
  }
}
