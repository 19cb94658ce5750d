/** The Arrow Flight protocol: reads requests, calls collections, writes replies. */
@NullMarked
package dev.arbalest.server.flight;

import org.jspecify.annotations.NullMarked;
