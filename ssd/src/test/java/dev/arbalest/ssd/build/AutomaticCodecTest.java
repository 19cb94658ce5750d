// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.BuildOptions;
import org.junit.jupiter.api.Test;

class AutomaticCodecTest {
  @Test
  void theCodecDependsOnTheMemory() {
    // 264 MiB of base and staging, 11.5 of graph and tables, 0.9 of codes of one bit, 1.5 or 1.7 of
    // codes of two and 5.0 of those that stand for the vectors.
    long[] budgets = {285 << 20, 277 << 20, 8L << 30};
    String[] codecs = {"saq:2", "rabitq:1", "saq:2"};
    for (int i = 0; i < budgets.length; i++) {
      BuildOptions options = BuildOptions.builder().threads(2).memoryBytes(budgets[i]).build();
      assertThat(AutomaticCodec.resolve(options, 20_000, 256).codec().toString())
          .isEqualTo(codecs[i]);
    }
  }

  @Test
  void aCodecThatIsGivenStays() {
    BuildOptions options = BuildOptions.builder().codec("sq8").build();
    assertThat(AutomaticCodec.resolve(options, 100, 64).codec().toString()).isEqualTo("sq8");
    assertThat(AutomaticCodec.resolveEmpty(options).codec().toString()).isEqualTo("sq8");
  }

  @Test
  void anIndexThatStartsEmptyGetsOneThatFewVectorsTrain() {
    assertThat(AutomaticCodec.resolveEmpty(BuildOptions.defaults()).codec().toString())
        .isEqualTo("rabitq:4");
  }
}
