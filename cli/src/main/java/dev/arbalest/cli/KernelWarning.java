// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BuildOptions;
import dev.arbalest.natives.kernels.KernelCheck;
import dev.arbalest.natives.kernels.KernelCheck.Kernel;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.Metric;
import java.io.PrintWriter;
import java.util.EnumSet;
import java.util.Set;

/** Says on standard error which of the kernels a command uses run no faster than plain loops. */
final class KernelWarning {
  private static final long NANOS_PER_KERNEL = 500_000_000L;

  private KernelWarning() {}

  /** The kernels that score codes and vectors of an index. */
  static Set<Kernel> of(CodecSpec codec, Metric metric) {
    Set<Kernel> kernels =
        switch (codec.family()) {
          case SAQ -> EnumSet.of(Kernel.PACKED_PLANES, ofBits(codec.parameter() - 1));
          case RABITQ -> EnumSet.of(ofBits(codec.parameter()));
          case PQ -> EnumSet.of(Kernel.TABLE);
          case PQ4 -> EnumSet.of(Kernel.FAST_SCAN);
          case SQ8 -> EnumSet.of(Kernel.BYTE);
          case F16 -> EnumSet.of(Kernel.F16);
        };
    kernels.add(metric == Metric.L2 ? Kernel.F32_SQUARED_L2 : Kernel.F32_DOT);
    return kernels;
  }

  private static Kernel ofBits(int bits) {
    return bits == 1 ? Kernel.ONE_BIT : Kernel.SEVERAL_BITS;
  }

  /** Checks the kernels; takes up to half a second for each that is slow. */
  static void print(Set<Kernel> kernels, int dimension, PrintWriter err) {
    for (KernelCheck.Finding finding : KernelCheck.run(kernels, dimension, NANOS_PER_KERNEL)) {
      if (finding.slow()) {
        err.println(
            "warning: a kernel runs no faster than a plain loop ("
                + finding
                + "); the JVM may lack"
                + " vector instructions here, or a flag keeps it from using them");
        err.flush();
      }
    }
  }

  /** Checks the kernels a build uses while it runs; the build does not wait for it. */
  static void printBeside(BuildOptions options, int dimension, PrintWriter err) {
    // Which codec "auto" is depends on the memory; the finest uses the kernels of the others, too.
    String codec = options.codec().equals(BuildOptions.AUTO_CODEC) ? "saq:2" : options.codec();
    Set<Kernel> kernels = of(CodecSpec.parse(codec), Metric.L2);
    kernels.add(Kernel.F32_MATRIX);
    Thread.ofPlatform().daemon().name("kernel check").start(() -> print(kernels, dimension, err));
  }
}
