package dev.arbalest.server;

import io.grpc.ForwardingServerCall;
import io.grpc.ForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/**
 * Asks for the next message of a call when the one before has been taken in: Arrow asks for five,
 * each of which may be hundreds of megabytes, and none of which its allocator counts yet.
 */
final class OneMessageAtATime implements ServerInterceptor {
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
    };
  }

  private static final class Paced<Q, R>
      extends ForwardingServerCall.SimpleForwardingServerCall<Q, R> {
    private int wanted;
    private boolean isComing;

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

    void taken() {
      synchronized (this) {
        isComing = false;
      }
      request(0);
    }
  }
}
