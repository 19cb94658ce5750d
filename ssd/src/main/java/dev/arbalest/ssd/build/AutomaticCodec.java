// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BuildOptions;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.Graph;
import java.util.List;

/** Chooses the codec of an index whose options leave that to the build. */
public final class AutomaticCodec {
  private static final List<CodecSpec> AUTOMATIC =
      List.of(CodecSpec.parse("saq:2"), CodecSpec.parse("rabitq:2"), CodecSpec.rabitq1());

  /** Of an index that starts empty: what few vectors can train. */
  private static final CodecSpec AUTOMATIC_WHEN_EMPTY = CodecSpec.parse("rabitq:4");

  /** Resolves the options of a build. */
  public static BuildSpec resolve(BuildOptions options, int count, int dimension) {
    return isAutomatic(options)
        ? choose(BuildSpec.of(options, CodecSpec.rabitq1()), count, dimension)
        : BuildSpec.of(options, CodecSpec.parse(options.codec()));
  }

  /** Resolves the options of an index that starts empty. */
  static BuildSpec resolveEmpty(BuildOptions options) {
    return BuildSpec.of(
        options, isAutomatic(options) ? AUTOMATIC_WHEN_EMPTY : CodecSpec.parse(options.codec()));
  }

  private static boolean isAutomatic(BuildOptions options) {
    return options.codec().equals(BuildOptions.AUTO_CODEC);
  }

  private AutomaticCodec() {}

  /**
   * The finest of {@code saq:2}, {@code rabitq:2} and {@code rabitq:1} whose codes fit the memory
   * budget beside graph, ids and checksums while serving, and beside what stands for the vectors
   * while building; {@code rabitq:1} if none does. {@code saq:2} ranks as well as {@code rabitq:4}
   * in half the bytes, and finer ones save no more than one read of fourteen.
   */
  private static BuildSpec choose(BuildSpec spec, int count, int dimension) {
    int coded =
        spec.prefixDimension() == 0 ? dimension : Math.min(dimension, spec.prefixDimension());
    long rest = Graph.byteSize(count, spec.graph().degree()) + 12L * count + BuildPlan.BASE_BYTES;
    long narrow = (long) count * BuildPlan.NARROW.codeBytesAtMost(coded);
    // Vectors read through the page cache while building cost far more than coarser codes.
    for (long besides : new long[] {narrow, 0}) {
      for (CodecSpec codec : AUTOMATIC) {
        if (!codec.fits(coded)) {
          continue;
        }
        BuildSpec candidate = spec.withCodec(codec);
        long building = BuildPlan.required(count, coded, candidate).plannedBytes() + besides;
        long serving = rest + (long) count * codec.codeBytesAtMost(coded);
        if (building <= spec.memoryBytes() && serving <= spec.memoryBytes()) {
          return candidate;
        }
      }
    }
    return spec.withCodec(CodecSpec.rabitq1());
  }
}
