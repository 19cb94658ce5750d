/** Benchmarks of the hot loops; not a module, since JMH generates code beside them. */
@NullMarked
package dev.arbalest.bench;

import org.jspecify.annotations.NullMarked;
