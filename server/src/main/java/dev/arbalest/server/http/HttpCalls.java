// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What HTTP requests become: calls with an operation, a scope and a reply. Stateless. */
final class HttpCalls {
  static final String JSON_TYPE = "application/json";

  private HttpCalls() {}

  /** What is sent back. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  record Reply(int status, String type, byte[] body) {
    static Reply of(String type, byte[] body) {
      return new Reply(200, type, body);
    }
  }

  /** A request, once it is known what it is. */
  record Call(
      String operation, AccessControl.@Nullable Scope scope, @Nullable String name, Work work) {}

  /** Answers a request. */
  @FunctionalInterface
  interface Work {
    Reply answer(AccessControl.Client client) throws IOException;
  }

  /** A result in Qdrant's envelope. */
  @FunctionalInterface
  interface Result {
    JsonNode of(AccessControl.Client client) throws IOException;
  }

  static Reply envelope(ObjectNode body, IncomingRequest request) {
    body.put("status", "ok");
    body.put("time", request.age() / 1e9);
    return Reply.of(JSON_TYPE, JsonBody.JSON.writeValueAsBytes(body));
  }

  static Call json(
      String operation,
      AccessControl.@Nullable Scope scope,
      @Nullable String name,
      IncomingRequest request,
      Result result) {
    return new Call(
        operation,
        scope,
        name,
        client -> {
          ObjectNode body = JsonBody.JSON.createObjectNode();
          body.set("result", result.of(client));
          return envelope(body, request);
        });
  }

  static CollectionException unknown(String method, String[] path) {
    return new CollectionException(
        CollectionException.Kind.NOT_FOUND,
        "no operation " + method + " /" + String.join("/", path) + "; see /openapi.yaml");
  }

  /** An operation that Qdrant has. */
  static CollectionException unsupported(String operation) {
    return new CollectionException(
        CollectionException.Kind.UNSUPPORTED,
        operation
            + " is not supported: this is one server, whose collections have one shard each "
            + "and are saved by copying their files (docs/operations.md)");
  }
}
