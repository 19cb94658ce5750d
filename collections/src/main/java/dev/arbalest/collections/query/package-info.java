/**
 * Queries of every protocol: what points are ranked by, in one or several stages, and how answers
 * are grouped. Knows collections, but no protocol.
 */
@NullMarked
package dev.arbalest.collections.query;

import org.jspecify.annotations.NullMarked;
