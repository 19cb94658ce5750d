// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/**
 * Figures.
 *
 * @param points vectors there
 * @param slots places for vectors, used or free
 * @param unlinked inserted and not in the graph yet
 * @param unlinkedLimit most that may be
 * @param graphBytes memory of the graph
 * @param codesBytes memory of the codes
 * @param tablesBytes memory of ids and checksums
 * @param columnsBytes memory of the columns of indexed fields
 * @param logBytes bytes a recovery would replay
 * @param attributeBytes of the database of attributes
 * @param logSyncs times the log was made durable
 * @param logSyncNanos nanoseconds that took
 * @param recall of searches, as it is watched
 */
public record CollectionStats(
    int points,
    int slots,
    int unlinked,
    int unlinkedLimit,
    long graphBytes,
    long codesBytes,
    long tablesBytes,
    long columnsBytes,
    long logBytes,
    long attributeBytes,
    long logSyncs,
    long logSyncNanos,
    RecallFigures recall) {
  public static final CollectionStats NONE =
      new CollectionStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, RecallFigures.NONE);

  /** The figures of two indexes of the same points; the recall is of the first that has one. */
  public CollectionStats plus(CollectionStats other) {
    return new CollectionStats(
        points,
        slots + other.slots,
        unlinked + other.unlinked,
        unlinkedLimit + other.unlinkedLimit,
        graphBytes + other.graphBytes,
        codesBytes + other.codesBytes,
        tablesBytes + other.tablesBytes,
        columnsBytes + other.columnsBytes,
        logBytes + other.logBytes,
        attributeBytes + other.attributeBytes,
        logSyncs + other.logSyncs,
        logSyncNanos + other.logSyncNanos,
        recall.equals(RecallFigures.NONE) ? other.recall : recall);
  }

  /** The same with the number of points and the size of their attributes. */
  public CollectionStats withPoints(int newPoints, long newAttributeBytes) {
    return new CollectionStats(
        newPoints,
        slots,
        unlinked,
        unlinkedLimit,
        graphBytes,
        codesBytes,
        tablesBytes,
        columnsBytes,
        logBytes,
        newAttributeBytes,
        logSyncs,
        logSyncNanos,
        recall);
  }

  /** The same with other memory of tables. */
  public CollectionStats withTablesBytes(long bytes) {
    return new CollectionStats(
        points,
        slots,
        unlinked,
        unlinkedLimit,
        graphBytes,
        codesBytes,
        bytes,
        columnsBytes,
        logBytes,
        attributeBytes,
        logSyncs,
        logSyncNanos,
        recall);
  }

  public long memoryBytes() {
    return graphBytes + codesBytes + tablesBytes + columnsBytes;
  }
}
