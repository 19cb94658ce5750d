/**
 * The operating system: io_uring rings, O_DIRECT files, mappings, native memory and worker threads.
 */
@NullMarked
package dev.arbalest.natives;

import org.jspecify.annotations.NullMarked;
