/**
 * Observes the server: metrics, latency histograms, events and the log.
 *
 * <p>Measures what it is handed; knows no collection and no protocol.
 */
@NullMarked
package dev.arbalest.server.metrics;

import org.jspecify.annotations.NullMarked;
