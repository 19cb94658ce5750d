/** Running servers, as commands reach them over HTTP. Knows no command. */
@NullMarked
package dev.arbalest.cli.remote;

import org.jspecify.annotations.NullMarked;
