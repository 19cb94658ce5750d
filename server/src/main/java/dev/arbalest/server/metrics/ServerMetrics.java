// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import dev.arbalest.RecallCurve;
import dev.arbalest.SearchResult;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionListener;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.RecallFigures;
import dev.arbalest.natives.SystemFacts;
import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.DoubleSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** The figures of a server, for Prometheus. Thread-safe. */
public final class ServerMetrics implements CollectionListener {
  private static final String COLLECTION = "collection";
  private static final int LONGEST_REASON = 200;
  private Supplier<List<Collection>> watched = List::of;

  /** Figures of collections at the moment of a scrape; they are looked up once. */
  private Map<String, CollectionStats> scraped = new HashMap<>();

  private final PrometheusRegistry registry = new PrometheusRegistry();
  public final LatencyHistograms searches =
      new LatencyHistograms(
          "arbalest_search_seconds",
          "Time of searches with what is read of the points found, without waiting for a thread.",
          COLLECTION);
  private final LatencyHistograms requests =
      new LatencyHistograms(
          "arbalest_request_seconds", "Time of requests as the server sees it.", "operation");
  private final Counter hops = counter("arbalest_search_hops", "Graph nodes expanded.");
  private final Counter reads = counter("arbalest_search_reads", "Vectors read from disk.");
  private final Counter wasted =
      counter("arbalest_search_wasted_reads", "Vectors read from disk and not needed.");
  private final Counter hits = counter("arbalest_search_cache_hits", "Vectors found in the cache.");
  private final Counter scans =
      counter("arbalest_search_set_scans", "Filtered searches that compared all accepted points.");
  private final Counter traversals =
      counter("arbalest_search_set_traversals", "Filtered searches that traversed the graph.");
  private final Counter inserted = counter("arbalest_inserted_points", "Points inserted.");
  private final Counter deleted = counter("arbalest_deleted_points", "Points deleted.");
  private final Counter delays =
      counter("arbalest_write_delay_seconds", "Time writes were held up as memory was short.");
  private final Counter faults =
      counter("arbalest_faults", "Requests that failed by a fault of the collection.");
  private final Counter recallChecks =
      counter("arbalest_recall_checks", "Searches whose recall was checked.");
  private final Counter recallSeconds =
      counter("arbalest_recall_check_seconds", "Time of checking the recall of searches.");
  private final Counter answers =
      Counter.builder()
          .name("arbalest_requests")
          .help("Requests by protocol, operation and status.")
          .labelNames("protocol", "operation", "status")
          .register(registry);

  public ServerMetrics() {
    registry.register(searches);
    registry.register(requests);
    JvmMetrics.builder().register(registry);
  }

  private Counter counter(String name, String help) {
    return Counter.builder().name(name).help(help).labelNames(COLLECTION).register(registry);
  }

  private void gauge(String name, String help, DoubleSupplier value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .callback(callback -> callback.call(value.getAsDouble()))
        .register(registry);
  }

  /** Adds figures that are looked up when they are asked for. */
  public void watch(
      Supplier<List<Collection>> collections,
      IntSupplier waitingSearches,
      IntSupplier activeSearches,
      long memoryBytes) {
    watched = collections;
    gauge("arbalest_search_queue", "Searches that wait for a thread.", waitingSearches::getAsInt);
    gauge("arbalest_search_active", "Running searches.", activeSearches::getAsInt);
    gauge("arbalest_memory_budget_bytes", "Memory the process may take.", () -> memoryBytes);
    gauge(
        "arbalest_memory_used_bytes",
        "Memory that counts against the budget: what no file backs, the heap as it may become.",
        SystemFacts::budgetedBytes);
    each(collections, "arbalest_points", "Points.", stats -> stats.points());
    each(collections, "arbalest_slots", "Places for vectors.", stats -> stats.slots());
    each(collections, "arbalest_unlinked", "Points not in the graph.", stats -> stats.unlinked());
    each(collections, "arbalest_log_bytes", "Log on disk.", stats -> stats.logBytes());
    each(collections, "arbalest_index_bytes", "Memory of index.", stats -> stats.memoryBytes());
    each(
        collections,
        "arbalest_columns_bytes",
        "Memory of indexed fields, which is part of that of the index.",
        stats -> stats.columnsBytes());
    each(
        collections,
        "arbalest_attribute_bytes",
        "Database of attributes.",
        stats -> stats.attributeBytes());
    count(collections, "arbalest_log_syncs", "Times a log was synced.", stats -> stats.logSyncs());
    count(
        collections,
        "arbalest_log_sync_seconds",
        "Time that took.",
        stats -> stats.logSyncNanos() / 1e9);
    recall(
        collections,
        "arbalest_recall_estimate",
        "Share of the nearest points that searches find, over the last minutes.",
        RecallCurve.Estimate::recall);
    recall(
        collections,
        "arbalest_recall_standard_error",
        "Standard error of arbalest_recall_estimate.",
        RecallCurve.Estimate::standardError);
    GaugeWithCallback.builder()
        .name("arbalest_query_distance_ratio")
        .help("How much farther queries are from the points than the points from each other.")
        .labelNames(COLLECTION)
        .callback(callback ->
            forEachRecall(
                collections,
                (name, recall) ->
                    recall.distanceRatio().ifPresent(ratio -> callback.call(ratio, name))))
        .register(registry);
    GaugeWithCallback.builder()
        .name("arbalest_quarantined")
        .help("1 if the collection was taken out of service.")
        .labelNames(COLLECTION)
        .callback(callback -> {
          for (Collection collection : collections.get()) {
            boolean isOut = collection.quarantineReason() != null;
            callback.call(isOut ? 1 : 0, collection.name());
          }
        })
        .register(registry);
    GaugeWithCallback.builder()
        .name("arbalest_quarantine_info")
        .help("1 for a collection that was taken out of service, with the reason.")
        .labelNames(COLLECTION, "reason")
        .callback(callback -> {
          for (Collection collection : collections.get()) {
            String reason = collection.quarantineReason();
            if (reason != null) {
              String text = reason.substring(0, Math.min(LONGEST_REASON, reason.length()));
              callback.call(1, collection.name(), text);
            }
          }
        })
        .register(registry);
  }

  /** Adds the streams of writes over Arrow Flight. */
  public void watchStreams(IntSupplier active) {
    gauge("arbalest_ingest_streams", "Running streams of writes.", active::getAsInt);
  }

  /** Adds the messages of Flight. */
  public void watchIncoming(LongSupplier bytes) {
    gauge(
        "arbalest_flight_buffer_bytes",
        "Memory of large batches that came over Flight.",
        bytes::getAsLong);
  }

  /** Adds the bodies over HTTP. */
  public void watchBodies(LongSupplier bytes) {
    gauge("arbalest_body_bytes", "Room taken by bodies being read.", bytes::getAsLong);
  }

  private void count(
      Supplier<List<Collection>> collections,
      String name,
      String help,
      ToDoubleFunction<CollectionStats> value) {
    CounterWithCallback.builder()
        .name(name)
        .help(help)
        .labelNames(COLLECTION)
        .callback(callback -> forEach(collections, value, callback::call))
        .register(registry);
  }

  private void each(
      Supplier<List<Collection>> collections,
      String name,
      String help,
      ToDoubleFunction<CollectionStats> value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .labelNames(COLLECTION)
        .callback(callback -> forEach(collections, value, callback::call))
        .register(registry);
  }

  private void recall(
      Supplier<List<Collection>> collections,
      String name,
      String help,
      ToDoubleFunction<RecallCurve.Estimate> value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .labelNames(COLLECTION, "of")
        .callback(callback ->
            forEachRecall(
                collections,
                (collection, recall) ->
                    recall
                        .estimates()
                        .forEach((kind, estimate) ->
                            callback.call(
                                value.applyAsDouble(estimate), collection, kind.label()))))
        .register(registry);
  }

  private void forEachRecall(
      Supplier<List<Collection>> collections, BiConsumer<String, RecallFigures> sink) {
    for (Collection collection : collections.get()) {
      CollectionStats stats = scraped.getOrDefault(collection.name(), CollectionStats.NONE);
      sink.accept(collection.name(), stats.recall());
    }
  }

  /** Takes a figure of a collection. */
  @FunctionalInterface
  private interface Sink {
    void accept(double value, String collection);
  }

  private void forEach(
      Supplier<List<Collection>> collections, ToDoubleFunction<CollectionStats> value, Sink sink) {
    for (Collection collection : collections.get()) {
      CollectionStats stats = scraped.getOrDefault(collection.name(), CollectionStats.NONE);
      sink.accept(value.applyAsDouble(stats), collection.name());
    }
  }

  /** Figures of a collection, none if it is not in service. */
  private static CollectionStats statsOf(Collection collection) {
    try {
      return collection.stats();
    } catch (CollectionException e) {
      if (e.kind() == CollectionException.Kind.INTERNAL) {
        ServerLog.warn("figures of collection " + collection.name(), e);
      }
      return CollectionStats.NONE; // arbalest_quarantined says why
    }
  }

  @Override
  public void searched(String collection, long nanos, SearchResult result) {
    searches.record(collection, nanos);
    hops.labelValues(collection).inc(result.hops());
    reads.labelValues(collection).inc(result.reads());
    wasted.labelValues(collection).inc(result.wastedReads());
    hits.labelValues(collection).inc(result.cacheHits());
    switch (result.plan()) {
      case SET_SCAN -> scans.labelValues(collection).inc();
      case SET_TRAVERSAL -> traversals.labelValues(collection).inc();
      case TRAVERSAL, SCAN -> {}
    }
  }

  @Override
  public void inserted(String collection, int count) {
    inserted.labelValues(collection).inc(count);
  }

  @Override
  public void delayed(String collection, long nanos) {
    delays.labelValues(collection).inc(nanos / 1e9);
  }

  @Override
  public void recallChecked(String collection, long nanos) {
    recallChecks.labelValues(collection).inc();
    recallSeconds.labelValues(collection).inc(nanos / 1e9);
  }

  @Override
  public void deleted(String collection, int count) {
    deleted.labelValues(collection).inc(count);
  }

  @Override
  public void failed(String collection) {
    faults.labelValues(collection).inc();
  }

  public void answered(String protocol, String operation, String status, long nanos) {
    answers.labelValues(protocol, operation, status).inc();
    requests.record(operation, nanos);
  }

  /** Latency in microseconds below which a share of the last seconds' searches lies. */
  public double searchMicros(String collection, double share) {
    return searches.quantileMicros(collection, share);
  }

  /** Searches of a collection so far. */
  public long searches(String collection) {
    return searches.count(collection);
  }

  public double reads(String collection) {
    return reads.labelValues(collection).get();
  }

  private List<Counter> ofCollections() {
    return List.of(
        hops,
        reads,
        wasted,
        hits,
        scans,
        traversals,
        inserted,
        deleted,
        delays,
        faults,
        recallChecks,
        recallSeconds);
  }

  /** Shows it before anything was counted for it. */
  @Override
  public void added(String collection) {
    ofCollections().forEach(counter -> counter.initLabelValues(collection));
  }

  /** Keeps only what has been counted. */
  @Override
  public void closed(String collection) {
    searches.rest(collection);
  }

  /** Forgets it. */
  @Override
  public void dropped(String collection) {
    searches.forget(collection);
    ofCollections().forEach(counter -> counter.remove(collection));
  }

  public static String contentType() {
    return PrometheusTextFormatWriter.CONTENT_TYPE;
  }

  /** Writes all figures in Prometheus' text format. */
  public synchronized void write(OutputStream out) throws IOException {
    scraped = new HashMap<>();
    for (Collection collection : watched.get()) {
      scraped.put(collection.name(), statsOf(collection));
    }
    PrometheusTextFormatWriter.create()
        .write(out, registry.scrape(), EscapingScheme.UNDERSCORE_ESCAPING);
  }
}
