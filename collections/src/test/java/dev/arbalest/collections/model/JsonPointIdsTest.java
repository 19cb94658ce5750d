// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.IdType;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ids of Qdrant's clients: every number of 64 bits, and every spelling of a UUID. */
class JsonPointIdsTest {
  private static PointId sent(String json) {
    return JsonPointIds.of(JsonBody.JSON.readTree(json));
  }

  @Test
  void textsComeBackAsTheyWere() {
    for (String text : List.of("5", "-5", "18446744073709551615", "12345678901234567890", "x")) {
      PointId kept = PointId.of(text).as(IdType.UTF8);
      PointId told = JsonPointIds.of(JsonPointIds.node(kept, IdType.UTF8));
      assertThat(told.as(IdType.UTF8)).isEqualTo(kept);
    }
  }

  @Test
  void numbersHaveNoSign() {
    for (String number : List.of("0", "9223372036854775808", "18446744073709551615")) {
      PointId kept = sent(number).as(IdType.INT64);
      assertThat(JsonPointIds.node(kept, IdType.INT64).toString()).isEqualTo(number);
    }
    for (String none : List.of("-1", "18446744073709551616", "1.5", "\"\"", "true", "null")) {
      assertThatThrownBy(() -> sent(none)).as(none).isInstanceOf(CollectionException.class);
    }
  }

  @Test
  void aNegativeTextIsNoNumber() {
    assertThatThrownBy(() -> JsonPointIds.of("-1").as(IdType.INT64))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("-1");
    assertThat(JsonPointIds.of("7").as(IdType.INT64)).isEqualTo(PointId.of(7));
  }

  @Test
  void aUuidHasOneSpelling() {
    String uuid = "550e8400-e29b-41d4-a716-446655440000";
    for (String spelling :
        List.of(
            uuid,
            uuid.toUpperCase(java.util.Locale.ROOT),
            uuid.replace("-", ""),
            "urn:uuid:" + uuid,
            "URN:UUID:" + uuid,
            "{" + uuid + "}")) {
      assertThat(JsonPointIds.of(spelling)).isEqualTo(PointId.of(uuid));
    }
    for (String text : List.of(uuid + "0", "550e8400-e29b41d4-a716-446655440000", "{x}")) {
      assertThat(JsonPointIds.of(text)).isEqualTo(PointId.of(text));
    }
  }
}
