// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.IdType;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.NodeSet;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An index in memory; the holder closes it. Safe for any number of readers beside one writer.
 *
 * @param directory directory of the index
 * @param manifest what the index consists of
 * @param geometry layout of the vector file
 * @param graph neighbours
 * @param codec trained codec
 * @param codes code table
 * @param ids external ids
 * @param checksums slot checksums, 4 bytes per slot
 * @param deaths 4 bytes per node: 0 if it holds a vector, otherwise the operation that removed it
 * @param vectors the open vector file
 */
public record LoadedIndex(
    Path directory,
    Manifest manifest,
    VectorFile geometry,
    Graph graph,
    Codec codec,
    NativeMemory codes,
    IdTable ids,
    NativeMemory checksums,
    NativeMemory deaths,
    DirectFile vectors)
    implements AutoCloseable {

  /** Whether a node holds no vector. */
  public boolean isDead(int node) {
    return deaths.segment().getAtIndex(FileHeader.INT, node) != 0;
  }

  /** Whether a search that sees operations up to {@code operation} sees the vector of a node. */
  public boolean isVisible(int node, int operation) {
    int death = deaths.segment().getAtIndex(FileHeader.INT, node);
    return death == 0 || death - operation > 0;
  }

  /** The nodes that hold a vector. */
  public NodeSet livingNodes() {
    int nodes = graph.nodeCount();
    NodeSet living = new NodeSet(nodes);
    for (int node = 0; node < nodes; node++) {
      if (!isDead(node)) {
        living.add(node);
      }
    }
    return living;
  }

  /** The id of a node; 0 if ids are text. */
  public long number(int node) {
    return ids.type() == IdType.UTF8 ? 0 : ids.number(node);
  }

  /** The id of a node as text; null if ids are numbers. */
  public @Nullable String text(int node) {
    return ids.type() == IdType.UTF8 ? ids.text(node) : null;
  }

  /** Makes room for a number of nodes. */
  public void use(int nodes) {
    checksums.use(4L * nodes);
    deaths.use(4L * nodes);
    ids.use(nodes);
    codes.use((long) nodes * codec.codeBytes());
  }

  /**
   * Compares the checksum of bytes read from a slot with the one stored when the slot was written.
   *
   * @throws CorruptIndexException if they differ
   */
  public void verifyChecksum(int slot, int found) throws CorruptIndexException {
    int expected = checksums.segment().getAtIndex(FileHeader.INT, slot);
    if (found != expected) {
      throw new CorruptIndexException(
          vectors.path(),
          geometry.offset(slot),
          "slot " + slot + " with checksum " + Integer.toHexString(expected),
          Integer.toHexString(found));
    }
  }

  @Override
  public void close() throws IOException {
    try (graph;
        codes;
        ids;
        checksums;
        deaths) {
      vectors.close();
    }
  }
}
