// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.ssd.build.CodedDistances;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.store.DirectoryLock;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.PartLoader;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GraphBuilder;
import dev.arbalest.vector.F32Rows;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Rebuilds graph, codes or codec of an index from its vectors, when only those are damaged or
 * missing, or another codec is wanted. What cannot be rebuilt (vectors, their checksums, ids, free
 * slots) must be sound. The next opening replays the log. Vectors that searches no longer find are
 * linked again.
 */
public final class IndexRepair {
  private static final Set<Manifest.Part> DERIVED =
      EnumSet.of(Manifest.Part.GRAPH, Manifest.Part.CODES, Manifest.Part.CODEC);

  private final IndexDirectory directory;
  private final Manifest manifest;
  private final Workers workers;
  private final ProgressListener listener;
  private final VectorFile geometry;
  private final Map<Manifest.Part, Manifest.Entry> files;

  private IndexRepair(IndexDirectory directory, Workers workers, ProgressListener listener) {
    this.directory = directory;
    this.manifest = directory.committed().orElseThrow();
    this.workers = workers;
    this.listener = listener;
    this.geometry = new VectorFile(manifest.dimension(), manifest.storage());
    this.files = new EnumMap<>(manifest.files());
  }

  /**
   * Repairs an index that no process has open.
   *
   * @return the parts that were rebuilt, such as {@code graph}; empty if none had to be
   * @throws CorruptIndexException if a damaged part cannot be rebuilt; nothing is changed
   * @throws IOException if it is open elsewhere, or a file cannot be read or written
   */
  public static List<String> repair(Path path, int threads, ProgressListener listener)
      throws IOException {
    Set<Manifest.Part> remade =
        remake(path, EnumSet.noneOf(Manifest.Part.class), threads, listener);
    Manifest manifest = IndexDirectory.readManifest(path);
    if (!manifest.checkpoint().clean() || !manifest.checkpoint().whole()) {
      LiveIndex.recover(path, listener);
    }
    if (!findsAll(path, threads)) {
      remade.addAll(remake(path, EnumSet.of(Manifest.Part.GRAPH), threads, listener));
      LiveIndex.recover(path, listener);
    }
    return remade.stream().map(Manifest.Part::label).toList();
  }

  /** Rebuilds damaged parts, and some parts even if they are not damaged. */
  private static Set<Manifest.Part> remake(
      Path path, Set<Manifest.Part> also, int threads, ProgressListener listener)
      throws IOException {
    try (IndexDirectory directory = IndexDirectory.openForUpdate(path);
        Workers workers = Workers.start(threads)) {
      return new IndexRepair(directory, workers, listener).repair(also);
    }
  }

  private static boolean findsAll(Path path, int threads) throws IOException {
    try (DirectoryLock _ = DirectoryLock.take(path, DirectoryLock.Use.READ);
        Workers workers = Workers.start(threads);
        LoadedIndex loaded = IndexLoader.load(path, _ -> {}, workers, ProgressListener.NONE)) {
      try {
        return IndexVerifier.checkGraph(loaded) == loaded.manifest().live();
      } catch (CorruptIndexException e) {
        return false;
      }
    }
  }

  /**
   * Trains another codec on the vectors of an index that no process has open; the graph stays. The
   * codec of an index that started empty was trained on its first vectors only.
   *
   * @throws BadInputException if the codec does not fit the dimension, or the index was not closed
   * @throws CorruptIndexException if something is damaged; nothing is changed
   * @throws IOException if it is open elsewhere, or a file cannot be read or written
   */
  public static void recode(Path path, String codec, int threads, ProgressListener listener)
      throws IOException {
    try (IndexDirectory directory = IndexDirectory.openForUpdate(path);
        Workers workers = Workers.start(threads)) {
      new IndexRepair(directory, workers, listener).recode(CodecSpec.parse(codec));
    }
  }

  private void recode(CodecSpec codec) throws IOException {
    codec.requireFits(manifest.prefixDimension());
    if (!manifest.checkpoint().clean() || manifest.live() == 0) {
      throw new BadInputException(
          directory.path() + " is empty or was not closed: open it for writing and close it first");
    }
    Set<Manifest.Part> damaged = damaged();
    if (!damaged.isEmpty()) {
      throw new CorruptIndexException(directory.path(), damaged + " is damaged; repair it first");
    }
    withVectors(rows -> {
      try (SlabPool slabs = new SlabPool()) {
        Codec trained = train(codec, rows);
        long bytes = (long) trained.codeBytes() * manifest.count();
        try (NativeMemory codes = NativeMemory.allocate(bytes)) {
          encode(trained, rows, codes.segment(), slabs);
        }
        directory.commitCheckpoint(manifest.with(files, codec));
      }
    });
  }

  private Set<Manifest.Part> repair(Set<Manifest.Part> also) throws IOException {
    Set<Manifest.Part> damaged = damaged();
    damaged.addAll(also);
    if (damaged.isEmpty()) {
      return damaged;
    }
    if (damaged.contains(Manifest.Part.CODEC)) {
      damaged.add(Manifest.Part.CODES); // of a codec nobody knows any more
    }
    listener.note(directory.path() + ": rebuilding " + damaged);
    withVectors(rows -> remake(damaged, rows));
    return damaged;
  }

  /** What is done with all vectors. */
  @FunctionalInterface
  private interface Use {
    void apply(F32Rows rows) throws IOException;
  }

  private void withVectors(Use use) throws IOException {
    Path vectors = directory.path().resolve(manifest.file(Manifest.Part.VECTORS).name());
    boolean isWhole = manifest.storage() == ElementType.F32;
    long floats = isWhole ? 1 : 4L * manifest.dimension() * manifest.count();
    try (FileMapping mapping = FileMapping.open(vectors);
        NativeMemory widened = NativeMemory.allocate(floats)) {
      F32Rows rows =
          isWhole
              ? rows(mapping.segment(), geometry.offset(0), geometry.slotBytes())
              : widen(mapping, widened.segment());
      use.apply(rows);
    }
  }

  private F32Rows rows(MemorySegment memory, long offset, long stride) {
    return new F32Rows(memory, offset, stride, manifest.count(), manifest.prefixDimension());
  }

  private F32Rows widen(FileMapping mapping, MemorySegment target) {
    int dimension = manifest.dimension();
    for (int slot = 0; slot < manifest.count(); slot++) {
      long offset = geometry.offset(slot);
      geometry.type().load(mapping.segment(), offset, dimension, target, 4L * dimension * slot);
    }
    return rows(target, 0, 4L * dimension);
  }

  /** The derived parts that cannot be loaded; refuses if others cannot. */
  private Set<Manifest.Part> damaged() throws IOException {
    PartLoader parts = new PartLoader(directory.path(), manifest, workers, listener);
    Set<Manifest.Part> damaged = EnumSet.noneOf(Manifest.Part.class);
    for (Manifest.Part part : manifest.parts()) {
      try {
        parts.check(part);
      } catch (CorruptIndexException | NoSuchFileException e) {
        if (!DERIVED.contains(part)) {
          throw new CorruptIndexException(
              directory.path(),
              part.label() + " cannot be rebuilt, restore a copy: " + e.getMessage());
        }
        damaged.add(part);
      }
    }
    try (DirectFile file = VectorFile.open(directory.path(), manifest, false)) {
      assert file.size() > 0;
    }
    return damaged;
  }

  private void remake(Set<Manifest.Part> damaged, F32Rows rows) throws IOException {
    PartLoader parts = new PartLoader(directory.path(), manifest, workers, listener);
    @Nullable Codec kept = damaged.contains(Manifest.Part.CODEC) ? null : parts.codec();
    Codec codec = kept == null ? train(manifest.codec(), rows) : kept;
    long bytes = (long) codec.codeBytes() * manifest.count();
    try (NativeMemory codes = NativeMemory.allocate(bytes);
        SlabPool slabs = new SlabPool()) {
      if (damaged.contains(Manifest.Part.CODES)) {
        encode(codec, rows, codes.segment(), slabs);
      } else {
        parts.load(
            Manifest.Part.CODES,
            FileHeader.Kind.CODES,
            codes.segment(),
            bytes,
            manifest.count(),
            codec.codeBytes());
      }
      int degree = manifest.degree();
      int entryPoint = manifest.entryPoint();
      if (damaged.contains(Manifest.Part.GRAPH)) {
        degree = manifest.build().degree();
        entryPoint = link(codec, rows, codes.segment(), slabs);
      }
      // Free nodes may be neighbours now: not clean, so that opening takes them out.
      directory.commitCheckpoint(manifest.with(files, degree, entryPoint, false));
    }
  }

  private Codec train(CodecSpec spec, F32Rows rows) throws IOException {
    listener.stage("train", 1);
    long seed = manifest.build().seed();
    Codec codec = Codec.train(spec, manifest.metric(), rows, seed, workers);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    codec.write(new DataOutputStream(bytes));
    try (NativeMemory memory = NativeMemory.allocate(bytes.size())) {
      MemorySegment.copy(
          bytes.toByteArray(), 0, memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes.size());
      put(Manifest.Part.CODEC, FileHeader.Kind.CODEC, memory.segment());
    }
    return codec;
  }

  private void encode(Codec codec, F32Rows rows, MemorySegment codes, SlabPool slabs)
      throws IOException {
    listener.stage("encode", rows.count());
    try (SlabPool.Lease memory = slabs.lease()) {
      CodeEncoder[] encoders = new CodeEncoder[workers.size()];
      java.util.Arrays.setAll(encoders, _ -> codec.newEncoder(memory));
      workers.forRanges(
          rows.count(),
          256,
          (worker, from, to) -> {
            encoders[worker].encode(rows, from, to, codes);
            synchronized (listener) {
              listener.advanced(to - from);
            }
          });
    }
    put(Manifest.Part.CODES, FileHeader.Kind.CODES, codes, manifest.count(), codec.codeBytes());
  }

  private int link(Codec codec, F32Rows rows, MemorySegment codes, SlabPool slabs)
      throws IOException {
    listener.stage("graph", 2L * rows.count());
    ExactDistances exact = ExactDistances.of(rows, manifest.metric(), workers);
    try (SlabPool.Lease memory = slabs.lease();
        Graph graph =
            GraphBuilder.build(
                new CodedDistances(exact, codec, codes, memory),
                manifest.build(),
                workers,
                listener::advanced)) {
      put(
          Manifest.Part.GRAPH,
          FileHeader.Kind.GRAPH,
          graph.segment(),
          graph.nodeCount(),
          graph.maxDegree(),
          graph.entryPoint());
      return graph.entryPoint();
    }
  }

  private void put(Manifest.Part part, FileHeader.Kind kind, MemorySegment payload, long... numbers)
      throws IOException {
    files.put(part, directory.write(part, kind, payload, workers, numbers));
  }
}
