/**
 * Measurements and comparisons that only benchmarks and diagnostic commands ask for.
 *
 * <p>Rank 4. Anything here may change or disappear in any release.
 */
@NullMarked
package dev.arbalest.ssd.trial;

import org.jspecify.annotations.NullMarked;
