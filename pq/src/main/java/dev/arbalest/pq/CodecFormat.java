package dev.arbalest.pq;

import dev.arbalest.natives.F32Rows;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

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
    for (float value : values) {
      out.writeFloat(value);
    }
  }

  static float[] readFloats(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > MAX_FLOATS) {
      throw new IOException("codec array of impossible length " + length);
    }
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = in.readFloat();
    }
    return values;
  }
}
