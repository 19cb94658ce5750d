/**
 * Collections to embed: points with vectors and attributes under a name, from creation to removal.
 *
 * <p>{@link dev.arbalest.collections.Collections} is the door. Knows no protocol and no network.
 */
@NullMarked
package dev.arbalest.collections;

import org.jspecify.annotations.NullMarked;
