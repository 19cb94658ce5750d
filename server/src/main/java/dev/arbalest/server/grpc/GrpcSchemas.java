// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.server.qdrant.QdrantCollections;
import dev.arbalest.vector.Metric;
import io.qdrant.client.grpc.Collections.CollectionConfig;
import io.qdrant.client.grpc.Collections.CollectionInfo;
import io.qdrant.client.grpc.Collections.CollectionParams;
import io.qdrant.client.grpc.Collections.CollectionStatus;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.Datatype;
import io.qdrant.client.grpc.Collections.Distance;
import io.qdrant.client.grpc.Collections.HnswConfigDiff;
import io.qdrant.client.grpc.Collections.Modifier;
import io.qdrant.client.grpc.Collections.MultiVectorComparator;
import io.qdrant.client.grpc.Collections.MultiVectorConfig;
import io.qdrant.client.grpc.Collections.OptimizerStatus;
import io.qdrant.client.grpc.Collections.OptimizersConfigDiff;
import io.qdrant.client.grpc.Collections.PayloadIndexParams;
import io.qdrant.client.grpc.Collections.PayloadSchemaInfo;
import io.qdrant.client.grpc.Collections.PayloadSchemaType;
import io.qdrant.client.grpc.Collections.ShardingMethod;
import io.qdrant.client.grpc.Collections.SparseVectorParams;
import io.qdrant.client.grpc.Collections.StrictModeConfig;
import io.qdrant.client.grpc.Collections.TextIndexParams;
import io.qdrant.client.grpc.Collections.TokenizerType;
import io.qdrant.client.grpc.Collections.UpdateCollection;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorParamsMap;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Collections.WalConfigDiff;
import io.qdrant.client.grpc.Points.CreateFieldIndexCollection;
import io.qdrant.client.grpc.Points.CreateVectorNameRequest;
import io.qdrant.client.grpc.Points.DenseVectorCreationConfig;
import io.qdrant.client.grpc.Points.SparseVectorCreationConfig;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Settings and descriptions of collections as Qdrant's messages. Stateless. */
final class GrpcSchemas {
  private GrpcSchemas() {}

  /** The settings that a request to make a collection asks for. */
  static CollectionSettings settings(CreateCollection request) {
    if (request.getShardingMethod() == ShardingMethod.Custom) {
      throw CollectionException.invalid("sharding_method is Auto: a collection has one shard");
    }
    requireSimple(request.getMetadataCount(), request.getStrictModeConfig());
    List<VectorSpec> specs = new ArrayList<>();
    VectorsConfig config = request.getVectorsConfig();
    switch (config.getConfigCase()) {
      case PARAMS -> specs.add(dense("", config.getParams()));
      case PARAMS_MAP ->
          config
              .getParamsMap()
              .getMapMap()
              .forEach((name, params) -> specs.add(dense(name, params)));
      case CONFIG_NOT_SET -> {
        // sparse vectors may be all there are
      }
    }
    request
        .getSparseVectorsConfig()
        .getMapMap()
        .forEach((name, params) -> {
          GrpcMessages.requireKnown(params);
          requireFloats(params.getIndex().getDatatype());
          specs.add(VectorSpec.sparse(name, idf(params.getModifier())));
        });
    if (specs.isEmpty()) {
      throw CollectionException.invalid(
          "a collection needs vectors_config or sparse_vectors_config");
    }
    return CollectionSettings.of(specs);
  }

  private static VectorSpec dense(String name, VectorParams params) {
    GrpcMessages.requireKnown(params);
    requireFloats(params.getDatatype());
    return dense(name, params.getSize(), params.getDistance(), params.hasMultivectorConfig());
  }

  private static VectorSpec dense(String name, long size, Distance distance, boolean isMulti) {
    Metric metric =
        switch (distance) {
          case Cosine -> Metric.COSINE;
          case Euclid -> Metric.L2;
          case Dot -> Metric.DOT;
          case Manhattan, UnknownDistance, UNRECOGNIZED ->
              throw CollectionException.invalid(
                  "distance must be Cosine, Dot or Euclid, found " + distance);
        };
    int dimension = GrpcMessages.integer("size", size, 0, Integer.MAX_VALUE);
    return isMulti
        ? VectorSpec.multi(name, dimension, metric)
        : VectorSpec.dense(name, dimension, metric);
  }

  private static void requireFloats(Datatype datatype) {
    if (datatype != Datatype.Default && datatype != Datatype.Float32) {
      throw CollectionException.invalid(
          "datatype is Float32, found " + datatype + ": vectors are kept as they are sent");
    }
  }

  private static boolean idf(Modifier modifier) {
    return switch (modifier) {
      case None -> false;
      case Idf -> true;
      case UNRECOGNIZED -> throw CollectionException.invalid("modifier is None or Idf");
    };
  }

  /** A vector that is added to a collection. */
  static VectorSpec added(CreateVectorNameRequest request) {
    GrpcMessages.requireKnown(request);
    return switch (request.getVectorConfigCase()) {
      case DENSE_CONFIG -> {
        DenseVectorCreationConfig dense = request.getDenseConfig();
        GrpcMessages.requireKnown(dense);
        requireFloats(dense.getDatatype());
        yield dense(
            request.getVectorName(),
            dense.getSize(),
            dense.getDistance(),
            dense.hasMultivectorConfig());
      }
      case SPARSE_CONFIG -> {
        SparseVectorCreationConfig sparse = request.getSparseConfig();
        GrpcMessages.requireKnown(sparse);
        requireFloats(sparse.getDatatype());
        yield VectorSpec.sparse(request.getVectorName(), idf(sparse.getModifier()));
      }
      case VECTORCONFIG_NOT_SET ->
          throw CollectionException.invalid("a vector needs dense_config or sparse_config");
    };
  }

  /** Refuses what would make a difference that is not kept to. */
  private static void requireSimple(int metadata, StrictModeConfig strict) {
    if (metadata > 0) {
      throw CollectionException.invalid("\"metadata\" is not supported: a collection keeps none");
    }
    if (strict.getEnabled()) {
      throw CollectionException.invalid(
          "\"strict_mode_config\" is not supported: the limits of the server hold for every "
              + "collection");
    }
  }

  /** Refuses changes that are not kept to; the others make no difference. */
  static void requireHarmless(CollectionSettings settings, UpdateCollection request) {
    requireSimple(request.getMetadataCount(), request.getStrictModeConfig());
    Set<String> names = new HashSet<>(request.getSparseVectorsConfig().getMapMap().keySet());
    names.addAll(request.getVectorsConfig().getParamsMap().getMapMap().keySet());
    for (String name : names) {
      VectorSpec _ = settings.vector(name);
    }
  }

  /** The kind of index that a request asks for. */
  static String kind(CreateFieldIndexCollection request) {
    if (request.hasFieldIndexParams() && request.getFieldIndexParams().hasTextIndexParams()) {
      return text(request.getFieldIndexParams().getTextIndexParams());
    }
    if (!request.hasFieldType()) {
      return kind(request.getFieldIndexParams());
    }
    return switch (request.getFieldType()) {
      case FieldTypeKeyword -> "keyword";
      case FieldTypeInteger -> "integer";
      case FieldTypeFloat -> "float";
      case FieldTypeGeo -> "geo";
      case FieldTypeText -> TextIndex.KIND;
      case FieldTypeBool -> "bool";
      case FieldTypeDatetime -> "datetime";
      case FieldTypeUuid -> "uuid";
      case UNRECOGNIZED ->
          throw CollectionException.invalid(
              "field_type " + request.getFieldTypeValue() + " is unknown");
    };
  }

  private static String kind(PayloadIndexParams params) {
    return switch (params.getIndexParamsCase()) {
      case KEYWORD_INDEX_PARAMS, INDEXPARAMS_NOT_SET -> "keyword";
      case INTEGER_INDEX_PARAMS -> "integer";
      case FLOAT_INDEX_PARAMS -> "float";
      case GEO_INDEX_PARAMS -> "geo";
      case TEXT_INDEX_PARAMS -> text(params.getTextIndexParams());
      case BOOL_INDEX_PARAMS -> "bool";
      case DATETIME_INDEX_PARAMS -> "datetime";
      case UUID_INDEX_PARAMS -> "uuid";
    };
  }

  /** Read as REST has it, so that one place decides. */
  private static String text(TextIndexParams params) {
    GrpcMessages.requireKnown(params);
    ObjectNode schema = JsonBody.JSON.createObjectNode().put("type", TextIndex.KIND);
    TokenizerType tokenizer = params.getTokenizer();
    if (tokenizer != TokenizerType.Unknown) {
      schema.put("tokenizer", tokenizer.name().toLowerCase(Locale.ROOT));
    }
    if (params.hasLowercase()) {
      schema.put("lowercase", params.getLowercase());
    }
    if (params.hasAsciiFolding()) {
      schema.put("ascii_folding", params.getAsciiFolding());
    }
    if (params.hasMinTokenLen()) {
      schema.put("min_token_len", params.getMinTokenLen());
    }
    if (params.hasMaxTokenLen()) {
      schema.put("max_token_len", params.getMaxTokenLen());
    }
    if (params.hasStopwords()) {
      ObjectNode stopwords = schema.putObject("stopwords");
      ArrayNode custom = stopwords.putArray("custom");
      params.getStopwords().getCustomList().forEach(custom::add);
      ArrayNode languages = stopwords.putArray("languages");
      params.getStopwords().getLanguagesList().forEach(languages::add);
    }
    if (params.hasStemmer() && params.getStemmer().hasSnowball()) {
      schema
          .putObject("stemmer")
          .put("type", "snowball")
          .put("language", params.getStemmer().getSnowball().getLanguage());
    }
    return QdrantCollections.kind(schema);
  }

  /** A description of a collection, from that over REST. */
  static CollectionInfo info(JsonNode described) {
    JsonNode config = described.path("config");
    JsonNode params = config.path("params");
    CollectionParams.Builder parameters =
        CollectionParams.newBuilder()
            .setShardNumber(params.path("shard_number").asInt(1))
            .setReplicationFactor(params.path("replication_factor").asInt(1))
            .setWriteConsistencyFactor(params.path("write_consistency_factor").asInt(1));
    JsonNode vectors = params.path("vectors");
    if (vectors.has("size") && !vectors.path("size").isObject()) {
      parameters.setVectorsConfig(VectorsConfig.newBuilder().setParams(dense(vectors)));
    } else if (!vectors.isEmpty()) {
      VectorParamsMap.Builder all = VectorParamsMap.newBuilder();
      vectors.properties().forEach(named -> all.putMap(named.getKey(), dense(named.getValue())));
      parameters.setVectorsConfig(VectorsConfig.newBuilder().setParamsMap(all));
    }
    params
        .path("sparse_vectors")
        .properties()
        .forEach(named -> {
          boolean isIdf = named.getValue().path("modifier").asString("").equals("idf");
          parameters
              .getSparseVectorsConfigBuilder()
              .putMap(
                  named.getKey(),
                  SparseVectorParams.newBuilder()
                      .setModifier(isIdf ? Modifier.Idf : Modifier.None)
                      .build());
        });
    CollectionInfo.Builder info =
        CollectionInfo.newBuilder()
            .setStatus(
                switch (described.path("status").asString("")) {
                  case "green" -> CollectionStatus.Green;
                  case "yellow" -> CollectionStatus.Yellow;
                  default -> CollectionStatus.Red;
                })
            .setOptimizerStatus(optimizer(described.path("optimizer_status")))
            .setSegmentsCount(described.path("segments_count").asInt(1))
            .setPointsCount(described.path("points_count").asLong(0))
            .setIndexedVectorsCount(described.path("indexed_vectors_count").asLong(0))
            .setConfig(
                CollectionConfig.newBuilder()
                    .setParams(parameters)
                    .setHnswConfig(
                        HnswConfigDiff.newBuilder()
                            .setM(config.path("hnsw_config").path("m").asInt(0))
                            .setEfConstruct(
                                config.path("hnsw_config").path("ef_construct").asInt(0))
                            .setFullScanThreshold(
                                config.path("hnsw_config").path("full_scan_threshold").asInt(0)))
                    .setOptimizerConfig(
                        OptimizersConfigDiff.newBuilder()
                            .setDefaultSegmentNumber(1)
                            .setFlushIntervalSec(0))
                    .setWalConfig(
                        WalConfigDiff.newBuilder()
                            .setWalCapacityMb(
                                config.path("wal_config").path("wal_capacity_mb").asInt(0))
                            .setWalSegmentsAhead(0)));
    described
        .path("payload_schema")
        .properties()
        .forEach(field ->
            info.putPayloadSchema(
                field.getKey(),
                PayloadSchemaInfo.newBuilder()
                    .setDataType(schemaType(field.getValue().path("data_type").asString("")))
                    .setPoints(field.getValue().path("points").asLong(0))
                    .build()));
    return info.build();
  }

  private static VectorParams dense(JsonNode described) {
    VectorParams.Builder params =
        VectorParams.newBuilder()
            .setSize(described.path("size").asInt(0))
            .setDistance(Distance.valueOf(described.path("distance").asString("")));
    if (described.has("multivector_config")) {
      params.setMultivectorConfig(
          MultiVectorConfig.newBuilder().setComparator(MultiVectorComparator.MaxSim));
    }
    return params.build();
  }

  private static OptimizerStatus optimizer(JsonNode status) {
    return status.isString()
        ? OptimizerStatus.newBuilder().setOk(true).build()
        : OptimizerStatus.newBuilder()
            .setOk(false)
            .setError(status.path("error").asString(""))
            .build();
  }

  private static PayloadSchemaType schemaType(String kind) {
    return switch (kind) {
      case "keyword" -> PayloadSchemaType.Keyword;
      case "integer" -> PayloadSchemaType.Integer;
      case "float" -> PayloadSchemaType.Float;
      case "geo" -> PayloadSchemaType.Geo;
      case "text" -> PayloadSchemaType.Text;
      case "bool" -> PayloadSchemaType.Bool;
      case "datetime" -> PayloadSchemaType.Datetime;
      case "uuid" -> PayloadSchemaType.Uuid;
      default -> PayloadSchemaType.UnknownType;
    };
  }
}
