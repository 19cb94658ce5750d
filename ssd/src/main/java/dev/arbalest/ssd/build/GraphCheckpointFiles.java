// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.BlockFile;
import dev.arbalest.ssd.format.BuildState;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GraphCheckpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Checkpoints of a graph under construction in its index directory, two files taking turns. */
final class GraphCheckpointFiles implements GraphCheckpoints {
  private final IndexDirectory directory;
  private final Workers workers;
  private final long intervalNanos;
  private BuildState state;
  private long last = System.nanoTime();
  private int turn;

  /**
   * Prepares.
   *
   * @param state of the build so far
   * @param intervalSeconds least time between checkpoints; 0 for one after every batch
   */
  GraphCheckpointFiles(
      IndexDirectory directory, Workers workers, BuildState state, long intervalSeconds) {
    this.directory = directory;
    this.workers = workers;
    this.state = state;
    this.intervalNanos = intervalSeconds * 1_000_000_000L;
  }

  @Override
  public Position restore(Graph growing) throws IOException {
    BuildState.GraphPoint point = state.graph();
    if (point == null) {
      return new Position(0, 0);
    }
    Path path = directory.path().resolve(point.file().name());
    turn = path.equals(directory.graphCheckpoint(0)) ? 1 : 0;
    FileHeader header =
        BlockFile.read(
            path,
            FileHeader.Kind.GRAPH,
            new BlockFile.Written(point.file().bytes(), point.file().checksum()),
            found -> {
              if (found.number(0) != growing.segment().byteSize()) {
                throw new CorruptIndexException(
                    path, "holds " + found.number(0) + " bytes of another graph");
              }
              return growing.segment();
            },
            workers,
            _ -> {});
    if (header.number(1) != growing.nodeCount() || header.number(2) != growing.maxDegree()) {
      throw new CorruptIndexException(path, "is of a graph of another shape");
    }
    return point.position();
  }

  @Override
  public void reached(Graph growing, Position position) throws IOException {
    if (System.nanoTime() - last < intervalNanos) {
      return;
    }
    Path path = directory.graphCheckpoint(turn);
    Files.deleteIfExists(path);
    BlockFile.Written written =
        BlockFile.write(
            path,
            FileHeader.Kind.GRAPH,
            growing.segment(),
            workers,
            growing.nodeCount(),
            growing.maxDegree(),
            growing.entryPoint());
    Manifest.Entry entry =
        new Manifest.Entry(path.getFileName().toString(), written.bytes(), written.checksum());
    state = state.with(new BuildState.GraphPoint(entry, position));
    directory.save(state);
    turn = 1 - turn;
    last = System.nanoTime();
  }
}
