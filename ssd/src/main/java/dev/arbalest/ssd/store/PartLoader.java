// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ProgressListener;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.BlockFile;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.vamana.Graph;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Loads single files of an index and checks that their headers fit the manifest. */
public final class PartLoader {
  private final Path directory;
  private final Manifest manifest;
  private final Workers workers;
  private final ProgressListener listener;

  public PartLoader(Path directory, Manifest manifest, Workers workers, ProgressListener listener) {
    this.directory = directory;
    this.manifest = manifest;
    this.workers = workers;
    this.listener = listener;
  }

  private Path path(Manifest.Part part) {
    return directory.resolve(manifest.file(part).name());
  }

  private BlockFile.Written written(Manifest.Part part) {
    Manifest.Entry entry = manifest.file(part);
    return new BlockFile.Written(entry.bytes(), entry.checksum());
  }

  /**
   * Loads a table of a known size whose header has the given numbers after the size.
   *
   * @param reserved bytes of memory, if more than the table's
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  NativeMemory table(
      Manifest.Part part, FileHeader.Kind kind, long reserved, long bytes, long... numbers)
      throws IOException {
    NativeMemory memory = NativeMemory.reserve(Math.max(reserved, bytes));
    memory.use(bytes);
    try {
      load(part, kind, memory.segment(), bytes, numbers);
      return memory;
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** Loads a table into memory that has room for it. */
  public void load(
      Manifest.Part part, FileHeader.Kind kind, MemorySegment target, long bytes, long... numbers)
      throws IOException {
    FileHeader _ =
        BlockFile.read(
            path(part),
            kind,
            written(part),
            header -> {
              require(part, header, 0, bytes);
              for (int i = 0; i < numbers.length; i++) {
                require(part, header, i + 1, numbers[i]);
              }
              return target;
            },
            workers,
            listener::advanced);
  }

  /** Reads a part to the end, checking every byte; vectors are not looked at. */
  public void check(Manifest.Part part) throws IOException {
    if (part == Manifest.Part.VECTORS) {
      return;
    }
    if (part == Manifest.Part.CODEC) {
      Codec _ = codec();
      return;
    }
    if (part == Manifest.Part.GRAPH) {
      try (Graph graph = graph()) {
        if (!graph.validate().isEmpty() && manifest.checkpoint().clean()) {
          throw new CorruptIndexException(path(part), graph.validate());
        }
      }
      return;
    }
    try (NativeMemory memory = NativeMemory.allocate(written(part).bytes())) {
      FileHeader _ =
          BlockFile.read(
              path(part),
              FileHeader.Kind.valueOf(part.name()),
              written(part),
              _ -> memory.segment(),
              workers,
              listener::advanced);
    }
  }

  /** Loads the texts of ids; returns their bytes. */
  long texts(MemorySegment target) throws IOException {
    Manifest.Part part = Manifest.Part.TEXTS;
    FileHeader header =
        BlockFile.read(
            path(part),
            FileHeader.Kind.TEXTS,
            written(part),
            found -> {
              if (found.number(1) > target.byteSize()) {
                throw new CorruptIndexException(
                    path(part),
                    found.number(1) + " bytes of texts do not fit " + target.byteSize());
              }
              return target;
            },
            workers,
            listener::advanced);
    return header.number(1);
  }

  private void require(Manifest.Part part, FileHeader header, int number, long expected)
      throws CorruptIndexException {
    if (header.number(number) != expected) {
      throw new CorruptIndexException(
          path(part),
          16 + 8L * number,
          expected + ", as the manifest says",
          String.valueOf(header.number(number)));
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public Graph graph() throws IOException {
    return graph(manifest.count(), manifest.degree());
  }

  /** Loads the graph into one with room for more nodes, and more neighbours of each. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public Graph graph(int capacity, int newDegree) throws IOException {
    int degree = manifest.degree();
    Graph graph = Graph.reserve(capacity, manifest.count(), newDegree);
    try {
      FileHeader _ =
          BlockFile.read(
              path(Manifest.Part.GRAPH),
              FileHeader.Kind.GRAPH,
              written(Manifest.Part.GRAPH),
              header -> {
                require(Manifest.Part.GRAPH, header, 0, Graph.byteSize(manifest.count(), degree));
                require(Manifest.Part.GRAPH, header, 1, manifest.count());
                require(Manifest.Part.GRAPH, header, 2, degree);
                require(Manifest.Part.GRAPH, header, 3, manifest.entryPoint());
                return graph.reserved();
              },
              workers,
              listener::advanced);
      int entryPoint = manifest.entryPoint();
      // Before the first node is linked there is none.
      boolean mayBeNone = manifest.live() == 0 || !manifest.checkpoint().clean();
      boolean isNone = entryPoint == Graph.NONE && mayBeNone;
      if ((entryPoint < 0 && !isNone) || entryPoint >= manifest.count()) {
        throw new CorruptIndexException(
            path(Manifest.Part.GRAPH), "entry point " + manifest.entryPoint() + " is no node");
      }
      graph.take(manifest.count(), degree, entryPoint);
      return graph;
    } catch (Throwable e) {
      graph.close();
      throw e;
    }
  }

  public Codec codec() throws IOException {
    Path path = path(Manifest.Part.CODEC);
    byte[] bytes = new byte[Math.toIntExact(BlockFile.payloadLimit(written(Manifest.Part.CODEC)))];
    try (NativeMemory memory = NativeMemory.allocate(bytes.length)) {
      FileHeader _ =
          BlockFile.read(
              path,
              FileHeader.Kind.CODEC,
              written(Manifest.Part.CODEC),
              header -> memory.segment(),
              workers,
              listener::advanced);
      MemorySegment.copy(memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
    }
    Codec codec;
    try {
      codec = Codec.read(new DataInputStream(new ByteArrayInputStream(bytes)));
    } catch (IOException e) {
      throw new CorruptIndexException(path, String.valueOf(e.getMessage()));
    }
    if (!codec.spec().equals(manifest.codec())
        || codec.metric() != manifest.metric()
        || codec.dimension() != manifest.prefixDimension()) {
      throw new CorruptIndexException(
          path, "codec " + codec.spec() + " is not the one the manifest names");
    }
    return codec;
  }
}
