// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.Location;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** One client that searches over one stream of Arrow Flight, a query at a time. Not thread-safe. */
@SuppressWarnings("try") // closing a client may be interrupted
final class FlightSearches implements AutoCloseable {
  private final BufferAllocator allocator = new RootAllocator();
  private final FlightClient client;
  private final VectorSchemaRoot root;
  private final FlightClient.ExchangeReaderWriter exchange;

  FlightSearches(int port, int dimension) {
    this.client =
        FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
    FieldType floats =
        FieldType.nullable(new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE));
    this.root =
        VectorSchemaRoot.create(
            new Schema(
                List.of(
                    Field.nullable("dataset", ArrowType.Utf8.INSTANCE),
                    Field.nullable("k", new ArrowType.Int(32, true)),
                    new Field(
                        "query_vector",
                        FieldType.nullable(new ArrowType.FixedSizeList(dimension)),
                        List.of(new Field("item", floats, null))))),
            allocator);
    this.exchange =
        client.doExchange(
            FlightDescriptor.command("VectorSearch".getBytes(StandardCharsets.UTF_8)));
    exchange.getWriter().start(root);
  }

  /** The ids of the nearest points. */
  long[] search(String collection, float[] query, int k) throws IOException {
    root.allocateNew();
    ((VarCharVector) root.getVector("dataset"))
        .setSafe(0, collection.getBytes(StandardCharsets.UTF_8));
    ((IntVector) root.getVector("k")).setSafe(0, k);
    FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("query_vector");
    Float4Vector items = (Float4Vector) vectors.getDataVector();
    for (int i = 0; i < query.length; i++) {
      items.setSafe(i, query[i]);
    }
    vectors.setNotNull(0);
    root.setRowCount(1);
    exchange.getWriter().putNext();
    if (!exchange.getReader().next()) {
      throw new IOException("the stream of answers ended");
    }
    VectorSchemaRoot reply = exchange.getReader().getRoot();
    UInt8Vector ids = (UInt8Vector) reply.getVector("id");
    long[] found = new long[reply.getRowCount()];
    for (int i = 0; i < found.length; i++) {
      found[i] = ids.get(i);
    }
    if (found.length != k) {
      throw new IOException("expected " + k + " neighbours, found " + found.length);
    }
    return found;
  }

  @Override
  public void close() throws Exception {
    exchange.getWriter().completed();
    exchange.close();
    root.close();
    client.close();
    allocator.close();
  }
}
