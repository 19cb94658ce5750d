// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.ServerOptions;
import java.time.Instant;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The figures the status page shows. */
final class StatusPage {
  private final Collections collections;
  private final SearchPool pool;
  private final ServerMetrics metrics;
  private final ServerOptions options;
  private final Instant started = Instant.now();

  StatusPage(
      Collections collections, SearchPool pool, ServerMetrics metrics, ServerOptions options) {
    this.collections = collections;
    this.pool = pool;
    this.metrics = metrics;
    this.options = options;
  }

  ObjectNode json() {
    ObjectNode root = JsonBody.JSON.createObjectNode();
    root.put("time_ms", System.currentTimeMillis());
    root.put("started", started.toString());
    root.put("memory_used_bytes", SystemFacts.budgetedBytes());
    root.put("memory_budget_bytes", options.memoryBytes());
    root.put("searches_waiting", pool.waiting());
    root.put("searches_active", pool.active());
    ArrayNode all = root.putArray("collections");
    for (Collection collection : collections.list()) {
      ObjectNode one = all.addObject();
      one.put("name", collection.name());
      one.put("state", collection.stateName());
      one.put("reason", collection.reason());
      try {
        CollectionSettings settings = collection.settings();
        CollectionStats stats = collection.stats();
        if (settings.named()) {
          one.put("vectors", settings.vectors().size());
        } else {
          one.put("dimension", settings.dimension());
          one.put("metric", settings.metric().label());
        }
        one.put("points", stats.points());
        one.put("unlinked", stats.unlinked());
        one.put("memory_bytes", stats.memoryBytes());
        one.put("log_bytes", stats.logBytes());
        stats.recall().put(one);
      } catch (CollectionException e) {
        ServerLog.fault("figures of collection " + collection.name(), e);
        one.put("reason", e.text()); // or not in service
      }
      one.put("searches", metrics.searches(collection.name()));
      one.put("reads", metrics.reads(collection.name()));
      one.put("p50_us", metrics.searchMicros(collection.name(), 0.5));
      one.put("p99_us", metrics.searchMicros(collection.name(), 0.99));
    }
    return root;
  }
}
