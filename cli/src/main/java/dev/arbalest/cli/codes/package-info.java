/** The trial of codecs behind the {@code codes} command. */
@NullMarked
package dev.arbalest.cli.codes;

import org.jspecify.annotations.NullMarked;
