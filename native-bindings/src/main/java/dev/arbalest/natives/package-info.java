/**
 * Distance kernels, io_uring rings, O_DIRECT files and off-heap memory: the one place that touches
 * the kernel and the vector unit.
 *
 * <p>Kernels come in threes: a public class that checks and dispatches ({@link
 * dev.arbalest.natives.F32Distance}), a package-private class of loops over absolute addresses, and
 * a scalar twin that is their test oracle.
 */
@NullMarked
package dev.arbalest.natives;

import org.jspecify.annotations.NullMarked;
