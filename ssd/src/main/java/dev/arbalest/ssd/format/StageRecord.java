// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The seconds each stage of a build took, kept as the extended attribute {@code
 * user.arbalest.stages} of the manifest: the bytes of an index do not depend on how long it took to
 * build. File systems without such attributes, and copies that leave them behind, lose them.
 */
public final class StageRecord {
  private static final String NAME = "arbalest.stages";

  private StageRecord() {}

  public static void write(Path directory, Map<String, Double> seconds) {
    StringBuilder text = new StringBuilder();
    seconds.forEach(
        (stage, taken) -> text.append(String.format(Locale.ROOT, "%s %.3f\n", stage, taken)));
    try {
      view(directory)
          .write(NAME, ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8)));
    } catch (IOException | UnsupportedOperationException e) {
      // Nothing depends on it, and no other place would leave the files as they are.
      System.getLogger(StageRecord.class.getName())
          .log(System.Logger.Level.DEBUG, "stage times are not kept: {0}", e);
    }
  }

  private static UserDefinedFileAttributeView view(Path directory) {
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(
            directory.resolve(Manifest.FILE_NAME), UserDefinedFileAttributeView.class);
    if (view == null) {
      throw new UnsupportedOperationException("no extended attributes");
    }
    return view;
  }

  /** The seconds of each stage in order; empty if they were not kept or cannot be read. */
  public static Map<String, Double> read(Path directory) {
    Map<String, Double> seconds = new LinkedHashMap<>();
    try {
      UserDefinedFileAttributeView view = view(directory);
      if (!view.list().contains(NAME)) {
        return seconds;
      }
      ByteBuffer bytes = ByteBuffer.allocate(view.size(NAME));
      int _ = view.read(NAME, bytes);
      for (String line : new String(bytes.array(), StandardCharsets.UTF_8).split("\n", -1)) {
        int space = line.indexOf(' ');
        if (space > 0) {
          seconds.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
        }
      }
      return seconds;
    } catch (IOException | UnsupportedOperationException | NumberFormatException e) {
      return Map.of();
    }
  }
}
