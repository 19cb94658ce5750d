/**
 * The index directory: its lock, its generations of files, and what they hold once loaded.
 *
 * <p>Rank 3. May use log, read and format.
 */
@NullMarked
package dev.arbalest.ssd.store;

import org.jspecify.annotations.NullMarked;
