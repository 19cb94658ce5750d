// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the database knows of a vector of a point.
 *
 * @param space number of the vector in its collection
 * @param id of the point
 * @param ordinal of a multivector, which its parts in the index have in common; otherwise -1
 * @param value of a sparse vector its terms, of a multivector the number of its parts; otherwise
 *     empty
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record StoredVector(int space, PointId id, long ordinal, byte[] value) {
  private static final byte[] NOTHING = {};

  /** A dense vector, which is in its index. */
  public static StoredVector dense(int space, PointId id) {
    return new StoredVector(space, id, -1, NOTHING);
  }

  /** A multivector, whose parts are in its index. */
  public static StoredVector multi(int space, PointId id, long ordinal, int parts) {
    byte[] value =
        ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(0, parts).array();
    return new StoredVector(space, id, ordinal, value);
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

  /** Parts of a multivector. */
  public int parts() {
    return ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
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
