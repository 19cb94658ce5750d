// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BuildOptions;
import dev.arbalest.ElementType;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vector.Metric;

/**
 * {@link BuildOptions} with the codec resolved; see {@link AutomaticCodec}.
 *
 * @param metric distance
 * @param storage component type of the stored vectors
 * @param codec codec of the codes in RAM
 * @param prefixDimension components that codes and graph are made of; 0 for all
 * @param graph degree, list, alpha, passes, seed
 * @param memoryBytes budget for everything the build keeps in memory
 * @param threads workers
 * @param resume whether to continue an unfinished build
 * @param checkpointSeconds least seconds between checkpoints of the graph
 */
public record BuildSpec(
    Metric metric,
    ElementType storage,
    CodecSpec codec,
    int prefixDimension,
    BuildParameters graph,
    long memoryBytes,
    int threads,
    boolean resume,
    int checkpointSeconds) {

  /** Options with the codec resolved. */
  static BuildSpec of(BuildOptions options, CodecSpec codec) {
    return new BuildSpec(
        options.metric(),
        options.storage(),
        codec,
        options.prefixDimension(),
        new BuildParameters(
            options.degree(), options.buildList(), options.alpha(), options.fast(), options.seed()),
        options.memoryBytes(),
        options.threads(),
        options.resume(),
        options.checkpointSeconds());
  }

  /** The same with another codec. */
  BuildSpec withCodec(CodecSpec other) {
    return new BuildSpec(
        metric,
        storage,
        other,
        prefixDimension,
        graph,
        memoryBytes,
        threads,
        resume,
        checkpointSeconds);
  }
}
