/**
 * Observes the server: metrics, latency histograms and the log.
 *
 * <p>Measures what collections and protocols tell it; knows no protocol.
 */
@NullMarked
package dev.arbalest.server.metrics;

import org.jspecify.annotations.NullMarked;
