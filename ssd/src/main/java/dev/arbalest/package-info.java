/**
 * The public API: the types an application imports, and no others.
 *
 * <p>{@link dev.arbalest.Index} builds, opens and searches an index. {@link
 * dev.arbalest.IndexVerifier}, {@link dev.arbalest.IndexRepair} and {@link dev.arbalest.Tuner} work
 * on an index as a whole. docs/format.md describes the files.
 */
@NullMarked
package dev.arbalest;

import org.jspecify.annotations.NullMarked;
