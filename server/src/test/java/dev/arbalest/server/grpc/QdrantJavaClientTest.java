// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import static io.qdrant.client.ConditionFactory.hasId;
import static io.qdrant.client.ConditionFactory.isEmpty;
import static io.qdrant.client.ConditionFactory.match;
import static io.qdrant.client.ConditionFactory.matchKeyword;
import static io.qdrant.client.ConditionFactory.matchKeywords;
import static io.qdrant.client.ConditionFactory.matchText;
import static io.qdrant.client.ConditionFactory.range;
import static io.qdrant.client.PointIdFactory.id;
import static io.qdrant.client.QueryFactory.fusion;
import static io.qdrant.client.QueryFactory.nearest;
import static io.qdrant.client.QueryFactory.orderBy;
import static io.qdrant.client.QueryFactory.recommend;
import static io.qdrant.client.QueryFactory.sample;
import static io.qdrant.client.ValueFactory.list;
import static io.qdrant.client.ValueFactory.nullValue;
import static io.qdrant.client.ValueFactory.value;
import static io.qdrant.client.VectorInputFactory.vectorInput;
import static io.qdrant.client.VectorsFactory.vectors;
import static io.qdrant.client.WithPayloadSelectorFactory.enable;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.ListenableFuture;
import dev.arbalest.server.TestServer;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.WithVectorsSelectorFactory;
import io.qdrant.client.grpc.Collections.CollectionInfo;
import io.qdrant.client.grpc.Collections.CollectionStatus;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.PayloadSchemaType;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Common.Filter;
import io.qdrant.client.grpc.Common.PointId;
import io.qdrant.client.grpc.Common.Range;
import io.qdrant.client.grpc.JsonWithInt.Value;
import io.qdrant.client.grpc.Points.DeletePoints;
import io.qdrant.client.grpc.Points.Document;
import io.qdrant.client.grpc.Points.FacetCounts;
import io.qdrant.client.grpc.Points.Fusion;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.PointVectors;
import io.qdrant.client.grpc.Points.PointsUpdateOperation;
import io.qdrant.client.grpc.Points.PrefetchQuery;
import io.qdrant.client.grpc.Points.Query;
import io.qdrant.client.grpc.Points.QueryPointGroups;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.RecommendInput;
import io.qdrant.client.grpc.Points.RetrievedPoint;
import io.qdrant.client.grpc.Points.Sample;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.ScrollPoints;
import io.qdrant.client.grpc.Points.SearchMatrixPoints;
import io.qdrant.client.grpc.Points.SearchPoints;
import io.qdrant.client.grpc.Points.ShardKeySelector;
import io.qdrant.client.grpc.Points.UpdateStatus;
import io.qdrant.client.grpc.Points.UpsertPoints;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole flow of Qdrant's Java client, unchanged, over gRPC. Its imports make the file longer
 * than others.
 */
class QdrantJavaClientTest {
  private static final String NAME = "things";
  private static final int POINTS = 100;
  @TempDir private Path data;
  private TestServer server;
  private QdrantClient client;

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed after each test
  void start() throws Exception {
    server = TestServer.start(data);
    client = connect(server, null);
    client
        .createCollectionAsync(
            NAME, VectorParams.newBuilder().setSize(2).setDistance(Distance.Euclid).build())
        .get();
    client.upsertAsync(NAME, IntStream.range(0, POINTS).mapToObj(i -> point(i)).toList()).get();
  }

  private static QdrantClient connect(TestServer server, @Nullable String token) {
    QdrantGrpcClient.Builder builder =
        QdrantGrpcClient.newBuilder("127.0.0.1", server.server().grpcPort(), false);
    if (token != null) {
      builder.withApiKey(token);
    }
    return new QdrantClient(builder.build());
  }

  private static PointStruct point(int i) {
    return PointStruct.newBuilder()
        .setId(id(i))
        .setVectors(vectors(i, 0))
        .putAllPayload(
            Map.of(
                "n",
                value(i),
                "word",
                value("w" + i % 5),
                "text",
                value("The Quick " + i),
                "list",
                list(List.of(value(true), value(0.5), nullValue()))))
        .build();
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private static List<Long> numbers(List<ScoredPoint> points) {
    return points.stream().map(point -> point.getId().getNum()).toList();
  }

  private List<Long> query(QueryPoints.Builder query) throws Exception {
    return numbers(client.queryAsync(query.setCollectionName(NAME).build()).get());
  }

  private static void fails(Status.Code code, String message, ListenableFuture<?> answer) {
    assertThatThrownBy(answer::get)
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(code);
              assertThat(e.getStatus().getDescription()).contains(message);
            });
  }

  @Test
  void collectionsAreMadeDescribedAndNamed() throws Exception {
    assertThat(client.healthCheckAsync().get().getVersion()).startsWith("1.");
    assertThat(client.listCollectionsAsync().get()).containsExactly(NAME);
    assertThat(client.collectionExistsAsync(NAME).get()).isTrue();
    assertThat(client.collectionExistsAsync("none").get()).isFalse();
    CollectionInfo info = client.getCollectionInfoAsync(NAME).get();
    assertThat(info.getStatus()).isEqualTo(CollectionStatus.Green);
    assertThat(info.getPointsCount()).isEqualTo(POINTS);
    VectorParams vectors = info.getConfig().getParams().getVectorsConfig().getParams();
    assertThat(vectors.getSize()).isEqualTo(2);
    assertThat(vectors.getDistance()).isEqualTo(Distance.Euclid);
    client.createAliasAsync("other", NAME).get();
    assertThat(client.countAsync("other").get()).isEqualTo(POINTS);
    assertThat(client.listCollectionAliasesAsync(NAME).get()).containsExactly("other");
    client.renameAliasAsync("other", "third").get();
    client.deleteAliasAsync("third").get();
    assertThat(client.listAliasesAsync().get()).isEmpty();
    fails(
        Status.Code.ALREADY_EXISTS,
        NAME,
        client.createCollectionAsync(
            NAME, VectorParams.newBuilder().setSize(2).setDistance(Distance.Dot).build()));
    fails(Status.Code.NOT_FOUND, "none", client.getCollectionInfoAsync("none"));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "Manhattan",
        client.createCollectionAsync(
            "m", VectorParams.newBuilder().setSize(2).setDistance(Distance.Manhattan).build()));
    fails(Status.Code.UNIMPLEMENTED, "not supported", client.listSnapshotAsync(NAME));
    client.deleteCollectionAsync(NAME).get();
    assertThat(client.listCollectionsAsync().get()).isEmpty();
  }

  @Test
  void pointsAreKeptAsTheyAreSent() throws Exception {
    UUID uuid = UUID.randomUUID();
    client
        .createCollectionAsync(
            "mixed", VectorParams.newBuilder().setSize(2).setDistance(Distance.Cosine).build())
        .get();
    Map<String, Value> payload = point(3).getPayloadMap();
    PointStruct named =
        PointStruct.newBuilder()
            .setId(id(uuid))
            .setVectors(vectors(3, 4))
            .putAllPayload(payload)
            .build();
    assertThat(client.upsertAsync("mixed", List.of(named)).get().getStatus())
        .isEqualTo(UpdateStatus.Completed);
    List<RetrievedPoint> found = client.retrieveAsync("mixed", id(uuid), true, true, null).get();
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().getPayloadMap()).isEqualTo(payload);
    assertThat(found.getFirst().getId()).isEqualTo(id(uuid));
    assertThat(found.getFirst().getVectors().getVector().getDense().getDataList())
        .containsExactly(0.6f, 0.8f);
    // Numbers beyond what a signed long holds.
    PointId large = id(-7L);
    client
        .upsertAsync(
            NAME, List.of(PointStruct.newBuilder().setId(large).setVectors(vectors(-5, 0)).build()))
        .get();
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(-5, 0)).setLimit(1)))
        .containsExactly(-7L);
    assertThat(client.retrieveAsync(NAME, List.of(large), null).get()).hasSize(1);
    fails(
        Status.Code.INVALID_ARGUMENT,
        "dimension mismatch",
        client.upsertAsync(
            NAME, List.of(PointStruct.newBuilder().setId(id(1)).setVectors(vectors(1)).build())));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "shard",
        client.upsertAsync(
            UpsertPoints.newBuilder()
                .setCollectionName(NAME)
                .setShardKeySelector(ShardKeySelector.getDefaultInstance())
                .build()));
  }

  @Test
  void pointsAreFoundByEveryQuery() throws Exception {
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(7.2f, 0)).setLimit(3)))
        .containsExactly(7L, 8L, 6L);
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(id(5))).setLimit(2)))
        .containsExactlyInAnyOrder(4L, 6L);
    List<ScoredPoint> found =
        client
            .searchAsync(
                SearchPoints.newBuilder()
                    .setCollectionName(NAME)
                    .addAllVector(List.of(10f, 0f))
                    .setLimit(2)
                    .setOffset(1)
                    .setFilter(
                        Filter.newBuilder()
                            .addMust(matchKeyword("word", "w0"))
                            .addMustNot(match("n", 10)))
                    .setWithPayload(enable(true))
                    .setWithVectors(WithVectorsSelectorFactory.enable(true))
                    .build())
            .get();
    assertThat(numbers(found)).hasSize(2).allMatch(n -> n % 5 == 0 && n != 10);
    assertThat(found.getFirst().getPayloadMap().get("word")).isEqualTo(value("w0"));
    assertThat(found.getFirst().getVectors().getVector().getDense().getDataCount()).isEqualTo(2);
    assertThat(found.get(1).getScore()).isGreaterThanOrEqualTo(found.get(0).getScore());
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .addPrefetch(PrefetchQuery.newBuilder().setQuery(nearest(3, 0)).setLimit(5))
                    .addPrefetch(PrefetchQuery.newBuilder().setQuery(nearest(4, 0)).setLimit(5))
                    .setQuery(fusion(Fusion.RRF))
                    .setLimit(2)))
        .containsExactlyInAnyOrder(3L, 4L);
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .setQuery(
                        recommend(
                            RecommendInput.newBuilder()
                                .addPositive(vectorInput(20, 0))
                                .addNegative(vectorInput(10, 0))
                                .build()))
                    .setLimit(1)))
        .containsExactly(30L);
    assertThat(query(QueryPoints.newBuilder().setQuery(sample(Sample.Random)).setLimit(8)))
        .hasSize(8)
        .doesNotHaveDuplicates();
    client
        .createPayloadIndexAsync(NAME, "n", PayloadSchemaType.Integer, null, null, null, null)
        .get();
    assertThat(query(QueryPoints.newBuilder().setQuery(orderBy("n")).setLimit(3)))
        .containsExactly(0L, 1L, 2L);
    assertThat(
            client
                .queryGroupsAsync(
                    QueryPointGroups.newBuilder()
                        .setCollectionName(NAME)
                        .setQuery(nearest(0, 0))
                        .setGroupBy("word")
                        .setGroupSize(2)
                        .setLimit(3)
                        .build())
                .get())
        .hasSize(3)
        .allSatisfy(group -> assertThat(group.getHitsList()).hasSize(2));
    assertThat(
            client
                .queryBatchAsync(
                    NAME,
                    List.of(
                        QueryPoints.newBuilder()
                            .setCollectionName(NAME)
                            .setQuery(nearest(1, 0))
                            .setLimit(1)
                            .build(),
                        QueryPoints.newBuilder()
                            .setCollectionName(NAME)
                            .setQuery(nearest(2, 0))
                            .setLimit(1)
                            .build()))
                .get())
        .extracting(batch -> numbers(batch.getResultList()))
        .containsExactly(List.of(1L), List.of(2L));
    assertThat(
            client
                .searchMatrixPairsAsync(
                    SearchMatrixPoints.newBuilder()
                        .setCollectionName(NAME)
                        .setSample(10)
                        .setLimit(2)
                        .build())
                .get()
                .getPairsCount())
        .isEqualTo(20);
    fails(
        Status.Code.NOT_FOUND,
        "point 1000",
        client.queryAsync(
            QueryPoints.newBuilder().setCollectionName(NAME).setQuery(nearest(id(1000))).build()));
  }

  @Test
  void filtersScrollsCountsAndFacets() throws Exception {
    assertThat(count(Filter.newBuilder().addMust(matchKeywords("word", List.of("w1", "w2")))))
        .isEqualTo(40);
    assertThat(
            count(Filter.newBuilder().addMust(range("n", Range.newBuilder().setGte(90).build()))))
        .isEqualTo(10);
    assertThat(count(Filter.newBuilder().addMust(hasId(List.of(id(1), id(2), id(1000))))))
        .isEqualTo(2);
    assertThat(count(Filter.newBuilder().addMust(isEmpty("none")))).isEqualTo(POINTS);
    assertThat(count(Filter.newBuilder().addMust(matchText("text", "Quick 7")))).isEqualTo(11);
    client
        .createPayloadIndexAsync(NAME, "text", PayloadSchemaType.Text, null, null, null, null)
        .get();
    client
        .createPayloadIndexAsync(NAME, "word", PayloadSchemaType.Keyword, null, null, null, null)
        .get();
    assertThat(count(Filter.newBuilder().addMust(matchText("text", "7 quick")))).isEqualTo(1);
    List<Long> scrolled = new ArrayList<>();
    ScrollPoints.Builder scroll = ScrollPoints.newBuilder().setCollectionName(NAME).setLimit(33);
    while (true) {
      var page = client.scrollAsync(scroll.build()).get();
      page.getResultList().forEach(point -> scrolled.add(point.getId().getNum()));
      if (!page.hasNextPageOffset()) {
        break;
      }
      scroll.setOffset(page.getNextPageOffset());
    }
    assertThat(scrolled).hasSize(POINTS).doesNotHaveDuplicates().isSorted();
    assertThat(
            client
                .facetAsync(
                    FacetCounts.newBuilder().setCollectionName(NAME).setKey("word").build(), null)
                .get())
        .hasSize(5)
        .allSatisfy(hit -> assertThat(hit.getCount()).isEqualTo(20));
    client.deletePayloadIndexAsync(NAME, "word", null, null, null).get();
    assertThat(client.getCollectionInfoAsync(NAME).get().getPayloadSchemaMap())
        .containsOnlyKeys("text");
  }

  private long count(Filter.Builder filter) throws Exception {
    return client.countAsync(NAME, filter.build(), true).get();
  }

  @Test
  void wordsAndVectorsAreFused() throws Exception {
    client
        .createPayloadIndexAsync(NAME, "text", PayloadSchemaType.Text, null, null, null, null)
        .get();
    Query words = nearest(Document.newBuilder().setText("quick 7").setModel("qdrant/bm25").build());
    List<Long> ranked =
        query(QueryPoints.newBuilder().setQuery(words).setUsing("bm25").setLimit(POINTS));
    assertThat(ranked).hasSize(POINTS); // all are quick
    List<Long> first = ranked.subList(0, 10);
    assertThat(
            query(
                QueryPoints.newBuilder()
                    .addPrefetch(
                        PrefetchQuery.newBuilder().setQuery(words).setUsing("bm25").setLimit(10))
                    .addPrefetch(PrefetchQuery.newBuilder().setQuery(nearest(7.2f, 0)).setLimit(2))
                    .setQuery(fusion(Fusion.RRF))
                    .setLimit(20)))
        .containsAll(first)
        .contains(7L, 8L);
    assertThatThrownBy(
            () -> query(QueryPoints.newBuilder().setQuery(nearest(1f, 2f)).setUsing("bm25")))
        .hasMessageContaining("takes words");
  }

  @Test
  void pointsAreChanged() throws Exception {
    client.setPayloadAsync(NAME, Map.of("m", value(7)), id(1), null, null, null).get();
    assertThat(payload(1)).containsKeys("m", "n");
    client.overwritePayloadAsync(NAME, Map.of("m", value(8)), id(1), null, null, null).get();
    assertThat(payload(1)).isEqualTo(Map.of("m", value(8)));
    client.deletePayloadAsync(NAME, List.of("n", "list"), id(2), null, null, null).get();
    assertThat(payload(2)).containsOnlyKeys("word", "text");
    client.clearPayloadAsync(NAME, id(3), true, null, null).get();
    assertThat(payload(3)).isEmpty();
    client
        .updateVectorsAsync(
            NAME,
            List.of(PointVectors.newBuilder().setId(id(4)).setVectors(vectors(500, 0)).build()))
        .get();
    assertThat(query(QueryPoints.newBuilder().setQuery(nearest(499, 0)).setLimit(1)))
        .containsExactly(4L);
    assertThat(payload(4)).containsKey("n");
    client.deleteAsync(NAME, List.of(id(5), id(6))).get();
    client.deleteAsync(NAME, Filter.newBuilder().addMust(match("n", 7)).build()).get();
    assertThat(client.countAsync(NAME).get()).isEqualTo(POINTS - 3);
    fails(
        Status.Code.INVALID_ARGUMENT,
        "ids of points",
        client.deleteAsync(DeletePoints.newBuilder().setCollectionName(NAME).build()));
    PointsUpdateOperation upsert =
        PointsUpdateOperation.newBuilder()
            .setUpsert(PointsUpdateOperation.PointStructList.newBuilder().addPoints(point(700)))
            .build();
    PointsUpdateOperation clear =
        PointsUpdateOperation.newBuilder()
            .setClearPayload(
                PointsUpdateOperation.ClearPayload.newBuilder()
                    .setPoints(
                        io.qdrant.client.grpc.Points.PointsSelector.newBuilder()
                            .setPoints(
                                io.qdrant.client.grpc.Points.PointsIdsList.newBuilder()
                                    .addIds(id(700)))))
            .build();
    assertThat(client.batchUpdateAsync(NAME, List.of(upsert, clear), null, null, null).get())
        .hasSize(2);
    assertThat(payload(700)).isEmpty();
  }

  private Map<String, Value> payload(int number) throws Exception {
    return client.retrieveAsync(NAME, List.of(id(number)), null).get().getFirst().getPayloadMap();
  }

  @Test
  void tokensAndDeadlinesHold() throws Exception {
    Path tokens = data.resolve("tokens.json");
    String token =
        dev.arbalest.server.access.AccessControl.create(
            tokens, "reader", List.of("read"), List.of("*"));
    try (TestServer closed =
            TestServer.start(data.resolve("closed"), options -> options.tokens(tokens));
        QdrantClient stranger = connect(closed, null);
        QdrantClient reader = connect(closed, token)) {
      fails(Status.Code.UNAUTHENTICATED, "token", stranger.listCollectionsAsync());
      assertThat(reader.listCollectionsAsync().get()).isEmpty();
      fails(
          Status.Code.PERMISSION_DENIED,
          "write",
          reader.createCollectionAsync(
              "a", VectorParams.newBuilder().setSize(2).setDistance(Distance.Dot).build()));
    }
    fails(Status.Code.DEADLINE_EXCEEDED, "", client.listCollectionsAsync(Duration.ofNanos(1)));
    TestServer.Answer metrics = server.call("GET", "/metrics", "");
    assertThat(metrics.body().asString("")).contains("protocol=\"grpc\"");
  }
}
