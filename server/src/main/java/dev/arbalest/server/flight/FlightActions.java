// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionState;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.FlightProducer.StreamListener;
import org.apache.arrow.flight.Result;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The actions of Arrow Flight. Thread-safe. */
final class FlightActions {
  private static final AccessControl.Scope READ = AccessControl.Scope.READ;
  private static final AccessControl.Scope WRITE = AccessControl.Scope.WRITE;
  private static final String STATUS = "status";

  static final List<String> TYPES =
      List.of(
          FlightSearch.COMMAND,
          "VectorSearchByID",
          "delete",
          "Delete",
          "create",
          "delete-dataset",
          "drop",
          "CreateNamespace",
          "DeleteNamespace",
          "ListNamespaces",
          "check_readiness",
          "ForceSnapshot",
          "snapshot",
          "stats",
          "compact",
          "reopen");

  private final Collections collections;
  private final FlightSearch search;

  FlightActions(Collections collections, FlightSearch search) {
    this.collections = collections;
    this.search = search;
  }

  /** Carries out an action. */
  void run(AccessControl.Client client, Action action, StreamListener<Result> listener)
      throws IOException {
    if (!TYPES.contains(action.getType())) {
      throw new CollectionException(
          CollectionException.Kind.UNSUPPORTED, "unknown action " + action.getType());
    }
    FlightRequest request = FlightRequest.parse(action.getBody());
    switch (action.getType()) {
      case FlightSearch.COMMAND -> {
        client.require(READ, request.name());
        search.answer(request, listener);
      }
      case "VectorSearchByID" -> {
        client.require(READ, request.name());
        FlightReplies.send(listener, search.answerById(request));
      }
      case "stats" -> {
        client.require(READ, request.nameOrNull());
        FlightReplies.send(listener, stats(request));
      }
      case "check_readiness" -> {
        client.require(READ, request.nameOrNull());
        FlightReplies.send(listener, readiness(request));
      }
      case "ListNamespaces" -> {
        client.require(READ, null);
        FlightReplies.send(listener, namespaces());
      }
      case "CreateNamespace" -> {
        client.require(WRITE, null);
        collections.createNamespace(request.name());
        FlightReplies.send(listener, status("created"));
      }
      case "DeleteNamespace" -> {
        dropNamespace(client, request.name());
        FlightReplies.send(listener, status("deleted"));
      }
      case "ForceSnapshot", "snapshot" -> {
        client.require(WRITE, request.nameOrNull());
        FlightReplies.send(listener, maintain(request, Collection::checkpoint));
      }
      case "compact" -> {
        client.require(WRITE, request.nameOrNull());
        FlightReplies.send(listener, maintain(request, Collection::compact));
      }
      default -> FlightReplies.send(listener, change(client, action.getType(), request));
    }
  }

  /** Carries out what changes one collection. */
  private ObjectNode change(AccessControl.Client client, String type, FlightRequest request) {
    String name = request.name();
    client.require(WRITE, name);
    return switch (type) {
      case "create" -> {
        Collection _ = collections.create(name, settings(request));
        yield status("created");
      }
      case "delete-dataset", "drop" -> {
        collections.drop(name);
        yield status("deleted");
      }
      case "delete", "Delete" -> {
        int deleted = collections.get(name).delete(request.ids());
        yield status("deleted").put("deleted", deleted);
      }
      case "reopen" -> {
        Collection collection = collections.get(name);
        String codec = request.get("codec").asString("");
        boolean repair = request.get("repair").asBoolean(false);
        boolean ready = collection.reopen(repair, codec);
        yield FlightReplies.object().put("ready", ready).put("reason", collection.reason());
      }
      default -> throw new AssertionError(type);
    };
  }

  private static ObjectNode status(String text) {
    return FlightReplies.object().put(STATUS, text);
  }

  private static CollectionSettings settings(FlightRequest request) {
    Metric metric = ArrowPoints.metric(request.get("metric").asString("cosine"));
    return new CollectionSettings(
        JsonBody.integer(
            request.get("dimension"), "dimension", 0, Integer.MIN_VALUE, Integer.MAX_VALUE),
        metric,
        null,
        null);
  }

  private ObjectNode namespaces() {
    ObjectNode reply = FlightReplies.object();
    ArrayNode names = reply.putArray("namespaces");
    collections.namespaces().forEach(names::add);
    return reply.put("count", names.size());
  }

  /** Clients drop collections by this action, too. */
  private void dropNamespace(AccessControl.Client client, String name) {
    if (collections.has(name)) {
      client.require(WRITE, name);
      collections.drop(name);
      return;
    }
    client.require(WRITE, null);
    collections.dropNamespace(name);
  }

  /** The collection a request names, or all of them. */
  private List<Collection> named(FlightRequest request) {
    String name = request.nameOrNull();
    return name == null ? collections.list() : List.of(collections.get(name));
  }

  /** Does something to a collection, or to each: one that fails does not keep others from it. */
  private ObjectNode maintain(FlightRequest request, Consumer<Collection> maintenance) {
    ObjectNode failed = FlightReplies.object();
    for (Collection collection : named(request)) {
      try {
        maintenance.accept(collection);
      } catch (CollectionException e) {
        if (request.nameOrNull() != null) {
          throw e;
        }
        ServerLog.fault("collection " + collection.name(), e);
        failed.put(collection.name(), e.text());
      }
    }
    ObjectNode reply = status(failed.isEmpty() ? "ok" : "partly");
    if (!failed.isEmpty()) {
      reply.set("failed", failed);
    }
    return reply;
  }

  private ObjectNode readiness(FlightRequest request) {
    String name = request.nameOrNull();
    if (name != null && !collections.has(name)) {
      return status("NOT_FOUND").put("dataset", name);
    }
    List<Collection> asked = named(request);
    boolean busy = asked.stream().anyMatch(c -> c.state() == CollectionState.LOADING);
    boolean out =
        name != null && asked.stream().anyMatch(c -> c.state() == CollectionState.QUARANTINED);
    ObjectNode reply = status(busy || out ? "BUSY" : "READY");
    ObjectNode states = reply.putObject("collections");
    asked.forEach(c -> states.put(c.name(), c.stateName()));
    if (out) {
      reply.put("reason", asked.getFirst().reason());
    }
    return reply;
  }

  private ObjectNode stats(FlightRequest request) {
    ObjectNode reply = FlightReplies.object();
    ArrayNode all = reply.putArray("collections");
    for (Collection collection : named(request)) {
      ObjectNode figures = all.addObject();
      figures.put("name", collection.name());
      figures.put("state", collection.stateName());
      figures.put("reason", collection.reason());
      try {
        CollectionStats stats = collection.stats();
        CollectionSettings settings = collection.settings();
        if (settings.named()) {
          figures.put("vectors", settings.vectors().size());
        } else {
          figures.put("dimension", settings.dimension());
        }
        figures.put("rows", stats.points());
        figures.put("slots", stats.slots());
        figures.put("unlinked", stats.unlinked());
        figures.put("memory_bytes", stats.memoryBytes());
        figures.put("log_bytes", stats.logBytes());
        stats.recall().put(figures);
      } catch (CollectionException e) {
        ServerLog.fault("figures of collection " + collection.name(), e);
        figures.put("error", e.text());
      }
    }
    return reply;
  }
}
