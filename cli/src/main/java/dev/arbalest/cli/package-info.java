/**
 * The commands of {@code scripts/arbalest}, one class each. {@code --json} prints one JSON object
 * on standard output; everything else goes to standard error. Exit codes are those of {@link
 * dev.arbalest.cli.ExitCode}.
 */
@NullMarked
package dev.arbalest.cli;

import org.jspecify.annotations.NullMarked;
