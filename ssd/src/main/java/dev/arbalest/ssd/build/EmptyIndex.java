// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/** Makes an index that holds nothing: one slot, which is free, and a graph of one unlinked node. */
public final class EmptyIndex {
  private static final int SLOTS = 1;
  private static final int DIRECT_BYTES = 4096;

  private EmptyIndex() {}

  /** As {@code Index.create}. */
  public static void create(Path path, F32Rows sample, IdType idType, BuildOptions wanted)
      throws IOException {
    if (sample.count() < 1) {
      throw new BadInputException("an index needs a vector to train its codec on");
    }
    int dimension = sample.dimension();
    BuildSpec options = AutomaticCodec.resolveEmpty(wanted);
    int coded = options.prefixDimension() == 0 ? dimension : options.prefixDimension();
    options.codec().requireFits(coded);
    VectorFile geometry = new VectorFile(dimension, options.storage());
    long rowBytes = 4L * dimension;
    try (NativeMemory rows = NativeMemory.allocate(rowBytes * sample.count())) {
      float[] row = new float[dimension];
      for (int i = 0; i < sample.count(); i++) {
        double norm = RowCheck.norm(sample, i, options.metric(), RowCheck::insert);
        RowCheck.take(sample, i, options.metric(), norm, row);
        MemorySegment.copy(row, 0, rows.segment(), F32Rows.FLOAT, rowBytes * i, dimension);
      }
      F32Rows training = new F32Rows(rows.segment(), 0, rowBytes, sample.count(), coded);
      try (IndexDirectory directory = IndexDirectory.openForWriting(path);
          Workers workers = Workers.start(1)) {
        if (directory.committed().isPresent()) {
          throw new BadInputException(path + " holds an index already; give a new directory");
        }
        try {
          Codec codec =
              Codec.train(
                  options.codec(), options.metric(), training, options.graph().seed(), workers);
          // What remains of an attempt that failed the next opening removes.
          String _ = directory.commit(write(directory, geometry, idType, codec, options));
        } catch (Throwable e) {
          directory.rollBack(e);
          throw e;
        }
      }
    }
  }

  private static Manifest write(
      IndexDirectory directory, VectorFile geometry, IdType idType, Codec codec, BuildSpec options)
      throws IOException {
    int degree = options.graph().degree();
    ByteArrayOutputStream trained = new ByteArrayOutputStream();
    codec.write(new DataOutputStream(trained));
    Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(Manifest.Part.class);
    try (Workers workers = Workers.start(1);
        NativeMemory slot = NativeMemory.allocate(pad(geometry.slotBytes()));
        NativeMemory small = NativeMemory.allocate(8);
        NativeMemory codes = NativeMemory.allocate(codec.codeBytes());
        NativeMemory codecBytes = NativeMemory.allocate(trained.size());
        Graph graph = Graph.allocate(SLOTS, degree)) {
      files.put(Manifest.Part.VECTORS, writeVectors(directory, geometry, options, slot.segment()));
      Parts parts = new Parts(directory, workers, files);
      parts.put(Manifest.Part.IDS, FileHeader.Kind.IDS, small.segment());
      if (idType == IdType.UTF8) {
        parts.put(Manifest.Part.TEXTS, FileHeader.Kind.TEXTS, small.segment().asSlice(0, 1), 0);
      }
      small.segment().set(FileHeader.LONG, 0, 1);
      parts.put(Manifest.Part.TOMBSTONES, FileHeader.Kind.TOMBSTONES, small.segment(), SLOTS);
      int checksum = FileHeader.checksum(slot.segment(), 0, geometry.slotBytes());
      small.segment().set(FileHeader.INT, 0, checksum);
      parts.put(Manifest.Part.SUMS, FileHeader.Kind.SUMS, small.segment().asSlice(0, 4));
      parts.put(
          Manifest.Part.CODES, FileHeader.Kind.CODES, codes.segment(), SLOTS, codec.codeBytes());
      MemorySegment.copy(
          trained.toByteArray(), 0, codecBytes.segment(), ValueLayout.JAVA_BYTE, 0, trained.size());
      parts.put(Manifest.Part.CODEC, FileHeader.Kind.CODEC, codecBytes.segment());
      parts.put(
          Manifest.Part.GRAPH, FileHeader.Kind.GRAPH, graph.segment(), SLOTS, degree, Graph.NONE);
    }
    return new Manifest(
        directory.nextGeneration(),
        geometry.dimension(),
        geometry.type(),
        options.metric(),
        SLOTS,
        0,
        idType,
        Graph.NONE,
        options.codec(),
        codec.dimension(),
        options.graph(),
        degree,
        Manifest.Checkpoint.built(directory.nextGeneration()),
        files);
  }

  private record Parts(
      IndexDirectory directory, Workers workers, Map<Manifest.Part, Manifest.Entry> files) {
    void put(Manifest.Part part, FileHeader.Kind kind, MemorySegment payload, long... numbers)
        throws IOException {
      files.put(part, directory.write(part, kind, payload, workers, numbers));
    }
  }

  private static Manifest.Entry writeVectors(
      IndexDirectory directory, VectorFile geometry, BuildSpec options, MemorySegment slot)
      throws IOException {
    Path path = directory.newVectorFile(options.storage());
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE)) {
      long size = geometry.fileBytes(SLOTS);
      file.reserve(FileHeader.BYTES + slot.byteSize());
      int headerChecksum = geometry.writeHeader(file);
      file.write(slot, 0, slot.byteSize(), geometry.offset(0));
      file.truncate(size);
      file.sync();
      return new Manifest.Entry(path.getFileName().toString(), size, headerChecksum);
    }
  }

  private static long pad(long bytes) {
    return (bytes + DIRECT_BYTES - 1) / DIRECT_BYTES * DIRECT_BYTES;
  }
}
