// SPDX-License-Identifier: Apache-2.0
/** Inverted indexes of sparse vectors, in memory. */
@org.jspecify.annotations.NullMarked
package dev.arbalest.collections.sparse;
