// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.IdType;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Numbers of 64 bits, with and without a sign, and texts that look like them. */
class PointIdTest {
  private static PointId sent(String json) {
    return PointId.of(JsonBody.JSON.readTree(json));
  }

  @Test
  void everyNumberOf64BitsIsOne() {
    for (long number :
        List.of(0L, 1L, -1L, Long.MAX_VALUE, Long.MIN_VALUE, -8_446_744_073_709_551_616L)) {
      String unsigned = Long.toUnsignedString(number);
      for (String text : List.of(Long.toString(number), unsigned)) {
        assertThat(sent(text).as(IdType.INT64)).isEqualTo(PointId.of(number));
        assertThat(PointId.of(text).as(IdType.INT64)).isEqualTo(PointId.of(number));
      }
    }
    for (String text : List.of("18446744073709551616", "-9223372036854775809", "01", "1.0", "")) {
      assertThat(PointId.of(text).asNumber()).as(text).isNull();
    }
  }
}
