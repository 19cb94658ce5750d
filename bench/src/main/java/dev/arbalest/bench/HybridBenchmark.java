// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.VectorInput;
import dev.arbalest.vector.F32Rows;
import io.qdrant.client.PointIdFactory;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QueryFactory;
import io.qdrant.client.ValueFactory;
import io.qdrant.client.VectorFactory;
import io.qdrant.client.VectorsFactory;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.Modifier;
import io.qdrant.client.grpc.Collections.PayloadSchemaType;
import io.qdrant.client.grpc.Collections.SparseVectorConfig;
import io.qdrant.client.grpc.Collections.SparseVectorParams;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Points.Document;
import io.qdrant.client.grpc.Points.Fusion;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.PrefetchQuery;
import io.qdrant.client.grpc.Points.Query;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.Vector;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Vectors, words and sparse vectors of one collection, alone and fused. */
@Command(
    name = "hybrid",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a server, puts documents with a vector of a file, words drawn by Zipf's law and the",
      "same words as a sparse vector, and measures queries by each and by vectors fused with",
      "either."
    })
// Closing a client may be interrupted.
@SuppressWarnings({"try", "MustBeClosedChecker"})
public final class HybridBenchmark implements Callable<Integer> {
  private static final String NAME = "hybrid";
  private static final String TEXT = "body";
  private static final String SPARSE = "words";
  private static final int VOCABULARY = 50_000;
  private static final int BATCH = 100;
  private static final int QUERIES = 500;
  private static final int QUERY_WORDS = 3;
  private static final int CANDIDATES = 50;

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

  @Option(names = "--count", defaultValue = "100000", description = "Documents.")
  private int count;

  @Option(names = "--words", defaultValue = "60", description = "Words of a document.")
  private int words;

  @Option(names = "--clients", defaultValue = "8", description = "Default: ${DEFAULT-VALUE}.")
  private int clients;

  @Option(names = "--port", defaultValue = "19490", description = "HTTP; gRPC is the second next.")
  private int port;

  private HybridBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new HybridBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = HttpLoad.JSON.createObjectNode();
    ServerProcess server = ServerProcess.start(command, work, port, null);
    GrpcLoad load = new GrpcLoad(port + 2, clients);
    try (VectorInput base = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries);
        QdrantClient client = load.open()) {
      int documents = Math.min(count, base.rows().count());
      report.put("documents", documents).put("dimension", base.rows().dimension());
      create(client, base.rows().dimension());
      long start = System.nanoTime();
      put(client, base.rows(), documents);
      report.put("put_seconds", GrpcLoad.seconds(start));
      SplittableRandom random = new SplittableRandom(7);
      List<int[]> terms = new ArrayList<>();
      List<float[]> vectors = new ArrayList<>();
      for (int query = 0; query < Math.min(QUERIES, asked.rows().count()); query++) {
        terms.add(terms(random, QUERY_WORDS));
        vectors.add(new float[asked.rows().dimension()]);
        asked.rows().copyRow(query, vectors.getLast());
      }
      measure(load, report, "vector", terms, vectors, true, "");
      measure(load, report, "bm25", terms, vectors, false, "bm25");
      measure(load, report, "sparse", terms, vectors, false, SPARSE);
      measure(load, report, "vector_and_bm25", terms, vectors, true, "bm25");
      measure(load, report, "vector_and_sparse", terms, vectors, true, SPARSE);
      server.stop();
    } finally {
      server.close();
    }
    System.out.println(HttpLoad.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    return 0;
  }

  private static void create(QdrantClient client, int dimension) throws Exception {
    client
        .createCollectionAsync(
            CreateCollection.newBuilder()
                .setCollectionName(NAME)
                .setVectorsConfig(
                    VectorsConfig.newBuilder()
                        .setParams(
                            VectorParams.newBuilder()
                                .setSize(dimension)
                                .setDistance(Distance.Cosine)))
                .setSparseVectorsConfig(
                    SparseVectorConfig.newBuilder()
                        .putMap(
                            SPARSE,
                            SparseVectorParams.newBuilder().setModifier(Modifier.Idf).build()))
                .build())
        .get();
    client
        .createPayloadIndexAsync(NAME, TEXT, PayloadSchemaType.Text, null, true, null, null)
        .get();
  }

  /** Words as numbers: the n-th is drawn about 1/n times as often as the first. */
  private static int[] terms(SplittableRandom random, int count) {
    return IntStream.range(0, count)
        .map(_ -> (int) Math.pow(VOCABULARY, random.nextDouble()) - 1)
        .toArray();
  }

  private static String text(int[] terms) {
    return IntStream.of(terms).mapToObj(term -> "w" + term).collect(Collectors.joining(" "));
  }

  private static Vector sparse(int[] terms) {
    Map<Integer, Float> weights = new TreeMap<>();
    for (int term : terms) {
      weights.merge(term, 1f, Float::sum);
    }
    return VectorFactory.vector(List.copyOf(weights.values()), List.copyOf(weights.keySet()));
  }

  private void put(QdrantClient client, F32Rows rows, int documents) throws Exception {
    SplittableRandom random = new SplittableRandom(3);
    float[] vector = new float[rows.dimension()];
    for (int from = 0; from < documents; from += BATCH) {
      List<PointStruct> points = new ArrayList<>();
      for (int row = from; row < Math.min(documents, from + BATCH); row++) {
        rows.copyRow(row, vector);
        int[] terms = terms(random, words);
        points.add(
            PointStruct.newBuilder()
                .setId(PointIdFactory.id(row))
                .setVectors(
                    VectorsFactory.namedVectors(
                        Map.of("", VectorFactory.vector(vector), SPARSE, sparse(terms))))
                .putPayload(TEXT, ValueFactory.value(text(terms)))
                .build());
      }
      client.upsertAsync(NAME, points).get();
    }
  }

  private static void measure(
      GrpcLoad load,
      ObjectNode report,
      String label,
      List<int[]> terms,
      List<float[]> vectors,
      boolean byVector,
      String using)
      throws Exception {
    List<QueryPoints> requests = new ArrayList<>();
    for (int query = 0; query < terms.size(); query++) {
      Query nearest = QueryFactory.nearest(vectors.get(query));
      Query byWords =
          using.equals(SPARSE)
              ? sparseQuery(terms.get(query))
              : QueryFactory.nearest(
                  Document.newBuilder()
                      .setText(text(terms.get(query)))
                      .setModel("qdrant/bm25")
                      .build());
      QueryPoints.Builder request = QueryPoints.newBuilder().setCollectionName(NAME).setLimit(10);
      if (using.isEmpty()) {
        request.setQuery(nearest);
      } else if (!byVector) {
        request.setQuery(byWords).setUsing(using);
      } else {
        request
            .addPrefetch(PrefetchQuery.newBuilder().setQuery(nearest).setLimit(CANDIDATES))
            .addPrefetch(
                PrefetchQuery.newBuilder().setQuery(byWords).setUsing(using).setLimit(CANDIDATES))
            .setQuery(QueryFactory.fusion(Fusion.RRF));
      }
      requests.add(request.build());
    }
    ObjectNode figures = report.putObject(label);
    long[][] found = load.measure(requests, figures);
    figures.put("found", IntStream.range(0, found.length).map(i -> found[i].length).sum());
  }

  private static Query sparseQuery(int[] terms) {
    var sparse = sparse(terms).getSparse();
    return QueryFactory.nearest(sparse.getValuesList(), sparse.getIndicesList());
  }
}
