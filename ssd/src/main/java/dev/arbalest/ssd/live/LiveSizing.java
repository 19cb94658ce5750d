// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.IdType;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.MemoryBudget;

/**
 * How many nodes fit the memory budget of an index that is written to. Room for as many is
 * reserved, which costs nothing; memory is taken as they come.
 */
public final class LiveSizing implements IndexLoader.Sizing {
  /** Id, checksum, death, and places in the id map, which is one to two thirds empty. */
  private static final long TABLES_BYTES_PER_NODE = 8 + 4 + 4 + 12;

  /** A text of an id is a few tens of bytes long; memory is taken as they come. */
  private static final long TEXT_BYTES_PER_NODE = 256;

  /** Of R, places for neighbours beyond it: a node is pruned when they are full. */
  private static final int SLACK_SHARE = 4;

  /** Neighbours of a node begin at cache lines. */
  private static final int INTS_PER_LINE = 16;

  private static final int MIN_NODES = 4096;

  private final long budgetBytes;
  private long bytesPerNode;

  public LiveSizing(long budgetBytes) {
    this.budgetBytes = budgetBytes;
  }

  /** Memory a node takes, once {@link #room} was asked for. */
  public long bytesPerNode() {
    return bytesPerNode;
  }

  @Override
  public IndexLoader.Room room(Manifest manifest, Codec codec) {
    int degree = degree(manifest.build().degree(), manifest.degree());
    bytesPerNode = 4L * degree + codec.codeBytes() + TABLES_BYTES_PER_NODE;
    MemoryBudget budget = new MemoryBudget(budgetBytes);
    budget.require("graph, codes and tables", manifest.count() * bytesPerNode);
    budget.check();
    long most = Math.max(MIN_NODES + manifest.count(), budgetBytes / bytesPerNode);
    int nodes = (int) Math.min(most, Integer.MAX_VALUE - 1024);
    long texts = manifest.idType() == IdType.UTF8 ? nodes * TEXT_BYTES_PER_NODE : 1;
    return new IndexLoader.Room(nodes, degree, texts, true);
  }

  /** Degree with slack. */
  static int degree(int prunedTo, int present) {
    int slack = prunedTo + Math.max(1, prunedTo / SLACK_SHARE);
    int lines = (slack + INTS_PER_LINE - 1) / INTS_PER_LINE * INTS_PER_LINE;
    return Math.max(present, Math.min(1024, lines));
  }
}
