// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.StageRecord;
import dev.arbalest.ssd.log.LogSegments;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.vamana.BuildParameters;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The facts of an index as its manifest states them, as of its last checkpoint.
 *
 * @param generation times the manifest was committed, from 1
 * @param dimension components per vector
 * @param storage component type of the vector file
 * @param metric distance
 * @param idType type of the ids
 * @param vectors vectors it holds
 * @param slots slots of the vector file, used or free
 * @param codec codec of the codes in memory, such as {@code saq:2}
 * @param prefixDimension components that codes and graph were made of: all, or a prefix
 * @param graph how the graph was built
 * @param closed whether it was closed: otherwise it is open for writing, or must be recovered
 * @param changed whether anything was written to it since it was built
 * @param logSequence last block of the log that the files hold
 * @param files the files, in order
 */
public record IndexInfo(
    long generation,
    int dimension,
    ElementType storage,
    Metric metric,
    IdType idType,
    int vectors,
    int slots,
    String codec,
    int prefixDimension,
    GraphInfo graph,
    boolean closed,
    boolean changed,
    long logSequence,
    List<FileInfo> files) {

  /**
   * How the graph was built.
   *
   * @param degree most out-neighbours of a node after pruning (R)
   * @param buildList candidate list of the build (L)
   * @param alpha pruning factor
   * @param fast whether the build left out its second pass
   * @param seed seed of the build
   * @param entryPoint node where searches begin, -1 if there is none
   * @param bytes memory of the graph
   */
  public record GraphInfo(
      int degree,
      int buildList,
      float alpha,
      boolean fast,
      long seed,
      int entryPoint,
      long bytes) {}

  /**
   * One file of the index.
   *
   * @param part what it holds, such as {@code vectors} or {@code graph}
   * @param name name in the index directory
   * @param bytes size
   */
  public record FileInfo(String part, String name, long bytes) {}

  /** Copies the list. */
  public IndexInfo {
    files = List.copyOf(files);
  }

  /**
   * Reads the facts of an index and checks nothing but its manifest.
   *
   * @throws BadInputException if there is no index
   * @throws CorruptIndexException if the manifest is damaged or a build was not finished
   */
  public static IndexInfo read(Path directory) throws IOException {
    return of(IndexDirectory.readManifest(directory));
  }

  /** Whether a directory holds an index: one with a manifest, be it damaged or not. */
  public static boolean exists(Path directory) {
    return Files.exists(directory.resolve(Manifest.FILE_NAME));
  }

  /** Bytes of log that opening the index would replay, or little more. */
  public static long logBytes(Path directory) throws IOException {
    return LogSegments.bytes(directory.resolve(IndexDirectory.LOG));
  }

  /**
   * The seconds that each stage of the build took, in order; empty if the file system did not keep
   * them.
   */
  public static Map<String, Double> stageSeconds(Path directory) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(StageRecord.read(directory)));
  }

  static IndexInfo of(Manifest manifest) {
    BuildParameters build = manifest.build();
    return new IndexInfo(
        manifest.generation(),
        manifest.dimension(),
        manifest.storage(),
        manifest.metric(),
        manifest.idType(),
        manifest.live(),
        manifest.count(),
        manifest.codec().toString(),
        manifest.prefixDimension(),
        new GraphInfo(
            build.degree(),
            build.searchListSize(),
            build.alpha(),
            build.fast(),
            build.seed(),
            manifest.entryPoint(),
            manifest.graphBytes()),
        manifest.checkpoint().clean(),
        manifest.checkpoint().logSequence() > 0,
        manifest.checkpoint().logSequence(),
        manifest.parts().stream()
            .map(part -> {
              Manifest.Entry entry = manifest.file(part);
              return new FileInfo(part.label(), entry.name(), entry.bytes());
            })
            .toList());
  }

  /**
   * The file of a part.
   *
   * @throws IllegalArgumentException if there is none
   */
  public FileInfo file(String part) {
    return files.stream()
        .filter(file -> file.part().equals(part))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no file holds " + part));
  }
}
