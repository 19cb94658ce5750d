/**
 * How a server runs: its options and what is wrong with them.
 *
 * <p>Uses no other package of the server.
 */
@NullMarked
package dev.arbalest.server.model;

import org.jspecify.annotations.NullMarked;
