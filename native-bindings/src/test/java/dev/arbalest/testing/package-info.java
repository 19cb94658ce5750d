/** Test support every module shares, as this module's test-jar. */
@NullMarked
package dev.arbalest.testing;

import org.jspecify.annotations.NullMarked;
