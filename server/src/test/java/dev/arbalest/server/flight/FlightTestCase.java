// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.TestServer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.Result;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.flight.Ticket;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A server, a client of Arrow Flight, and points to send. */
@SuppressWarnings({"MustBeClosedChecker", "try"}) // closed after each test; may be interrupted
public abstract class FlightTestCase {
  static final ArrowType FLOAT32 = new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);

  public static final int DIMENSION = 8;
  public @TempDir Path data;
  public BufferAllocator allocator;
  public TestServer server;
  public FlightClient client;

  @BeforeEach
  void start() throws Exception {
    allocator = new RootAllocator();
    server = TestServer.start(data);
    client = connect(server.server().flightPort());
  }

  FlightClient connect(int port) {
    return FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
    allocator.close();
  }

  static float[] vector(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] vector = new float[DIMENSION];
    for (int i = 0; i < DIMENSION; i++) {
      vector[i] = (float) random.nextGaussian();
    }
    return vector;
  }

  static Schema schema(int dimension, ArrowType id, Field... more) {
    List<Field> fields = new ArrayList<>();
    fields.add(Field.nullable("id", id));
    fields.add(
        new Field(
            "vector",
            FieldType.nullable(new ArrowType.FixedSizeList(dimension)),
            List.of(
                Field.nullable(
                    "item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE)))));
    fields.addAll(List.of(more));
    return new Schema(fields, Map.of("longbow.metric", "euclidean"));
  }

  public static final ArrowType INT64 = new ArrowType.Int(64, true);

  static final Field NAME = Field.nullable("name", ArrowType.Utf8.INSTANCE);

  static final Field RANK = Field.nullable("rank", new ArrowType.Int(32, true));

  static void fill(VectorSchemaRoot root, long from, int count) {
    root.allocateNew();
    FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
    Float4Vector items = (Float4Vector) vectors.getDataVector();
    for (int row = 0; row < count; row++) {
      long id = from + row;
      if (root.getVector("id") instanceof BigIntVector numbers) {
        numbers.setSafe(row, id);
      } else {
        ((VarCharVector) root.getVector("id"))
            .setSafe(row, ("id-" + id).getBytes(StandardCharsets.UTF_8));
      }
      float[] vector = vector(id);
      for (int i = 0; i < vectors.getListSize(); i++) {
        items.setSafe(row * vectors.getListSize() + i, vector[i % DIMENSION]);
      }
      vectors.setNotNull(row);
      if (root.getVector("name") instanceof VarCharVector names) {
        names.setSafe(row, ("n" + id % 10).getBytes(StandardCharsets.UTF_8));
      }
      if (root.getVector("rank") instanceof IntVector ranks) {
        ranks.setSafe(row, (int) id);
      }
    }
    root.setRowCount(count);
  }

  /** Puts batches and returns what the server said of each. */
  List<JsonNode> put(String name, Schema schema, long from, int... counts) throws Exception {
    List<JsonNode> replies = new ArrayList<>();
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
        SyncPutListener listener = new SyncPutListener()) {
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path(name), root, listener);
      long next = from;
      for (int count : counts) {
        fill(root, next, count);
        stream.putNext();
        next += count;
      }
      stream.completed();
      replies.addAll(replies(listener));
    } catch (java.util.concurrent.ExecutionException e) {
      if (e.getCause() instanceof FlightRuntimeException refused) {
        throw refused;
      }
      throw e;
    }
    return replies;
  }

  /** What the server said of each batch of a put that was sent as a whole. */
  static List<JsonNode> replies(SyncPutListener listener) throws Exception {
    List<JsonNode> replies = new ArrayList<>();
    while (true) {
      try (PutResult result = listener.read()) {
        if (result == null) {
          break;
        }
        byte[] bytes = new byte[(int) result.getApplicationMetadata().readableBytes()];
        result.getApplicationMetadata().readBytes(bytes);
        replies.add(JsonBody.JSON.readTree(bytes));
      }
    }
    listener.getResult();
    return replies;
  }

  JsonNode act(String type, String body) {
    Result result = client.doAction(new Action(type, body.getBytes(StandardCharsets.UTF_8))).next();
    return JsonBody.JSON.readTree(result.getBody());
  }

  static String array(float[] vector) {
    return java.util.Arrays.toString(vector);
  }

  static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }

  static void assertFails(
      FlightStatusCode code,
      String message,
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            FlightRuntimeException.class,
            e -> assertThat(e.status().code()).as(e.getMessage()).isEqualTo(code))
        .hasMessageContaining(message);
  }

  static byte[] bytes(FlightStream stream) {
    byte[] bytes = new byte[(int) stream.getLatestMetadata().readableBytes()];
    stream.getLatestMetadata().getBytes(0, bytes);
    return bytes;
  }

  List<Long> fetch(String text) throws Exception {
    List<Long> ids = new ArrayList<>();
    try (FlightStream stream = client.getStream(ticket(text))) {
      assertThat(stream.getSchema().findField("vector")).isNotNull();
      while (stream.next()) {
        VectorSchemaRoot root = stream.getRoot();
        FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
        for (int row = 0; row < root.getRowCount(); row++) {
          long id = ((BigIntVector) root.getVector("id")).get(row);
          ids.add(id);
          assertThat(((Float4Vector) vectors.getDataVector()).get(row * DIMENSION))
              .isEqualTo(vector(id)[0]);
          if (root.getVector("rank") instanceof IntVector ranks && !ranks.isNull(row)) {
            assertThat(ranks.get(row)).isEqualTo((int) id);
          }
        }
      }
    }
    return ids;
  }

  static Ticket ticket(String text) {
    return new Ticket(text.getBytes(StandardCharsets.UTF_8));
  }

  static String text(JsonNode node, String member) {
    return node.path(member).asString("");
  }
}
