// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class KernelCheckTest {
  @Test
  void everyKernelIsTimedBesideItsDefinition() {
    assertThat(KernelCheck.run(EnumSet.allOf(KernelCheck.Kernel.class), 100, 50_000_000))
        .hasSize(KernelCheck.Kernel.values().length)
        .allSatisfy(finding -> {
          assertThat(finding.nanos()).isPositive().isFinite();
          assertThat(finding.scalarNanos()).isPositive().isFinite();
        });
  }

  @Test
  void aKernelThatIsNotFasterThanThePlainLoopIsNamed() {
    double[] sink = new double[1];
    Runnable slow =
        () -> {
          for (int i = 0; i < 200_000; i++) {
            sink[0] += Math.sqrt(i);
          }
        };
    KernelCheck.Finding finding =
        KernelCheck.check(new KernelCheck.Pair("slow one", slow, i -> i), 1_000_000);
    assertThat(finding.slow()).isTrue();
    assertThat(finding.toString()).contains("slow one", "plain loop");
    assertThat(sink[0]).isPositive();
  }

  @Test
  void aKernelThatIsFasterIsNot() {
    assertThat(new KernelCheck.Finding("f", 10, 100).slow()).isFalse();
    assertThat(new KernelCheck.Finding("f", 130, 100).slow()).isTrue();
    assertThat(new KernelCheck.Finding("f", Double.NaN, 100).slow()).isTrue();
  }
}
