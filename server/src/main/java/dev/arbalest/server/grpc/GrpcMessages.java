// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.protobuf.Message;
import dev.arbalest.IdType;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.PointId;
import io.qdrant.client.grpc.Common;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What many messages have in common: ids, ranges of numbers, fields that are not known. */
final class GrpcMessages {
  private GrpcMessages() {}

  /** Refuses fields of newer clients: whoever sent one expects it to make a difference. */
  static void requireKnown(Message message) {
    if (!message.getUnknownFields().asMap().isEmpty()) {
      throw CollectionException.invalid(
          message.getDescriptorForType().getName()
              + " has fields with the unknown numbers "
              + message.getUnknownFields().asMap().keySet());
    }
  }

  /** Refuses to choose shards, as there is one. */
  static void refuseShards(boolean hasSelector) {
    if (hasSelector) {
      throw CollectionException.invalid(
          "\"shard_key_selector\" is not supported: a collection has one shard");
    }
  }

  /** A number without a sign, in a range. */
  static int integer(String name, long value, int least, int most) {
    if (value < least || value > most) {
      throw CollectionException.invalid(
          name
              + " must be in ["
              + least
              + ", "
              + most
              + "], found "
              + Long.toUnsignedString(value));
    }
    return (int) value;
  }

  static PointId id(Common.PointId id) {
    return switch (id.getPointIdOptionsCase()) {
      case NUM -> PointId.of(id.getNum());
      case UUID -> JsonPointIds.of(id.getUuid());
      case POINTIDOPTIONS_NOT_SET -> throw CollectionException.invalid("an id is missing");
    };
  }

  static List<PointId> ids(List<Common.PointId> ids) {
    List<PointId> all = new ArrayList<>();
    ids.forEach(id -> all.add(id(id)));
    return all;
  }

  /** An id of a collection whose ids are of a type. */
  static Common.PointId message(PointId id, @Nullable IdType type) {
    Long number = JsonPointIds.number(id, type);
    return number == null
        ? Common.PointId.newBuilder().setUuid(id.toString()).build()
        : Common.PointId.newBuilder().setNum(number).build();
  }
}
