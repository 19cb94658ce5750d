// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.store.IndexDirectory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeSet;

/** SHA-256 over all files of an index, so that two builds can be compared. */
public final class IndexDigest {
  private IndexDigest() {}

  /**
   * Digests, in the order of their names, each file the manifest names and the manifest itself:
   * name, a zero byte, then the SHA-256 of the content.
   */
  public static String sha256(Path directory) throws IOException {
    Manifest manifest = IndexDirectory.readManifest(directory);
    TreeSet<String> names = new TreeSet<>();
    names.add(Manifest.FILE_NAME);
    manifest.files().values().forEach(entry -> names.add(entry.name()));
    MessageDigest all = digest();
    byte[] buffer = new byte[1 << 20];
    for (String name : names) {
      MessageDigest one = digest();
      try (InputStream in = Files.newInputStream(directory.resolve(name))) {
        for (int read = in.read(buffer); read > 0; read = in.read(buffer)) {
          one.update(buffer, 0, read);
        }
      }
      all.update(name.getBytes(StandardCharsets.UTF_8));
      all.update((byte) 0);
      all.update(one.digest());
    }
    return HexFormat.of().formatHex(all.digest());
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
