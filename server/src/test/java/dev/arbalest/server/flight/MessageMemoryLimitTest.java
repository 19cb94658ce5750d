// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;

/** Large buffers wait for others to be given back; Arrow's own limit still holds. */
class MessageMemoryLimitTest {
  private static final int MEBI = 1 << 20;

  @Test
  void largeBuffersWaitAndSmallOnesDoNot() throws Exception {
    MessageMemoryLimit memory = new MessageMemoryLimit(3 * MEBI);
    try (BufferAllocator allocator = new RootAllocator(memory, 8 * MEBI)) {
      ArrowBuf first = allocator.buffer(2 * MEBI);
      Thread second = new Thread(() -> allocator.buffer(2 * MEBI).close());
      second.start();
      for (int i = 0; i < 10_000 && second.getState() != Thread.State.TIMED_WAITING; i++) {
        Thread.sleep(1);
      }
      assertThat(second.getState()).isEqualTo(Thread.State.TIMED_WAITING);
      allocator.buffer(1024).close();
      MessageMemoryLimit.whileTakingIn(() -> {
        allocator.buffer(2 * MEBI).close(); // by who gives memory back
        return null;
      });
      assertThat(memory.taken()).isEqualTo(2 * MEBI);
      first.close();
      second.join();
      assertThat(memory.taken()).isZero();
    }
  }

  @Test
  void whoWaitsIsLetGoInTheEnd() throws Exception {
    MessageMemoryLimit memory = new MessageMemoryLimit(3 * MEBI);
    try (BufferAllocator allocator = new RootAllocator(memory, 8 * MEBI);
        ArrowBuf _ = allocator.buffer(2 * MEBI)) {
      Thread second = new Thread(() -> allocator.buffer(2 * MEBI).close());
      second.start();
      memory.close();
      second.join();
    }
    assertThat(memory.taken()).isZero();
  }

  @Test
  void whatNeverFitsFailsAndIsNotCounted() {
    MessageMemoryLimit memory = new MessageMemoryLimit(3 * MEBI);
    try (BufferAllocator allocator = new RootAllocator(memory, 8 * MEBI)) {
      allocator.buffer(4 * MEBI).close(); // alone it may be larger
      assertThatThrownBy(() -> allocator.buffer(16 * MEBI))
          .isInstanceOf(OutOfMemoryException.class);
      assertThat(memory.taken()).isZero();
    }
  }
}
