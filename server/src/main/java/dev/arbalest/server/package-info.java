/**
 * The server: collections of vectors with attributes, over Arrow Flight and HTTP.
 *
 * <p>{@link dev.arbalest.server.Collections} holds the {@link dev.arbalest.server.Collection}s of a
 * directory, each an index of {@code dev.arbalest.ssd} beside an {@link
 * dev.arbalest.server.AttributeStore}; both protocols call those.
 */
@NullMarked
package dev.arbalest.server;

import org.jspecify.annotations.NullMarked;
