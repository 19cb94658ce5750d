/**
 * Memory that is bounded: {@link dev.arbalest.cache.VectorCache} keeps the vectors queries ask for
 * most, {@link dev.arbalest.cache.SlabPool} lends working memory.
 */
@NullMarked
package dev.arbalest.cache;

import org.jspecify.annotations.NullMarked;
