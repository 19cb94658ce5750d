// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.testing.ForSeeds;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The parser of vectors against the JDK's of floats, bit by bit. */
class FloatArraysTest {
  private static List<Float> parse(String json) {
    List<Float> values = new ArrayList<>();
    int count =
        FloatArrays.parse(
            json.getBytes(StandardCharsets.UTF_8),
            0,
            (index, value) -> {
              assertThat(index).isEqualTo(values.size());
              values.add(value);
            });
    assertThat(count).isEqualTo(values.size());
    return values;
  }

  private static String digits(SplittableRandom random, int most) {
    StringBuilder text = new StringBuilder();
    for (int i = 1 + random.nextInt(most); i > 0; i--) {
      text.append((char) ('0' + random.nextInt(10)));
    }
    return text.toString();
  }

  private static String token(SplittableRandom random) {
    return switch (random.nextInt(5)) {
      case 0 -> Float.toString(Float.intBitsToFloat(random.nextInt() & 0xff7fffff));
      case 1 -> {
        // Between two floats, or next to it: where rounding twice would go wrong.
        float value = Float.intBitsToFloat(random.nextInt(0x7f000000));
        java.math.BigDecimal middle =
            new java.math.BigDecimal(value)
                .add(new java.math.BigDecimal(Math.nextUp(value)))
                .divide(java.math.BigDecimal.TWO);
        java.math.BigDecimal step =
            middle.ulp().multiply(java.math.BigDecimal.valueOf(random.nextInt(3) - 1));
        yield middle.add(step).toString();
      }
      case 2 -> Double.toString(random.nextDouble() * Math.pow(10, random.nextInt(90) - 50));
      default -> {
        String whole = "" + Long.parseLong(digits(random, 12));
        String fraction = random.nextBoolean() ? "." + digits(random, 20) : "";
        String exponent = random.nextInt(3) == 0 ? "e" + (random.nextInt(100) - 50) : "";
        yield (random.nextBoolean() ? "-" : "") + whole + fraction + exponent;
      }
    };
  }

  @ForSeeds(4)
  void numbersAreThoseOfTheJdk(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 300; round++) {
      List<String> tokens = new ArrayList<>();
      for (int i = random.nextInt(50); i > 0; i--) {
        tokens.add(token(random));
      }
      String space = " \n\t".substring(0, random.nextInt(4));
      List<Float> values = parse("[" + space + String.join("," + space, tokens) + space + "]");
      assertThat(values).hasSameSizeAs(tokens);
      for (int i = 0; i < values.size(); i++) {
        assertThat(Float.floatToRawIntBits(values.get(i)))
            .as(tokens.get(i))
            .isEqualTo(Float.floatToRawIntBits(Float.parseFloat(tokens.get(i))));
      }
    }
  }

  @Test
  void whatIsNoArrayOfNumbersIsRefused() {
    for (String bad :
        List.of(
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[\"a\"]",
            "[null]",
            "[NaN]",
            "[1e]",
            "[--1]",
            "[1.2.3]",
            "[[1]]",
            "[0x1]",
            "[1f]",
            "[+]",
            "[Infinity]")) {
      assertThatThrownBy(() -> parse(bad))
          .as(bad)
          .isInstanceOfSatisfying(
              CollectionException.class,
              e -> assertThat(e.kind()).isEqualTo(CollectionException.Kind.INVALID));
    }
    assertThat(parse("[]")).isEmpty();
    assertThat(parse("[ ]")).isEmpty();
  }
}
