// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.cli.remote.ServerClient;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which running server a command writes to. */
final class RemoteOptions {
  @Option(
      names = "--url",
      defaultValue = "http://localhost:9090",
      description = "Address of the server's HTTP port. Default: ${DEFAULT-VALUE}.")
  private String url;

  @Option(
      names = "--api-key",
      defaultValue = "${env:ARBALEST_API_KEY}",
      description = "Access token, or the variable ARBALEST_API_KEY.")
  private @Nullable String key;

  String url() {
    return url;
  }

  ServerClient open() {
    return new ServerClient(url, key);
  }
}
