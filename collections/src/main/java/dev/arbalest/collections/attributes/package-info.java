/**
 * Attributes of points: their database, its indexes, and filters on them.
 *
 * <p>The only package that knows SQL.
 */
@NullMarked
package dev.arbalest.collections.attributes;

import org.jspecify.annotations.NullMarked;
