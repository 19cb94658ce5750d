/**
 * Vectors in native memory and the metrics that compare them: the types of this module that
 * applications use.
 */
@NullMarked
package dev.arbalest.vector;

import org.jspecify.annotations.NullMarked;
