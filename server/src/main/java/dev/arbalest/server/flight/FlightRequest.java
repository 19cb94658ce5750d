// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flight.FlightDescriptor;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * A request of Arrow Flight that is JSON: a ticket, the body of an action, criteria.
 *
 * @param body never missing; members may be
 */
record FlightRequest(JsonNode body) {
  private static final String DATASET = "dataset";
  private static final String NAME = "name";

  /** Reads one; no bytes are an empty request. */
  static FlightRequest parse(byte @Nullable [] bytes) {
    if (bytes == null || bytes.length == 0) {
      return new FlightRequest(JsonBody.JSON.createObjectNode());
    }
    JsonText.requireText(bytes);
    try {
      JsonNode body = JsonBody.JSON.readTree(bytes);
      JsonText.requireNumbers(body);
      return new FlightRequest(body);
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  /** The collection it is about. */
  String name() {
    if (body.isString() && !body.stringValue().isEmpty()) {
      return body.stringValue(); // as clients drop a collection
    }
    String name = body.path(DATASET).asString(body.path(NAME).asString(""));
    if (name.isEmpty()) {
      throw CollectionException.invalid("the request names no dataset");
    }
    return name;
  }

  /** The collection it is about, or null if it is about all. */
  @Nullable String nameOrNull() {
    return body.isString() || body.hasNonNull(DATASET) || body.hasNonNull(NAME) ? name() : null;
  }

  /** The points it is about. */
  List<PointId> ids() {
    List<PointId> ids = new ArrayList<>();
    if (body.has("id")) {
      ids.add(PointId.of(body.path("id")));
    }
    body.path("ids").forEach(id -> ids.add(PointId.of(id)));
    if (ids.isEmpty()) {
      throw CollectionException.invalid("the request names no id");
    }
    return ids;
  }

  JsonNode get(String member) {
    return body.path(member);
  }

  /** What a descriptor's path says at a place. */
  static String pathOf(FlightDescriptor descriptor, int at) {
    List<String> path = descriptor.isCommand() ? List.of() : descriptor.getPath();
    if (path.size() <= at || path.get(at).isEmpty()) {
      throw CollectionException.invalid("missing flight descriptor path");
    }
    return path.get(at);
  }
}
