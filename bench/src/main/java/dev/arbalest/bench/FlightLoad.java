// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.apache.arrow.flight.AsyncPutListener;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightProducer;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.NoOpFlightProducer;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Puts vectors by Arrow Flight. */
@SuppressWarnings("try") // closing a client may be interrupted
final class FlightLoad {
  private static final int BATCH = 500;
  private static final int MAX_WAIT_MILLIS = 60_000;

  private final LoadFigures figures;
  private final int port;

  FlightLoad(LoadFigures figures, int port) {
    this.figures = figures;
    this.port = port;
  }

  private static Schema schema(int dimension) {
    return new Schema(
        List.of(
            Field.nullable("id", new ArrowType.Int(64, true)),
            new Field(
                "vector",
                FieldType.nullable(new ArrowType.FixedSizeList(dimension)),
                List.of(
                    Field.nullable(
                        "item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE))))));
  }

  /** Megabytes of vectors per second that a client sends until all is acknowledged. */
  static double put(int port, F32Rows rows, int count, String name) throws Exception {
    int dimension = rows.dimension();
    float[] row = new float[dimension];
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
        VectorSchemaRoot root = VectorSchemaRoot.create(schema(dimension), allocator)) {
      AsyncPutListener listener = new AsyncPutListener();
      long begin = System.nanoTime();
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path(name), root, listener);
      for (int from = 0; from < count; from += BATCH) {
        int size = Math.min(BATCH, count - from);
        root.allocateNew();
        FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
        Float4Vector items = (Float4Vector) vectors.getDataVector();
        while (items.getValueCapacity() < size * dimension) {
          items.reAlloc();
        }
        for (int i = 0; i < size; i++) {
          ((BigIntVector) root.getVector("id")).setSafe(i, from + i);
          rows.copyRow(from + i, row);
          for (int j = 0; j < dimension; j++) {
            items.set(i * dimension + j, row[j]);
          }
          vectors.setNotNull(i);
        }
        root.setRowCount(size);
        for (int waited = 0; !stream.isReady(); waited++) {
          if (waited == MAX_WAIT_MILLIS) {
            throw new IOException(
                "the server takes no vectors for a minute; its log or memory may tell why");
          }
          Thread.sleep(1);
        }
        stream.putNext();
      }
      stream.completed();
      listener.getResult();
      return 4.0 * count * dimension / 1e6 / ((System.nanoTime() - begin) / 1e9);
    }
  }

  /** Megabytes per second into a server that only reads and acknowledges. */
  static double raw(F32Rows rows, int vectors, String name) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        FlightServer raw =
            FlightServer.builder(
                    allocator,
                    Location.forGrpcInsecure("127.0.0.1", 0),
                    new NoOpFlightProducer() {
                      @Override
                      public Runnable acceptPut(
                          FlightProducer.CallContext context,
                          FlightStream stream,
                          FlightProducer.StreamListener<PutResult> acknowledge) {
                        return () -> {
                          while (stream.next()) {
                            acknowledge.onNext(PutResult.empty());
                          }
                          acknowledge.onCompleted();
                        };
                      }
                    })
                .build()) {
      raw.start();
      double _ = put(raw.getPort(), rows, vectors, name); // to warm up
      return put(raw.getPort(), rows, vectors, name);
    }
  }

  /**
   * As {@link HttpLoad#write} without deletes, over one stream of DoPut: a batch, its answer, the
   * next.
   */
  void write(
      int writers,
      F32Rows rows,
      int vectors,
      AtomicIntegerArray sources,
      AtomicIntegerArray underway) {
    SplittableRandom random = new SplittableRandom(0);
    int[][] sent = new int[1][0];
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
        VectorSchemaRoot root = VectorSchemaRoot.create(schema(rows.dimension()), allocator)) {
      while (!figures.isStopped()) {
        try (SyncPutListener listener = new SyncPutListener()) {
          FlightClient.ClientStreamListener stream =
              client.startPut(FlightDescriptor.path(HttpLoad.NAME), root, listener);
          while (!figures.isStopped()) {
            int[] ids =
                random
                    .ints(HttpLoad.UPSERT, 0, vectors / writers)
                    .map(id -> id * writers)
                    .distinct()
                    .toArray();
            int[] from = random.ints(ids.length, 1, rows.count() + 1).toArray();
            sent[0] = ids;
            for (int id : ids) {
              underway.set(id, 1);
            }
            fill(root, rows, ids, from);
            long begin = System.nanoTime();
            stream.putNext();
            awaitAnswer(listener, ids.length);
            figures.writeTimes.recordValue(System.nanoTime() - begin);
            figures.putByFlight.addAndGet(ids.length);
            for (int i = 0; i < ids.length; i++) {
              sources.set(ids[i], from[i]);
              underway.set(ids[i], 0);
            }
          }
          stream.completed();
          listener.getResult();
        } catch (ExecutionException | FlightRuntimeException e) {
          requireBackpressure(e instanceof ExecutionException ? e.getCause() : e);
          for (int id : sent[0]) {
            underway.set(id, 0); // nothing of it is done
          }
        }
      }
    } catch (Exception e) {
      figures.failed(figures.writeErrors, e);
    }
  }

  private void requireBackpressure(@Nullable Throwable e) throws Exception {
    boolean refused =
        e instanceof FlightRuntimeException failure
            && failure.status().code() == FlightStatusCode.RESOURCE_EXHAUSTED;
    if (!refused) {
      throw new IOException("DoPut failed: " + e, e);
    }
    figures.backpressure.incrementAndGet();
    Thread.sleep(1000);
  }

  private void awaitAnswer(SyncPutListener listener, int rows) throws Exception {
    int left = rows;
    while (left > 0) {
      try (PutResult result = listener.read()) {
        if (result == null) {
          throw new IOException("the server ended the stream");
        }
        byte[] bytes = new byte[(int) result.getApplicationMetadata().readableBytes()];
        result.getApplicationMetadata().readBytes(bytes);
        JsonNode answer = HttpLoad.JSON.readTree(bytes);
        left -= answer.path("rows").asInt(0);
        if (answer.path("status").asString("").equals("slow_down")) {
          figures.backpressure.incrementAndGet();
        }
      }
    }
  }

  private static void fill(VectorSchemaRoot root, F32Rows rows, int[] ids, int[] from) {
    int dimension = rows.dimension();
    float[] row = new float[dimension];
    root.allocateNew();
    FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
    Float4Vector items = (Float4Vector) vectors.getDataVector();
    for (int i = 0; i < ids.length; i++) {
      ((BigIntVector) root.getVector("id")).setSafe(i, ids[i]);
      rows.copyRow(from[i] - 1, row);
      for (int j = 0; j < dimension; j++) {
        items.setSafe(i * dimension + j, row[j]);
      }
      vectors.setNotNull(i);
    }
    root.setRowCount(ids.length);
  }
}
