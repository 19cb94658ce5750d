/**
 * Values that both protocols share: options, names, ids, settings, JSON and errors.
 *
 * <p>Uses no other package of the server.
 */
@NullMarked
package dev.arbalest.server.model;

import org.jspecify.annotations.NullMarked;
