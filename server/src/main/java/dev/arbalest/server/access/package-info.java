/** Decides which client may do what: tokens, scopes, rate limits and TLS. */
@NullMarked
package dev.arbalest.server.access;

import org.jspecify.annotations.NullMarked;
