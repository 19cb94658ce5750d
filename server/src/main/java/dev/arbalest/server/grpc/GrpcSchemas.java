// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
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
import io.qdrant.client.grpc.Collections.OptimizerStatus;
import io.qdrant.client.grpc.Collections.OptimizersConfigDiff;
import io.qdrant.client.grpc.Collections.PayloadIndexParams;
import io.qdrant.client.grpc.Collections.PayloadSchemaInfo;
import io.qdrant.client.grpc.Collections.PayloadSchemaType;
import io.qdrant.client.grpc.Collections.ShardingMethod;
import io.qdrant.client.grpc.Collections.StrictModeConfig;
import io.qdrant.client.grpc.Collections.TextIndexParams;
import io.qdrant.client.grpc.Collections.TokenizerType;
import io.qdrant.client.grpc.Collections.UpdateCollection;
import io.qdrant.client.grpc.Collections.VectorParams;
import io.qdrant.client.grpc.Collections.VectorsConfig;
import io.qdrant.client.grpc.Collections.WalConfigDiff;
import io.qdrant.client.grpc.Points.CreateFieldIndexCollection;
import java.util.Locale;
import java.util.Map;
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
    requireSimple(
        request.getSparseVectorsConfig().getMapCount(),
        request.getMetadataCount(),
        request.getStrictModeConfig());
    VectorParams vectors = vectors(request.getVectorsConfig());
    GrpcMessages.requireKnown(vectors);
    if (vectors.hasMultivectorConfig()) {
      throw CollectionException.invalid(
          "\"multivector_config\" is not supported: a point has one vector");
    }
    if (vectors.getDatatype() != Datatype.Default && vectors.getDatatype() != Datatype.Float32) {
      throw CollectionException.invalid(
          "datatype is Float32, found "
              + vectors.getDatatype()
              + ": vectors are kept as they are sent");
    }
    Metric metric =
        switch (vectors.getDistance()) {
          case Cosine -> Metric.COSINE;
          case Euclid -> Metric.L2;
          case Dot -> Metric.DOT;
          case Manhattan, UnknownDistance, UNRECOGNIZED ->
              throw CollectionException.invalid(
                  "distance must be Cosine, Dot or Euclid, found " + vectors.getDistance());
        };
    return new CollectionSettings(
        GrpcMessages.integer("size", vectors.getSize(), 0, Integer.MAX_VALUE), metric, null, null);
  }

  private static VectorParams vectors(VectorsConfig config) {
    return switch (config.getConfigCase()) {
      case PARAMS -> config.getParams();
      case PARAMS_MAP -> {
        Map<String, VectorParams> named = config.getParamsMap().getMapMap();
        if (named.size() != 1 || !named.containsKey("")) {
          throw CollectionException.invalid(
              "named vectors are not supported: make a collection for each of " + named.keySet());
        }
        yield named.values().iterator().next();
      }
      case CONFIG_NOT_SET -> throw CollectionException.invalid("a collection needs vectors_config");
    };
  }

  /** Refuses what would make a difference that is not kept to. */
  private static void requireSimple(int sparse, int metadata, StrictModeConfig strict) {
    if (sparse > 0) {
      throw CollectionException.invalid(
          "\"sparse_vectors_config\" is not supported: a collection has one dense vector per point");
    }
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
  static void requireHarmless(UpdateCollection request) {
    requireSimple(
        request.getSparseVectorsConfig().getMapCount(),
        request.getMetadataCount(),
        request.getStrictModeConfig());
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
      schema.putObject("stemmer").put("type", "snowball");
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
    if (vectors.isObject()) {
      parameters.setVectorsConfig(
          VectorsConfig.newBuilder()
              .setParams(
                  VectorParams.newBuilder()
                      .setSize(vectors.path("size").asInt(0))
                      .setDistance(Distance.valueOf(vectors.path("distance").asString("")))));
    }
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
