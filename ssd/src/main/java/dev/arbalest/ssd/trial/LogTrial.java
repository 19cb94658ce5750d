// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import dev.arbalest.BadInputException;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.ssd.log.LogAppender;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * What keeping vectors in the write-ahead log costs on this disk: batches of ids and vectors are
 * appended and acknowledged one after another by one thread, then replayed.
 */
public final class LogTrial {
  private LogTrial() {}

  /**
   * What a run took.
   *
   * @param vectors logged
   * @param payloadBytes ids and floats
   * @param logBytes of the files, padding included
   * @param appendSeconds from the first vector to the acknowledgement of the last
   * @param replaySeconds until all had been read, checked and decoded
   */
  public record Result(
      long vectors, long payloadBytes, long logBytes, double appendSeconds, double replaySeconds) {}

  /**
   * Runs a trial.
   *
   * @param directory for the log; new or empty
   * @param rows what to log, all of it
   * @param batch vectors per block; their bytes must not exceed 16 MiB
   * @param compress as byte planes where that saves
   * @param syncMillis 0: every batch is durable before the next one
   * @throws BadInputException if a batch is too large
   * @throws IOException if the disk fails, or the replay differs
   */
  public static Result run(
      Path directory, F32Rows rows, int batch, boolean compress, int syncMillis)
      throws IOException {
    long rowBytes = 4L * rows.dimension();
    long most = batch * (8 + rowBytes);
    if (batch < 1 || most > WriteAheadLog.MAX_BYTES) {
      throw new BadInputException(
          "batches must be at least 1 vector and at most "
              + WriteAheadLog.MAX_BYTES / (8 + rowBytes)
              + " of dimension "
              + rows.dimension()
              + ": "
              + batch);
    }
    WriteAheadLog.Options options =
        new WriteAheadLog.Options(
            WriteAheadLog.Options.defaults().segmentBytes(), compress, syncMillis);
    long payloadBytes = 0;
    long logBytes;
    double appendSeconds;
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog log =
            WriteAheadLog.open(directory, options, 1, 0, (sequence, payload, bytes, from) -> {});
        LogAppender appender = log.newAppender((int) most, memory)) {
      MemorySegment payload = memory.allocate(most, 64);
      long start = System.nanoTime();
      for (int from = 0; from < rows.count(); from += batch) {
        int count = Math.min(batch, rows.count() - from);
        for (int i = 0; i < count; i++) {
          payload.set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * i, from + i);
          MemorySegment.copy(
              rows.memory(), rows.offset(from + i), payload, 8L * count + i * rowBytes, rowBytes);
        }
        int bytes = (int) (count * (8 + rowBytes));
        log.acknowledge(appender.append(payload, bytes, 8 * count));
        payloadBytes += bytes;
      }
      log.makeDurable();
      appendSeconds = (System.nanoTime() - start) / 1e9;
      logBytes = log.writtenBytes();
    }
    long start = System.nanoTime();
    long[] replayed = new long[1];
    try (WriteAheadLog log =
        WriteAheadLog.open(
            directory, options, 1, 0, (sequence, payload, bytes, from) -> replayed[0] += bytes)) {
      double replaySeconds = (System.nanoTime() - start) / 1e9;
      if (replayed[0] != payloadBytes) {
        throw new IOException(
            log.lastSequence() + " blocks replayed " + replayed[0] + " bytes of " + payloadBytes);
      }
      return new Result(rows.count(), payloadBytes, logBytes, appendSeconds, replaySeconds);
    }
  }
}
