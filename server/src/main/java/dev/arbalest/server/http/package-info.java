/**
 * HTTP: routes, limits and timeouts, request bodies and the status page.
 *
 * <p>Calls {@code qdrant} for the operations of that protocol.
 */
@NullMarked
package dev.arbalest.server.http;

import org.jspecify.annotations.NullMarked;
