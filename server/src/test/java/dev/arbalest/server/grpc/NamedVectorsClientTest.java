// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import static io.qdrant.client.PointIdFactory.id;
import static io.qdrant.client.QueryFactory.nearest;
import static io.qdrant.client.ValueFactory.value;
import static io.qdrant.client.VectorFactory.multiVector;
import static io.qdrant.client.VectorFactory.vector;
import static io.qdrant.client.VectorsFactory.namedVectors;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.server.TestServer;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.QueryFactory;
import io.qdrant.client.WithVectorsSelectorFactory;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.Modifier;
import io.qdrant.client.grpc.Collections.MultiVectorComparator;
import io.qdrant.client.grpc.Collections.MultiVectorConfig;
import io.qdrant.client.grpc.Collections.SparseVectorConfig;
import io.qdrant.client.grpc.Collections.SparseVectorParams;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorParamsMap;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Points.CreateVectorNameRequest;
import io.qdrant.client.grpc.Points.DeleteVectorNameRequest;
import io.qdrant.client.grpc.Points.DenseVectorCreationConfig;
import io.qdrant.client.grpc.Points.Fusion;
import io.qdrant.client.grpc.Points.NamedVectorsOutput;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.PointVectors;
import io.qdrant.client.grpc.Points.PrefetchQuery;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.RetrievedPoint;
import io.qdrant.client.grpc.Points.ScoredPoint;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Named, sparse and multivectors by Qdrant's Java client, unchanged. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class NamedVectorsClientTest {
  private static final String NAME = "named";

  @TempDir private Path data;
  private TestServer server;
  private QdrantClient client;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(data);
    client =
        new QdrantClient(
            QdrantGrpcClient.newBuilder("127.0.0.1", server.server().grpcPort(), false).build());
    client
        .createCollectionAsync(
            CreateCollection.newBuilder()
                .setCollectionName(NAME)
                .setVectorsConfig(
                    VectorsConfig.newBuilder()
                        .setParamsMap(
                            VectorParamsMap.newBuilder()
                                .putMap("title", params(Distance.Euclid, false))
                                .putMap("tokens", params(Distance.Dot, true))))
                .setSparseVectorsConfig(
                    SparseVectorConfig.newBuilder()
                        .putMap(
                            "words",
                            SparseVectorParams.newBuilder().setModifier(Modifier.Idf).build()))
                .build())
        .get();
    client
        .upsertAsync(
            NAME,
            List.of(
                PointStruct.newBuilder()
                    .setId(id(1))
                    .setVectors(
                        namedVectors(
                            Map.of(
                                "title",
                                vector(0f, 0f),
                                "tokens",
                                multiVector(new float[][] {{1, 0}, {0, 1}}),
                                "words",
                                vector(List.of(1f, 2f), List.of(3, -1)))))
                    .putPayload("n", value(1))
                    .build(),
                PointStruct.newBuilder()
                    .setId(id(2))
                    .setVectors(namedVectors(Map.of("title", vector(3f, 4f))))
                    .build()))
        .get();
  }

  private static VectorParams params(Distance distance, boolean isMulti) {
    VectorParams.Builder params = VectorParams.newBuilder().setSize(2).setDistance(distance);
    if (isMulti) {
      params.setMultivectorConfig(
          MultiVectorConfig.newBuilder().setComparator(MultiVectorComparator.MaxSim));
    }
    return params.build();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private List<Long> query(QueryPoints.Builder query) throws Exception {
    return client.queryAsync(query.setCollectionName(NAME).build()).get().stream()
        .map(ScoredPoint::getId)
        .map(id -> id.getNum())
        .toList();
  }

  @Test
  void vectorsAreDescribedAndComeBack() throws Exception {
    var params = client.getCollectionInfoAsync(NAME).get().getConfig().getParams();
    assertThat(params.getVectorsConfig().getParamsMap().getMapMap().keySet())
        .containsExactlyInAnyOrder("title", "tokens");
    assertThat(params.getVectorsConfig().getParamsMap().getMapOrThrow("tokens"))
        .isEqualTo(params(Distance.Dot, true));
    assertThat(params.getSparseVectorsConfig().getMapOrThrow("words").getModifier())
        .isEqualTo(Modifier.Idf);
    RetrievedPoint point = client.retrieveAsync(NAME, id(1), true, true, null).get().getFirst();
    NamedVectorsOutput vectors = point.getVectors().getVectors();
    assertThat(vectors.getVectorsOrThrow("title").getDense().getDataList()).containsExactly(0f, 0f);
    assertThat(vectors.getVectorsOrThrow("tokens").getMultiDense().getVectorsCount()).isEqualTo(2);
    assertThat(vectors.getVectorsOrThrow("words").getSparse().getIndicesList())
        .containsExactly(3, -1);
    assertThat(vectors.getVectorsOrThrow("words").getSparse().getValuesList())
        .containsExactly(1f, 2f);
  }

  @Test
  void eachVectorIsSearched() throws Exception {
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(3f, 3f)).setUsing("title")))
        .containsExactly(2L, 1L);
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .setQuery(nearest(List.of(1f), List.of(-1)))
                    .setUsing("words")))
        .containsExactly(1L);
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .setQuery(nearest(new float[][] {{1, 0}, {0, 1}}))
                    .setUsing("tokens")))
        .containsExactly(1L);
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .addPrefetch(
                        PrefetchQuery.newBuilder()
                            .setQuery(nearest(3f, 3f))
                            .setUsing("title")
                            .setLimit(5))
                    .addPrefetch(
                        PrefetchQuery.newBuilder()
                            .setQuery(nearest(List.of(1f), List.of(3)))
                            .setUsing("words")
                            .setLimit(5))
                    .setQuery(QueryFactory.fusion(Fusion.RRF))))
        .containsExactly(1L, 2L);
    assertThatThrownBy(() -> query(QueryPoints.newBuilder().setQuery(nearest(1f, 1f))))
        .hasMessageContaining("no vector without a name");
  }

  @Test
  void vectorsAreChangedAddedAndRemoved() throws Exception {
    client
        .updateVectorsAsync(
            NAME,
            List.of(
                PointVectors.newBuilder()
                    .setId(id(2))
                    .setVectors(namedVectors(Map.of("words", vector(List.of(1f), List.of(9)))))
                    .build()))
        .get();
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .setQuery(nearest(List.of(1f), List.of(9)))
                    .setUsing("words")
                    .setWithVectors(WithVectorsSelectorFactory.include(List.of("title")))))
        .containsExactly(2L);
    client.deleteVectorsAsync(NAME, List.of("title"), List.of(id(1))).get();
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(3f, 3f)).setUsing("title")))
        .containsExactly(2L);
    client
        .createVectorNameAsync(
            CreateVectorNameRequest.newBuilder()
                .setCollectionName(NAME)
                .setVectorName("late")
                .setDenseConfig(
                    DenseVectorCreationConfig.newBuilder().setSize(3).setDistance(Distance.Cosine))
                .build())
        .get();
    client
        .updateVectorsAsync(
            NAME,
            List.of(
                PointVectors.newBuilder()
                    .setId(id(2))
                    .setVectors(namedVectors(Map.of("late", vector(1f, 2f, 3f))))
                    .build()))
        .get();
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(1f, 2f, 3f)).setUsing("late")))
        .containsExactly(2L);
    client
        .deleteVectorNameAsync(
            DeleteVectorNameRequest.newBuilder()
                .setCollectionName(NAME)
                .setVectorName("late")
                .build())
        .get();
    assertThatThrownBy(
            () -> query(QueryPoints.newBuilder().setQuery(nearest(1f, 2f, 3f)).setUsing("late")))
        .hasMessageContaining("late");
    client.deleteAsync(NAME, List.of(id(1), id(2))).get();
    assertThat(client.countAsync(NAME).get()).isZero();
  }
}
