// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.IdType;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.Graph;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.util.EnumMap;
import java.util.Map;

/**
 * Writes the state of a live index as files of the next generation, while searches and writes
 * continue.
 *
 * <p>Copies ids and free slots at one moment, and graph, codes and checksums while they change. Let
 * S be the last block of the log whose rows were all linked at that moment. Loading replays the log
 * after S, and a replayed insert or delete leaves the same state however much of it the copy
 * already holds. Loading drops neighbours beyond the copy's nodes. No node leaves the graph during
 * the copy, so every other neighbour in it stays valid.
 */
final class Checkpointer {
  private final IndexDirectory directory;
  private final LoadedIndex loaded;
  private final IndexWriter writer;
  private final Linker linker;
  private final WriteAheadLog log;
  private final Workers workers;
  private volatile long coveredBytes;
  private long lastSequence;
  private boolean isClosed;

  /**
   * The log's last block if the index was closed cleanly and opened without repairs; until the next
   * write, the files on disk are then complete.
   */
  private final long unchangedSequence;

  /** The parts of the state copied at one moment. */
  private static final class Moment {
    long sequence;
    int count;
    int live;
    int entryPoint;
    long textBytes;
    long logBytes;
  }

  Checkpointer(
      IndexDirectory directory,
      LoadedIndex loaded,
      IndexWriter writer,
      Linker linker,
      WriteAheadLog log,
      Workers workers) {
    this.directory = directory;
    this.loaded = loaded;
    this.writer = writer;
    this.linker = linker;
    this.log = log;
    this.workers = workers;
    this.lastSequence = present().checkpoint().logSequence();
    Manifest.Checkpoint opened = loaded.manifest().checkpoint();
    this.unchangedSequence = opened.clean() && opened.whole() ? lastSequence : -1;
  }

  /** Bytes of blocks appended to the log when the last checkpoint was begun. */
  long coveredBytes() {
    return coveredBytes;
  }

  private Manifest present() {
    return directory.committed().orElseThrow();
  }

  /** Makes a checkpoint even if nothing was written since the last. */
  synchronized void force() throws IOException {
    requireOpen();
    write(false);
  }

  /** Makes the last checkpoint; nothing is being written or linked any more. */
  synchronized void close() throws IOException {
    requireOpen();
    isClosed = true;
    checkpoint(true);
  }

  private void requireOpen() {
    if (isClosed) {
      throw new IllegalStateException("the index is closed");
    }
  }

  /** Makes a checkpoint, unless nothing was written since the last. */
  synchronized void checkpoint() throws IOException {
    requireOpen();
    checkpoint(false);
  }

  /** The same; clean if nothing is being written or linked any more and no dead node is left. */
  private void checkpoint(boolean clean) throws IOException {
    if (log.lastSequence() == unchangedSequence) {
      if (clean) {
        loaded.vectors().truncate(writer.geometry().fileBytes(present().count()));
        commit(present(), present().count(), true);
      }
      return;
    }
    if (!clean && log.lastSequence() == lastSequence) {
      return;
    }
    write(clean);
  }

  private void write(boolean clean) throws IOException {
    long generation = directory.nextGeneration();
    Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(present().files());
    Moment moment;
    linker.leaving().lock();
    try {
      moment = write(files);
    } catch (Throwable e) {
      removeUncommitted(generation, e);
      throw e;
    } finally {
      linker.leaving().unlock();
    }
    // A vector file has the size its manifest says only while nothing adds to it.
    if (clean) {
      loaded.vectors().truncate(writer.geometry().fileBytes(moment.count));
    }
    syncVectors();
    Manifest before = present();
    Manifest manifest =
        new Manifest(
            generation,
            before.dimension(),
            before.storage(),
            before.metric(),
            moment.count,
            moment.live,
            before.idType(),
            moment.entryPoint,
            before.codec(),
            before.prefixDimension(),
            before.build(),
            loaded.graph().maxDegree(),
            new Manifest.Checkpoint(before.checkpoint().base(), moment.sequence, clean, true),
            files);
    commit(manifest, moment.count, clean);
    lastSequence = moment.sequence;
    coveredBytes = moment.logBytes;
    log.release(moment.sequence);
  }

  /**
   * What a failed sync leaves on the disk is unknown, and a later one that works says nothing of
   * it: the log must be replayed from before.
   */
  private void syncVectors() throws IOException {
    try {
      loaded.vectors().sync();
    } catch (IOException e) {
      writer.fail(e);
      throw e;
    }
  }

  private void commit(Manifest manifest, int count, boolean clean) throws IOException {
    Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(manifest.files());
    Manifest.Entry vectors = manifest.file(Manifest.Part.VECTORS);
    files.put(
        Manifest.Part.VECTORS,
        new Manifest.Entry(vectors.name(), writer.geometry().fileBytes(count), vectors.checksum()));
    try {
      directory.commitCheckpoint(manifest.with(files, clean));
    } catch (Throwable e) {
      if (directory.isUncertain()) {
        writer.fail(e);
      }
      throw e;
    }
  }

  private void removeUncommitted(long generation, Throwable cause) {
    for (Manifest.Part part : Manifest.Part.values()) {
      if (part != Manifest.Part.VECTORS && part != Manifest.Part.CODEC) {
        try {
          Files.deleteIfExists(directory.path().resolve(part.label() + "." + generation));
        } catch (IOException e) {
          cause.addSuppressed(e);
        }
      }
    }
  }

  private Moment write(Map<Manifest.Part, Manifest.Entry> files) throws IOException {
    int room = loaded.graph().capacity(); // only what is written to takes memory
    Moment moment = new Moment();
    try (NativeMemory ids = NativeMemory.allocate(8L * room);
        NativeMemory tombstones = NativeMemory.allocate(8L * (room / 64 + 1))) {
      writer.withLock(() -> take(moment, ids.segment(), tombstones.segment()));
      log.makeDurable();
      int count = moment.count;
      put(files, Manifest.Part.IDS, FileHeader.Kind.IDS, ids.segment().asSlice(0, 8L * count));
      long words = (count + 63L) / 64;
      files.remove(Manifest.Part.TOMBSTONES);
      if (moment.live < count) {
        put(
            files,
            Manifest.Part.TOMBSTONES,
            FileHeader.Kind.TOMBSTONES,
            tombstones.segment().asSlice(0, 8 * words),
            count);
      }
      if (loaded.ids().type() == IdType.UTF8) {
        MemorySegment texts = loaded.ids().texts().asSlice(0, Math.max(1, moment.textBytes));
        put(files, Manifest.Part.TEXTS, FileHeader.Kind.TEXTS, texts, moment.textBytes);
      }
      put(
          files,
          Manifest.Part.SUMS,
          FileHeader.Kind.SUMS,
          loaded.checksums().segment().asSlice(0, 4L * count));
      int codeBytes = loaded.codec().codeBytes();
      put(
          files,
          Manifest.Part.CODES,
          FileHeader.Kind.CODES,
          loaded.codes().segment().asSlice(0, (long) count * codeBytes),
          count,
          codeBytes);
      Graph graph = loaded.graph();
      put(
          files,
          Manifest.Part.GRAPH,
          FileHeader.Kind.GRAPH,
          graph.reserved().asSlice(0, Graph.byteSize(count, graph.maxDegree())),
          count,
          graph.maxDegree(),
          moment.entryPoint);
    }
    return moment;
  }

  private void take(Moment moment, MemorySegment ids, MemorySegment tombstones) {
    int count = loaded.graph().nodeCount();
    moment.sequence = writer.linkedSequence();
    moment.count = count;
    moment.entryPoint = loaded.graph().entryPoint();
    moment.textBytes = loaded.ids().textBytes();
    moment.logBytes = log.appendedBytes();
    MemorySegment.copy(loaded.ids().values(), 0, ids, 0, 8L * count);
    moment.live = 0;
    for (int node = 0; node < count; node++) {
      if (loaded.isDead(node)) {
        long word = tombstones.getAtIndex(FileHeader.LONG, node >> 6);
        tombstones.setAtIndex(FileHeader.LONG, node >> 6, word | 1L << node);
      } else {
        moment.live++;
      }
    }
  }

  private void put(
      Map<Manifest.Part, Manifest.Entry> files,
      Manifest.Part part,
      FileHeader.Kind kind,
      MemorySegment payload,
      long... numbers)
      throws IOException {
    files.put(part, directory.write(part, kind, payload, workers, numbers));
  }
}
