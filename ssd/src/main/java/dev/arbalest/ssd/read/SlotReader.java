// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Reads slots of the vector file into buffers it owns. One per search context, used by one thread
 * at a time.
 *
 * <p>A read is submitted for a buffer that has none in flight, and its bytes are valid from the
 * time {@link #await} names the buffer until the buffer's next submission.
 */
public sealed interface SlotReader extends AutoCloseable
    permits UringReader, PreadReader, MmapReader {

  /** Buffers, so reads in flight at once. */
  int capacity();

  /**
   * Queues the read of the first {@code bytes} of {@code slot} into {@code buffer}.
   *
   * @param bytes a multiple of 512, at most a slot
   * @param buffer in [0, capacity)
   * @return bytes the read moves from the device
   */
  int submit(long slot, int bytes, int buffer) throws IOException;

  /** Lets queued reads begin without waiting for them; {@link #await} does so too. */
  void start() throws IOException;

  /**
   * Waits until all submitted reads have completed.
   *
   * @throws IOException if any failed, when none is in flight any more
   */
  void await() throws IOException;

  /** Memory of all buffers. */
  MemorySegment memory();

  /** Where the slot read into {@code buffer} begins in {@link #memory}. */
  long offset(int buffer);

  @Override
  void close() throws IOException;
}
