/**
 * Distance and code kernels, each beside a scalar twin that tests compare it with.
 *
 * <p>Kernels come in threes: a public class that checks and dispatches, such as {@link
 * dev.arbalest.natives.kernels.F32Distance}; a package-private class of loops over absolute
 * addresses; and a scalar class that tests use as the oracle.
 */
@NullMarked
package dev.arbalest.natives.kernels;

import org.jspecify.annotations.NullMarked;
