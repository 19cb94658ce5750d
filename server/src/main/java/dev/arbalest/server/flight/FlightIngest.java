// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionName;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.vector.Metric;
import io.grpc.StatusRuntimeException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightProducer.ServerStreamListener;
import org.apache.arrow.flight.FlightProducer.StreamListener;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Streams of batches that go into collections, each acknowledged when it is durable. */
final class FlightIngest {
  private static final int MAX_STREAMS = 64;
  private static final long MEMORY_SHARE = 8;
  private static final long WAIT_SECONDS = 10;
  private static final long RETRY_MILLIS = 1000;
  private static final long MAX_IDLE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private final Collections collections;
  private final BufferAllocator allocator;
  private final int batchBytes;
  private final long mostBytes;

  /** Each stream has two buffers of a batch. */
  private final Semaphore streams;

  private final int most;
  private final Set<IngestQueue> queues = ConcurrentHashMap.newKeySet();

  FlightIngest(Collections collections, BufferAllocator allocator, ServerOptions options) {
    this.collections = collections;
    this.allocator = allocator;
    this.batchBytes = options.batchBytes();
    this.mostBytes = options.flightBatchBytes();
    long fitting = options.memoryBytes() / MEMORY_SHARE / (2L * batchBytes);
    this.streams = new Semaphore(Math.clamp(fitting, 2, MAX_STREAMS));
    this.most = streams.availablePermits();
  }

  /** Streams that are being written now. */
  int active() {
    return most - streams.availablePermits();
  }

  private void acquireStream() {
    try {
      if (streams.tryAcquire(WAIT_SECONDS, TimeUnit.SECONDS)) {
        return;
      }
      endLongestIdle();
      if (streams.tryAcquire(WAIT_SECONDS, TimeUnit.SECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectionException(CollectionException.Kind.UNAVAILABLE, "the server stops", 0, e);
    }
    throw new CollectionException(
        CollectionException.Kind.EXHAUSTED,
        "there are " + most + " streams of writes already; try again",
        RETRY_MILLIS,
        null);
  }

  /** A client that is gone without a word must not keep others from writing. */
  private void endLongestIdle() {
    IngestQueue longest = null;
    long idle = MAX_IDLE_NANOS;
    for (IngestQueue queue : queues) {
      long nanos = queue.idleNanos();
      if (nanos > idle) {
        longest = queue;
        idle = nanos;
      }
    }
    if (longest != null) {
      longest.fail(
          new CollectionException(
              CollectionException.Kind.EXHAUSTED,
              "no whole batch came for "
                  + idle / 1_000_000_000
                  + " s while others wait for a stream",
              RETRY_MILLIS,
              null));
    }
  }

  /** Takes the batches of a DoPut. */
  void put(
      AccessControl.Client client,
      FlightDescriptor descriptor,
      FlightStream stream,
      StreamListener<PutResult> listener) {
    String name = FlightRequest.pathOf(descriptor, 0);
    ingest(client, name, stream, new PutAcknowledger(allocator, listener), new BatchCopyGuard());
  }

  /** Takes the batches of a DoExchange. */
  void exchange(
      AccessControl.Client client,
      FlightDescriptor descriptor,
      FlightStream reader,
      ServerStreamListener writer) {
    String name = FlightRequest.pathOf(descriptor, 1);
    BatchCopyGuard copying = new BatchCopyGuard();
    writer.setOnCancelHandler(copying::cancel);
    ingest(client, name, reader, new ExchangeAcknowledger(allocator, writer), copying);
  }

  private void ingest(
      AccessControl.Client client,
      String name,
      FlightStream stream,
      IngestQueue.Acknowledger acknowledger,
      BatchCopyGuard copying) {
    client.require(AccessControl.Scope.WRITE, name);
    CollectionName.check(name);
    ArrowPoints points = null;
    while (stream.next()) {
      if (!stream.hasRoot()) {
        continue;
      }
      if (points == null) {
        points = new ArrowPoints(stream.getRoot());
      }
      if (points.hasDimension()) {
        ingest(collectionFor(name, points), points, stream, acknowledger, copying);
        return;
      }
      // Nothing to keep, but clients expect an answer to each batch.
      acknowledger.acknowledge(FlightReplies.object().put("status", "ok").put("rows", 0), true);
    }
    if (points == null && stream.hasRoot()) {
      points = new ArrowPoints(stream.getRoot());
    }
    if (points != null && points.hasDimension()) {
      Collection _ = collectionFor(name, points); // a table without rows makes a collection, too
    }
  }

  /** Takes the present batch and all that follow. */
  private void ingest(
      Collection collection,
      ArrowPoints points,
      FlightStream stream,
      IngestQueue.Acknowledger acknowledger,
      BatchCopyGuard copying) {
    acquireStream();
    try (IngestQueue queue = new IngestQueue(collection, batchBytes, acknowledger)) {
      queues.add(queue);
      try {
        do {
          copying.run(() -> {
            requireSize(stream.getRoot());
            queue.put(points);
            stream.getRoot().clear(); // while the next is waited for, others may have the memory
          });
        } while (stream.next());
        queue.finish();
      } catch (RuntimeException e) {
        queue.requireSound(); // or that is why waiting for a batch was interrupted
        throw e;
      } finally {
        queues.remove(queue);
      }
    } finally {
      streams.release();
      boolean _ = Thread.interrupted(); // by the queue
    }
  }

  private void requireSize(VectorSchemaRoot batch) {
    long bytes = batch.getFieldVectors().stream().mapToLong(FieldVector::getBufferSize).sum();
    if (bytes > mostBytes) {
      throw new CollectionException(
          CollectionException.Kind.TOO_LARGE,
          "a batch has at most " + mostBytes + " bytes, found " + bytes + "; send smaller batches");
    }
  }

  /** The collection a stream goes into, made if there is none. */
  private Collection collectionFor(String name, ArrowPoints points) {
    Schema schema = points.schema();
    Metric metric = ArrowPoints.metricOf(schema);
    CollectionSettings wanted =
        new CollectionSettings(
            points.dimension(), metric == null ? Metric.COSINE : metric, null, null);
    Collection collection = collections.getOrCreate(name, wanted);
    CollectionSettings settings = collection.settings();
    if (settings.dimension() != points.dimension()) {
      throw CollectionException.dimensionMismatch(settings.dimension(), points.dimension());
    }
    if (metric != null && metric != settings.metric()) {
      throw CollectionException.invalid(
          "schema mismatch: the collection's metric is "
              + settings.metric().label()
              + ", found "
              + metric.label());
    }
    points.requireIdsOf(collection.settings().idType());
    // Points that came otherwise may have attributes which columns do not show.
    if (points.hasAttributes() || collection.count() == 0) {
      collection.keepSchema(kept -> ArrowRows.merge(kept, points.attributeFields()));
    }
    return collection;
  }

  /** What is durable stays so; a client that does not wait for the answer has left. */
  private static CollectionException gone(StatusRuntimeException e) {
    return new CollectionException(CollectionException.Kind.INVALID, "the client is gone", 0, e);
  }

  /** Acknowledges what became durable together. */
  private record PutAcknowledger(BufferAllocator allocator, StreamListener<PutResult> listener)
      implements IngestQueue.Acknowledger {
    @Override
    public void acknowledge(ObjectNode status, boolean isLast) {
      try (ArrowBuf buffer = FlightReplies.buffer(allocator, status)) {
        listener.onNext(PutResult.metadata(buffer));
      } catch (StatusRuntimeException e) {
        throw gone(e);
      }
    }
  }

  /** Acknowledges each batch of an exchange once, when all of it is durable. */
  private static final class ExchangeAcknowledger implements IngestQueue.Acknowledger {
    private final BufferAllocator allocator;
    private final ServerStreamListener writer;
    private final ArrayNode rejected = JsonBody.JSON.createArrayNode();
    private long batch;
    private long rows;
    private long refused;

    ExchangeAcknowledger(BufferAllocator allocator, ServerStreamListener writer) {
      this.allocator = allocator;
      this.writer = writer;
    }

    @Override
    public void acknowledge(ObjectNode status, boolean isLast) {
      rows += status.path("rows").asLong(0);
      refused += status.path("rejected_count").asInt(0);
      status.path("rejected").forEach(rejected::add);
      if (!isLast) {
        return;
      }
      if (status.path("status").asString("").equals("slow_down")) {
        status.put("slow_down", true);
      }
      status.put("status", "acked"); // it is durable, whatever comes next
      status.put("batch_id", batch++).put("rows", rows);
      if (refused > 0) {
        status.set("rejected", rejected.deepCopy());
        status.put("rejected_count", refused);
      }
      try {
        writer.putMetadata(FlightReplies.buffer(allocator, status));
      } catch (StatusRuntimeException e) {
        throw gone(e);
      }
      rows = 0;
      refused = 0;
      rejected.removeAll();
    }
  }
}
