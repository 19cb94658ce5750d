/**
 * Columns of indexed fields in memory, by the slots of the index, and the filters they answer.
 *
 * <p>Knows neither SQL nor a protocol.
 */
@NullMarked
package dev.arbalest.collections.columns;

import org.jspecify.annotations.NullMarked;
