// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.model.CollectionException;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightStream;

/**
 * Waits for the descriptors of streams with a time limit. Arrow alone waits for ever if a client
 * sends no descriptor or has gone. Thread-safe.
 */
final class DescriptorTimeout {
  private static final int MAX_SECONDS = 30;

  private final Set<FutureTask<FlightDescriptor>> awaited = ConcurrentHashMap.newKeySet();

  /**
   * What a stream is about.
   *
   * @throws CollectionException if the client does not say
   */
  FlightDescriptor of(FlightStream stream) {
    FutureTask<FlightDescriptor> task = new FutureTask<>(stream::getDescriptor);
    awaited.add(task);
    Thread.ofVirtual().name("arbalest-descriptor").start(task);
    try {
      for (int second = 1; second <= MAX_SECONDS; second++) {
        try {
          return task.get(1, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
          if (stream.hasRoot()) { // or has failed: the descriptor would have come with it
            break;
          }
        }
      }
      throw CollectionException.invalid(
          "missing flight descriptor path: the first message must have a descriptor");
    } catch (CancellationException e) {
      throw new CollectionException(CollectionException.Kind.UNAVAILABLE, "the server stops", 0, e);
    } catch (ExecutionException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, "the stream has no descriptor: " + e.getCause(), 0, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectionException(CollectionException.Kind.UNAVAILABLE, "the server stops", 0, e);
    } finally {
      task.cancel(true);
      awaited.remove(task);
    }
  }

  /** Waits no longer. */
  void cancel() {
    awaited.forEach(task -> task.cancel(true));
  }
}
