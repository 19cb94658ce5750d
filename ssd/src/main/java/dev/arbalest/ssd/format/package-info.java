/**
 * File formats: reads and writes the bytes of one file and checks them.
 *
 * <p>Rank 1. May use no other package of the engine; decides nothing about when a file is written.
 */
@NullMarked
package dev.arbalest.ssd.format;

import org.jspecify.annotations.NullMarked;
