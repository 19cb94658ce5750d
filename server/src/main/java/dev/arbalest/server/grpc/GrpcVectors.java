// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointVector;
import io.qdrant.client.grpc.Points;
import io.qdrant.client.grpc.Points.NamedVectorsOutput;
import io.qdrant.client.grpc.Points.VectorInput;
import io.qdrant.client.grpc.Points.VectorOutput;
import io.qdrant.client.grpc.Points.Vectors;
import io.qdrant.client.grpc.Points.VectorsOutput;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Vectors as Qdrant's messages have them, in the form of new clients and of old ones. Stateless.
 */
final class GrpcVectors {
  private GrpcVectors() {}

  /** The vectors of a point, by name or one without. */
  static Map<String, PointVector> of(Vectors vectors) {
    Map<String, PointVector> named = new HashMap<>();
    switch (vectors.getVectorsOptionsCase()) {
      case VECTOR -> named.put("", of(vectors.getVector()));
      case VECTORS ->
          vectors
              .getVectors()
              .getVectorsMap()
              .forEach((name, vector) -> named.put(name, of(vector)));
      case VECTORSOPTIONS_NOT_SET -> {
        // a point without vectors
      }
    }
    return named;
  }

  static PointVector of(Points.Vector vector) {
    return switch (vector.getVectorCase()) {
      case DENSE -> new PointVector.Dense(floats(vector.getDense().getDataList()));
      case SPARSE ->
          sparse(vector.getSparse().getIndicesList(), vector.getSparse().getValuesList());
      case MULTI_DENSE -> multi(vector.getMultiDense());
      case DOCUMENT, IMAGE, OBJECT -> throw toEmbed();
      case VECTOR_NOT_SET -> old(vector);
    };
  }

  @SuppressWarnings("deprecation") // as clients before 1.16 send it
  private static PointVector old(Points.Vector vector) {
    if (vector.hasIndices()) {
      return sparse(vector.getIndices().getDataList(), vector.getDataList());
    }
    float[] data = floats(vector.getDataList());
    if (!vector.hasVectorsCount()) {
      return new PointVector.Dense(data);
    }
    int count = vector.getVectorsCount();
    if (count < 1 || data.length == 0 || data.length % count != 0) {
      throw CollectionException.invalid(
          "a multivector of " + count + " parts has " + data.length + " components");
    }
    int dimension = data.length / count;
    List<float[]> parts = new ArrayList<>();
    for (int from = 0; from < data.length; from += dimension) {
      parts.add(java.util.Arrays.copyOfRange(data, from, from + dimension));
    }
    return new PointVector.Multi(parts);
  }

  /** The vector of a query. */
  static PointVector of(VectorInput input) {
    return switch (input.getVariantCase()) {
      case DENSE -> new PointVector.Dense(floats(input.getDense().getDataList()));
      case SPARSE -> sparse(input.getSparse().getIndicesList(), input.getSparse().getValuesList());
      case MULTI_DENSE -> multi(input.getMultiDense());
      case DOCUMENT, IMAGE, OBJECT -> throw toEmbed();
      case ID, VARIANT_NOT_SET -> throw CollectionException.invalid("an example is empty");
    };
  }

  static PointVector.Sparse sparse(List<Integer> indices, List<Float> values) {
    int[] terms = new int[indices.size()];
    for (int i = 0; i < terms.length; i++) {
      terms[i] = indices.get(i);
    }
    return new PointVector.Sparse(terms, floats(values));
  }

  private static PointVector multi(Points.MultiDenseVector multi) {
    List<float[]> parts = new ArrayList<>();
    multi.getVectorsList().forEach(part -> parts.add(floats(part.getDataList())));
    return new PointVector.Multi(parts);
  }

  static float[] floats(List<Float> list) {
    float[] floats = new float[list.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = list.get(i); // the list holds floats, unboxed
    }
    return floats;
  }

  private static CollectionException toEmbed() {
    return CollectionException.invalid(
        "the server has no embedding model: send the vector instead of what it is made of, or rank "
            + "by words with using \"bm25\"");
  }

  /** The vectors of a point that are known, or null if there are none. */
  static @Nullable VectorsOutput message(Point point) {
    float[] vector = point.vector();
    if (vector != null) {
      return unnamed(new PointVector.Dense(vector));
    }
    Map<String, PointVector> named = point.vectors();
    PointVector only = named.get("");
    if (named.isEmpty()) {
      return null;
    }
    if (named.size() == 1 && only != null) {
      return unnamed(only);
    }
    NamedVectorsOutput.Builder all = NamedVectorsOutput.newBuilder();
    named.forEach((name, one) -> all.putVectors(name, message(one)));
    return VectorsOutput.newBuilder().setVectors(all).build();
  }

  private static VectorsOutput unnamed(PointVector vector) {
    return VectorsOutput.newBuilder().setVector(message(vector)).build();
  }

  /** A vector in the form of new clients, and in the one that those before 1.16 read. */
  @SuppressWarnings("deprecation")
  private static VectorOutput message(PointVector vector) {
    VectorOutput.Builder output = VectorOutput.newBuilder();
    switch (vector) {
      case PointVector.Dense dense -> {
        Points.DenseVector.Builder message = Points.DenseVector.newBuilder();
        for (float component : dense.components()) {
          message.addData(component);
          output.addData(component);
        }
        output.setDense(message);
      }
      case PointVector.Multi multi -> {
        Points.MultiDenseVector.Builder message = Points.MultiDenseVector.newBuilder();
        for (float[] part : multi.parts()) {
          Points.DenseVector.Builder row = Points.DenseVector.newBuilder();
          for (float component : part) {
            row.addData(component);
            output.addData(component);
          }
          message.addVectors(row);
        }
        output.setVectorsCount(multi.parts().size()).setMultiDense(message);
      }
      case PointVector.Sparse sparse -> {
        Points.SparseVector.Builder message = Points.SparseVector.newBuilder();
        Points.SparseIndices.Builder indices = Points.SparseIndices.newBuilder();
        for (int i = 0; i < sparse.indices().length; i++) {
          message.addIndices(sparse.indices()[i]).addValues(sparse.values()[i]);
          indices.addData(sparse.indices()[i]);
          output.addData(sparse.values()[i]);
        }
        output.setIndices(indices).setSparse(message);
      }
    }
    return output.build();
  }
}
