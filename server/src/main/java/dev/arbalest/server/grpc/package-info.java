/**
 * Qdrant's gRPC interface: its calls, read into the same requests that REST's are, and their
 * results as its messages. The messages are those of Qdrant's Java client.
 */
@NullMarked
package dev.arbalest.server.grpc;

import org.jspecify.annotations.NullMarked;
