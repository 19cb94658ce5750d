/**
 * Searches: graph traversal by codes, reranking by full-precision vectors, and warm-up.
 *
 * <p>Rank 4. May use store, read and format; changes no file.
 */
@NullMarked
package dev.arbalest.ssd.search;

import org.jspecify.annotations.NullMarked;
