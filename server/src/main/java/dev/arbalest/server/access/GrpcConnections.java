// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.access;

import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Refuses calls of an address that has too many connections of Flight or gRPC. Thread-safe. */
public final class GrpcConnections extends ServerTransportFilter implements ServerInterceptor {
  private final int mostPerAddress;
  private final Map<String, AtomicInteger> byAddress = new ConcurrentHashMap<>();

  public GrpcConnections(int mostPerAddress) {
    this.mostPerAddress = mostPerAddress;
  }

  private static String address(Attributes attributes) {
    @Nullable SocketAddress remote = attributes.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
    return remote instanceof InetSocketAddress internet
        ? internet.getAddress().getHostAddress()
        : String.valueOf(remote);
  }

  @Override
  public Attributes transportReady(Attributes attributes) {
    byAddress.computeIfAbsent(address(attributes), _ -> new AtomicInteger()).incrementAndGet();
    return attributes;
  }

  @Override
  public void transportTerminated(@Nullable Attributes attributes) {
    if (attributes != null) { // else it had not been ready
      byAddress.computeIfPresent(
          address(attributes), (_, count) -> count.decrementAndGet() <= 0 ? null : count);
    }
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    AtomicInteger count = byAddress.get(address(call.getAttributes()));
    if (count != null && count.get() > mostPerAddress) {
      call.close(
          Status.RESOURCE_EXHAUSTED.withDescription(
              "this address has more than " + mostPerAddress + " connections; close some"),
          new Metadata());
      return new ServerCall.Listener<>() {};
    }
    return next.startCall(call, headers);
  }
}
