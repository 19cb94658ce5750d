// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.protobuf.Message;
import io.grpc.stub.StreamObserver;
import io.qdrant.client.grpc.SnapshotsGrpc;
import io.qdrant.client.grpc.SnapshotsService.CreateFullSnapshotRequest;
import io.qdrant.client.grpc.SnapshotsService.CreateSnapshotRequest;
import io.qdrant.client.grpc.SnapshotsService.CreateSnapshotResponse;
import io.qdrant.client.grpc.SnapshotsService.DeleteFullSnapshotRequest;
import io.qdrant.client.grpc.SnapshotsService.DeleteSnapshotRequest;
import io.qdrant.client.grpc.SnapshotsService.DeleteSnapshotResponse;
import io.qdrant.client.grpc.SnapshotsService.ListFullSnapshotsRequest;
import io.qdrant.client.grpc.SnapshotsService.ListSnapshotsRequest;
import io.qdrant.client.grpc.SnapshotsService.ListSnapshotsResponse;

/** Qdrant's calls on snapshots, which are refused with what to do instead. Thread-safe. */
final class SnapshotsService extends SnapshotsGrpc.SnapshotsImplBase {
  private final GrpcCalls calls;

  SnapshotsService(GrpcCalls calls) {
    this.calls = calls;
  }

  private <R extends Message> void refuse(Message request, StreamObserver<R> observer) {
    calls.answer(
        "snapshot",
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported(request.getDescriptorForType().getName());
        });
  }

  @Override
  public void create(
      CreateSnapshotRequest request, StreamObserver<CreateSnapshotResponse> observer) {
    refuse(request, observer);
  }

  @Override
  public void list(ListSnapshotsRequest request, StreamObserver<ListSnapshotsResponse> observer) {
    refuse(request, observer);
  }

  @Override
  public void delete(
      DeleteSnapshotRequest request, StreamObserver<DeleteSnapshotResponse> observer) {
    refuse(request, observer);
  }

  @Override
  public void createFull(
      CreateFullSnapshotRequest request, StreamObserver<CreateSnapshotResponse> observer) {
    refuse(request, observer);
  }

  @Override
  public void listFull(
      ListFullSnapshotsRequest request, StreamObserver<ListSnapshotsResponse> observer) {
    refuse(request, observer);
  }

  @Override
  public void deleteFull(
      DeleteFullSnapshotRequest request, StreamObserver<DeleteSnapshotResponse> observer) {
    refuse(request, observer);
  }
}
