// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.model.JsonBody;
import java.nio.charset.StandardCharsets;
import org.apache.arrow.flight.BackpressureStrategy;
import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.FlightProducer.StreamListener;
import org.apache.arrow.flight.Result;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import tools.jackson.databind.node.ObjectNode;

/** Replies of Arrow Flight, and waiting until their client has read them. */
final class FlightReplies {
  private static final long CLIENT_WAIT_MILLIS = 60_000;

  private FlightReplies() {}

  static ObjectNode object() {
    return JsonBody.JSON.createObjectNode();
  }

  static void send(StreamListener<Result> listener, ObjectNode reply) {
    listener.onNext(new Result(reply.toString().getBytes(StandardCharsets.UTF_8)));
  }

  /** Memory that the sender gives back. */
  static ArrowBuf buffer(BufferAllocator allocator, ObjectNode node) {
    byte[] bytes = node.toString().getBytes(StandardCharsets.UTF_8);
    ArrowBuf buffer = allocator.buffer(bytes.length);
    buffer.writeBytes(bytes);
    return buffer;
  }

  /** Waits until the client has read the previous messages. */
  static void await(BackpressureStrategy pressure) {
    BackpressureStrategy.WaitResult result = pressure.waitForListener(CLIENT_WAIT_MILLIS);
    if (result != BackpressureStrategy.WaitResult.READY) {
      throw CallStatus.CANCELLED
          .withDescription("the client does not read: " + result)
          .toRuntimeException();
    }
  }
}
