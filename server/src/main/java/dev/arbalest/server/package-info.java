/**
 * The server process: starts and stops it, and the commands that run or check it.
 *
 * <p>{@code collection} holds the collections of a directory; {@code http} and {@code flight} are
 * the protocols that call them.
 */
@NullMarked
package dev.arbalest.server;

import org.jspecify.annotations.NullMarked;
