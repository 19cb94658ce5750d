/**
 * Qdrant's REST operations: translates between its JSON and collections.
 *
 * <p>Knows nothing of sockets.
 */
@NullMarked
package dev.arbalest.server.qdrant;

import org.jspecify.annotations.NullMarked;
