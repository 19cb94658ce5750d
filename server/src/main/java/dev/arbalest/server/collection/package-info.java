/**
 * Collections: an index and its attributes as one unit, from creation to removal.
 *
 * <p>Knows no protocol.
 */
@NullMarked
package dev.arbalest.server.collection;

import org.jspecify.annotations.NullMarked;
