// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import io.grpc.ForwardingServerCall;
import io.grpc.ForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;

/**
 * Asks for the next message of a call when the one before has been taken in: Arrow asks for five,
 * which may be hundreds of megabytes each and which its allocator does not count yet.
 */
final class MessageFlowControl implements ServerInterceptor {
  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    Paced<Q, R> paced = new Paced<>(call);
    return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
        next.startCall(paced, headers)) {
      @Override
      public void onMessage(Q message) {
        super.onMessage(message);
        paced.taken();
      }

      @Override
      public void onHalfClose() {
        paced.ended = true;
        super.onHalfClose();
      }

      @Override
      public void onComplete() {
        if (paced.ended) {
          super.onComplete();
        } else {
          super.onCancel(); // a message could not be read: wake the thread that waits for the next
        }
      }
    };
  }

  private static final class Paced<Q, R>
      extends ForwardingServerCall.SimpleForwardingServerCall<Q, R> {
    private int wanted;
    private boolean isComing;

    /** Whether the client has sent everything, or the server has answered. */
    private volatile boolean ended;

    Paced(ServerCall<Q, R> call) {
      super(call);
    }

    @Override
    public void request(int count) {
      synchronized (this) {
        wanted += count;
        if (isComing || wanted == 0) {
          return;
        }
        wanted--;
        isComing = true;
      }
      super.request(1);
    }

    @Override
    public void close(Status status, Metadata trailers) {
      ended = true;
      super.close(status, trailers);
    }

    void taken() {
      synchronized (this) {
        isComing = false;
      }
      request(0);
    }
  }
}
