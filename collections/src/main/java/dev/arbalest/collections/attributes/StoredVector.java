// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the database knows of a vector of a point.
 *
 * @param space number of the vector in its collection
 * @param id of the point
 * @param ordinal of a multivector, which its parts in the index have in common; otherwise -1
 * @param value of a sparse vector its terms, of a multivector its parts; otherwise empty
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record StoredVector(int space, PointId id, long ordinal, byte[] value) {
  private static final byte[] NOTHING = {};

  /** Bytes in front of the components of a multivector: its parts, and those that are indexed. */
  private static final int HEADER = 8;

  /** A dense vector, which is in its index. */
  public static StoredVector dense(int space, PointId id) {
    return new StoredVector(space, id, -1, NOTHING);
  }

  /** A multivector, whose different parts are in its index, too. */
  public static StoredVector multi(int space, PointId id, long ordinal, PointVector.Multi vector) {
    int dimension = vector.parts().getFirst().length;
    int count = vector.parts().size();
    ByteBuffer bytes =
        ByteBuffer.allocate(HEADER + 4 * count * dimension).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(count).putInt(different(vector.parts()).size());
    for (float[] part : vector.parts()) {
      for (float component : part) {
        bytes.putFloat(component);
      }
    }
    return new StoredVector(space, id, ordinal, bytes.array());
  }

  /** The parts that differ from all before them: MaxSim is the same without the others. */
  public static List<float[]> different(List<float[]> parts) {
    Map<FloatBuffer, float[]> different = new LinkedHashMap<>();
    for (float[] part : parts) {
      different.putIfAbsent(FloatBuffer.wrap(part), part);
    }
    return List.copyOf(different.values());
  }

  /** A sparse vector. */
  public static StoredVector sparse(int space, PointId id, PointVector.Sparse vector) {
    int count = vector.indices().length;
    ByteBuffer bytes = ByteBuffer.allocate(8 * count).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(vector.indices());
    bytes
        .position(4 * count)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .put(vector.values());
    return new StoredVector(space, id, -1, bytes.array());
  }

  private ByteBuffer bytes() {
    return ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Parts of a multivector that are in its index. */
  public int indexedParts() {
    return bytes().getInt(4);
  }

  /** The multivector. */
  public PointVector.Multi parts() {
    ByteBuffer bytes = bytes();
    int count = bytes.getInt(0);
    float[][] parts = new float[count][(value.length - HEADER) / (4 * count)];
    FloatBuffer floats =
        bytes.position(HEADER).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    for (float[] part : parts) {
      floats.get(part);
    }
    return new PointVector.Multi(List.of(parts));
  }

  /** The terms of a sparse vector. */
  public PointVector.Sparse terms() {
    int count = value.length / 8;
    int[] indices = new int[count];
    float[] values = new float[count];
    ByteBuffer bytes = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().get(indices);
    bytes.position(4 * count).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return new PointVector.Sparse(indices, values);
  }
}
