// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicIntegerArray;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Searches, writes and checks points by HTTP. */
final class HttpLoad {
  static final JsonMapper JSON = new JsonMapper();
  static final String NAME = "bench";
  static final String JSON_TYPE = "application/json";
  static final String BINARY_TYPE = "application/octet-stream";

  /** Points per write. */
  static final int UPSERT = 32;

  private final LoadFigures figures;
  private final int port;
  private final int list;

  /**
   * Creates it.
   *
   * @param list search list
   */
  HttpLoad(LoadFigures figures, int port, int list) {
    this.figures = figures;
    this.port = port;
    this.list = list;
  }

  static byte[] binary(F32Rows rows, int row) {
    float[] vector = new float[rows.dimension()];
    rows.copyRow(row, vector);
    ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return bytes.array();
  }

  byte[] json(F32Rows rows, int row) {
    float[] vector = new float[rows.dimension()];
    rows.copyRow(row, vector);
    return "{\"vector\":%s,\"limit\":10,\"params\":{\"hnsw_ef\":%d}}"
        .formatted(Arrays.toString(vector), list)
        .getBytes(StandardCharsets.UTF_8);
  }

  static long[] ids(byte[] body) {
    JsonNode result = JSON.readTree(body).path("result");
    long[] ids = new long[result.size()];
    Arrays.setAll(ids, i -> result.get(i).path("id").asLong());
    return ids;
  }

  void write(
      int which,
      int writers,
      F32Rows rows,
      int vectors,
      AtomicIntegerArray sources,
      AtomicIntegerArray underway) {
    SplittableRandom random = new SplittableRandom(which);
    float[] vector = new float[rows.dimension()];
    try (PlainHttp client = new PlainHttp(port)) {
      while (!figures.isStopped()) {
        int[] ids =
            random
                .ints(UPSERT, 0, vectors / writers)
                .map(id -> id * writers + which)
                .distinct()
                .toArray();
        boolean delete = random.nextInt(8) == 0;
        int[] from = new int[ids.length];
        StringBuilder body = new StringBuilder("{\"points\":[");
        for (int i = 0; i < ids.length; i++) {
          from[i] = delete ? 0 : 1 + random.nextInt(rows.count());
          underway.set(ids[i], 1);
          body.append(i == 0 ? "" : ",");
          if (delete) {
            body.append(ids[i]);
          } else {
            rows.copyRow(from[i] - 1, vector);
            body.append("{\"id\":").append(ids[i]).append(",\"payload\":{\"row\":");
            body.append(from[i]).append("},\"vector\":").append(Arrays.toString(vector));
            body.append('}');
          }
        }
        byte[] bytes = body.append("]}").toString().getBytes(StandardCharsets.UTF_8);
        String path = "/collections/" + NAME + "/points" + (delete ? "/delete" : "");
        long begin = System.nanoTime();
        PlainHttp.Answer response = client.send(delete ? "POST" : "PUT", path, JSON_TYPE, bytes);
        if (response.status() == 429) {
          figures.backpressure.incrementAndGet(); // nothing of it is done
          for (int id : ids) {
            underway.set(id, 0);
          }
          Thread.sleep(1000);
          continue;
        }
        if (response.status() != 200) {
          throw new IOException(response.text());
        }
        figures.writeTimes.recordValue(System.nanoTime() - begin);
        for (int i = 0; i < ids.length; i++) {
          sources.set(ids[i], from[i]);
          underway.set(ids[i], 0);
        }
      }
    } catch (Exception e) {
      figures.failed(figures.writeErrors, e);
    }
  }

  void search(int which, F32Rows asked) {
    String path = "/collections/" + NAME + "/points/search?limit=10&list=" + list;
    try (PlainHttp client = new PlainHttp(port)) {
      for (int query = which; !figures.isStopped(); query++) {
        byte[] body = binary(asked, query % asked.count());
        long begin = System.nanoTime();
        PlainHttp.Answer response = client.send("POST", path, BINARY_TYPE, body);
        if (response.status() == 429) {
          figures.backpressure.incrementAndGet();
          continue;
        }
        if (response.status() != 200 || ids(response.body()).length != 10) {
          throw new IOException(response.text());
        }
        figures.searchTimes.recordValue(System.nanoTime() - begin);
      }
    } catch (Exception e) {
      figures.failed(figures.searchErrors, e);
    }
  }

  /** Looks for every acknowledged row; rows of unacknowledged writes may or may not exist. */
  void verify(
      F32Rows rows, AtomicIntegerArray sources, AtomicIntegerArray underway, ObjectNode report)
      throws Exception {
    long checked = 0;
    long lost = 0;
    float[] vector = new float[rows.dimension()];
    try (PlainHttp client = new PlainHttp(port)) {
      for (int from = 0; from < sources.length(); from += 100) {
        int to = Math.min(sources.length(), from + 100);
        StringBuilder body = new StringBuilder("{\"with_vector\":true,\"ids\":[");
        for (int id = from; id < to; id++) {
          body.append(id == from ? "" : ",").append(id);
        }
        byte[] bytes = body.append("]}").toString().getBytes(StandardCharsets.UTF_8);
        JsonNode[] points = new JsonNode[to - from];
        byte[] answer =
            client.send("POST", "/collections/" + NAME + "/points", JSON_TYPE, bytes).body();
        for (JsonNode point : JSON.readTree(answer).path("result")) {
          points[point.path("id").asInt() - from] = point;
        }
        for (int id = from; id < to; id++) {
          if (underway.get(id) != 0) {
            continue;
          }
          checked++;
          int source = sources.get(id);
          JsonNode point = points[id - from];
          if (source == 0 || point == null) {
            lost += source == 0 == (point == null) ? 0 : 1;
            continue;
          }
          rows.copyRow(source - 1, vector);
          lost += isSame(point.path("vector"), vector) ? 0 : 1;
        }
      }
    }
    report.put("checked", checked);
    report.put("lost", lost);
  }

  /** The same direction: stored vectors have unit norm. */
  private static boolean isSame(JsonNode stored, float[] vector) {
    double dot = 0;
    double norm = 0;
    for (int i = 0; i < vector.length; i++) {
      dot += stored.path(i).asDouble(0) * vector[i];
      norm += (double) vector[i] * vector[i];
    }
    return Math.abs(dot / Math.sqrt(norm) - 1) < 1e-5;
  }
}
