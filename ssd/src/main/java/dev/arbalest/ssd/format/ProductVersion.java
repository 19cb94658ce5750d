// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** The version of this build. */
public final class ProductVersion {
  private static final String TEXT = load();

  private ProductVersion() {}

  /** Such as {@code 0.1.0}. */
  public static String text() {
    return TEXT;
  }

  private static String load() {
    try (InputStream in = ProductVersion.class.getResourceAsStream("version.txt")) {
      byte[] bytes =
          Objects.requireNonNull(in, "version.txt is missing from the jar").readAllBytes();
      return new String(bytes, StandardCharsets.UTF_8).trim();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
