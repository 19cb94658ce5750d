// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.VectorInput;
import dev.arbalest.vector.F32Rows;
import io.qdrant.client.ConditionFactory;
import io.qdrant.client.PointIdFactory;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QueryFactory;
import io.qdrant.client.ValueFactory;
import io.qdrant.client.VectorsFactory;
import io.qdrant.client.grpc.Collections.CollectionStatus;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.HnswConfigDiff;
import io.qdrant.client.grpc.Collections.OptimizersConfigDiff;
import io.qdrant.client.grpc.Collections.PayloadSchemaType;
import io.qdrant.client.grpc.Collections.UpdateCollection;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Common.Filter;
import io.qdrant.client.grpc.Common.Range;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.SearchParams;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** The calls that VectorDBBench makes of Qdrant's client, in its order. */
@Command(
    name = "qdrant-sequence",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a server and does what VectorDBBench does by Qdrant's client: creates a collection",
      "with hnsw_config, indexes a field, stops optimizing, puts vectors in batches and waits for",
      "each, starts optimizing, waits until the collection is green, and searches with k = 100: one",
      "after the other, by several clients, and with filters that leave 99 % and 1 % of the points."
    })
// Closing a client may be interrupted.
@SuppressWarnings({"try", "MustBeClosedChecker"})
public final class QdrantSequenceBenchmark implements Callable<Integer> {
  private static final String NAME = "vdbbench";
  private static final String KEY = "pk";
  private static final int K = 100;
  private static final int BATCH = 100;
  private static final int MAX_QUERIES = 1000;
  private static final int EXACT_QUERIES = 100;

  @Option(
      names = "--server",
      defaultValue = "${sys:arbalest.server}",
      description = "Command that starts a server (the one of this build).")
  private String command;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--work", required = true, description = "Directory for the server's data.")
  private Path work;

  @Option(names = "--count", defaultValue = "50000", description = "Vectors.")
  private int count;

  @Option(names = "--clients", defaultValue = "8", description = "Default: ${DEFAULT-VALUE}.")
  private int clients;

  @Option(names = "--ef", defaultValue = "128", description = "hnsw_ef of searches.")
  private int ef;

  @Option(names = "--port", defaultValue = "19390", description = "HTTP; gRPC is the second next.")
  private int port;

  private QdrantSequenceBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new QdrantSequenceBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = HttpLoad.JSON.createObjectNode();
    ServerProcess server = ServerProcess.start(command, work, port, null);
    GrpcLoad load = new GrpcLoad(port + 2, clients);
    try (VectorInput base = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries);
        QdrantClient client = load.open()) {
      int vectors = Math.min(count, base.rows().count());
      report.put("vectors", vectors).put("dimension", base.rows().dimension());
      create(client, base.rows().dimension());
      long start = System.nanoTime();
      put(client, base.rows(), vectors);
      report.put("put_seconds", GrpcLoad.seconds(start));
      update(client, 1);
      while (client.getCollectionInfoAsync(NAME).get().getStatus() != CollectionStatus.Green) {
        Thread.sleep(100);
      }
      report.put("until_green_seconds", GrpcLoad.seconds(start));
      float[][] all = floats(asked.rows());
      for (int share : new int[] {100, 99, 1}) {
        int from = vectors - (int) ((long) vectors * share / 100);
        String label = share == 100 ? "all" : share + "_percent";
        measure(load, all, base.rows(), vectors, from, report.putObject(label));
      }
      server.stop();
    } finally {
      server.close();
    }
    System.out.println(HttpLoad.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    return 0;
  }

  private static float[][] floats(F32Rows rows) {
    float[][] all = new float[Math.min(MAX_QUERIES, rows.count())][rows.dimension()];
    for (int row = 0; row < all.length; row++) {
      rows.copyRow(row, all[row]);
    }
    return all;
  }

  private static void create(QdrantClient client, int dimension) throws Exception {
    HnswConfigDiff graph = HnswConfigDiff.newBuilder().setM(16).setEfConstruct(128).build();
    client
        .createCollectionAsync(
            CreateCollection.newBuilder()
                .setCollectionName(NAME)
                .setHnswConfig(graph)
                .setVectorsConfig(
                    VectorsConfig.newBuilder()
                        .setParams(
                            VectorParams.newBuilder()
                                .setSize(dimension)
                                .setDistance(Distance.Cosine)))
                .build())
        .get();
    client
        .createPayloadIndexAsync(NAME, KEY, PayloadSchemaType.Integer, null, true, null, null)
        .get();
    update(client, 0);
  }

  /** Stops or starts optimizing, as far as the client knows. */
  private static void update(QdrantClient client, int threads) throws Exception {
    client
        .updateCollectionAsync(
            UpdateCollection.newBuilder()
                .setCollectionName(NAME)
                .setOptimizersConfig(
                    OptimizersConfigDiff.newBuilder().setIndexingThreshold(threads))
                .build())
        .get();
  }

  private static void put(QdrantClient client, F32Rows rows, int vectors) throws Exception {
    float[] vector = new float[rows.dimension()];
    for (int from = 0; from < vectors; from += BATCH) {
      List<PointStruct> points = new ArrayList<>();
      for (int row = from; row < Math.min(vectors, from + BATCH); row++) {
        rows.copyRow(row, vector);
        points.add(
            PointStruct.newBuilder()
                .setId(PointIdFactory.id(row))
                .setVectors(VectorsFactory.vectors(vector))
                .putPayload(KEY, ValueFactory.value(row))
                .build());
      }
      client.upsertAsync(NAME, points).get();
    }
  }

  private QueryPoints query(float[] vector, int from) {
    QueryPoints.Builder query =
        QueryPoints.newBuilder()
            .setCollectionName(NAME)
            .setQuery(QueryFactory.nearest(vector))
            .setParams(SearchParams.newBuilder().setHnswEf(ef))
            .setLimit(K);
    if (from > 0) {
      query.setFilter(
          Filter.newBuilder()
              .addMust(ConditionFactory.range(KEY, Range.newBuilder().setGte(from).build())));
    }
    return query.build();
  }

  private void measure(
      GrpcLoad load, float[][] asked, F32Rows base, int vectors, int from, ObjectNode report)
      throws Exception {
    List<QueryPoints> requests = Arrays.stream(asked).map(one -> query(one, from)).toList();
    long[][] found = load.measure(requests, report);
    report.put("recall_at_100", recall(asked, found, base, vectors, from));
  }

  /** Of some queries, against all vectors that the filter leaves. */
  private static double recall(
      float[][] asked, long[][] found, F32Rows base, int vectors, int from) {
    int queries = Math.min(EXACT_QUERIES, asked.length);
    double[][] scores = new double[queries][vectors - from];
    float[] row = new float[base.dimension()];
    for (int id = from; id < vectors; id++) {
      base.copyRow(id, row);
      double norm = Math.sqrt(dot(row, row));
      for (int query = 0; query < queries; query++) {
        scores[query][id - from] = dot(asked[query], row) / norm;
      }
    }
    long same = 0;
    long all = 0;
    for (int query = 0; query < queries; query++) {
      double[] sorted = scores[query].clone();
      Arrays.sort(sorted);
      int wanted = Math.min(K, sorted.length);
      double least = sorted[sorted.length - wanted] - 1e-6;
      double[] own = scores[query];
      same +=
          Arrays.stream(found[query])
              .filter(id -> id >= from && own[(int) id - from] >= least)
              .limit(wanted)
              .count();
      all += wanted;
    }
    return same / (double) all;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
