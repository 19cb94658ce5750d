// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.hardwood.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A file whose last bytes are followed by a few zeros. The reader of Parquet takes {@link
 * #HEADER_BYTES} to find a header of a few, and fails where a small file has fewer left.
 */
final class PaddedFile implements InputFile {
  private static final int HEADER_BYTES = 1024;

  private final InputFile file;

  PaddedFile(InputFile file) {
    this.file = file;
  }

  @Override
  public void open() throws IOException {
    file.open();
  }

  @Override
  public ByteBuffer readRange(long offset, int length) throws IOException {
    long left = file.length() - offset;
    if (length > HEADER_BYTES || left >= length || left < 1) {
      return file.readRange(offset, length);
    }
    ByteBuffer padded = ByteBuffer.allocate(length);
    padded.put(0, file.readRange(offset, (int) left), 0, (int) left);
    return padded;
  }

  @Override
  public long length() throws IOException {
    return file.length();
  }

  @Override
  public String name() {
    return file.name();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
