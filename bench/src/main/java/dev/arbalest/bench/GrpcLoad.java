// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.ScoredPoint;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Recorder;
import tools.jackson.databind.node.ObjectNode;

/** Queries by Qdrant's Java client: one after the other, then by several clients. */
@SuppressWarnings("try") // closing a client may be interrupted
final class GrpcLoad {
  /** Times that several clients go through the queries. */
  private static final int ROUNDS = 4;

  private final int port;
  private final int clients;

  GrpcLoad(int port, int clients) {
    this.port = port;
    this.clients = clients;
  }

  QdrantClient open() {
    return new QdrantClient(QdrantGrpcClient.newBuilder("127.0.0.1", port, false, false).build());
  }

  static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  /** The ids that each query finds; times and rates go into a report. */
  long[][] measure(List<QueryPoints> queries, ObjectNode report) throws Exception {
    long[][] found = new long[queries.size()][];
    Recorder times = new Recorder(2);
    try (QdrantClient client = open()) {
      for (int query = 0; query < found.length; query++) {
        long begin = System.nanoTime();
        List<ScoredPoint> hits = client.queryAsync(queries.get(query)).get();
        times.recordValue(System.nanoTime() - begin);
        found[query] = hits.stream().mapToLong(hit -> hit.getId().getNum()).toArray();
      }
    }
    report.set("serial_us", LoadFigures.times(times));
    AtomicInteger turns = new AtomicInteger();
    AtomicReference<Exception> failure = new AtomicReference<>();
    long begin = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try (QdrantClient own = open()) {
                  for (int turn = turns.getAndIncrement();
                      turn < ROUNDS * found.length;
                      turn = turns.getAndIncrement()) {
                    long start = System.nanoTime();
                    var _ = own.queryAsync(queries.get(turn % found.length)).get();
                    times.recordValue(System.nanoTime() - start);
                  }
                } catch (Exception e) {
                  failure.set(e);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    Exception failed = failure.get();
    if (failed != null) {
      throw new IOException(failed);
    }
    report.put("clients", clients).put("qps", ROUNDS * found.length / seconds(begin));
    report.set("concurrent_us", LoadFigures.times(times));
    return found;
  }
}
