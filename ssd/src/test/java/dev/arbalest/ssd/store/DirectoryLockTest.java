// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("MustBeClosedChecker") // what is refused is not there to be closed
class DirectoryLockTest {
  @TempDir private Path directory;

  @Test
  void manyMayReadAndNobodyWritesMeanwhile() throws IOException {
    DirectoryLock.take(directory, DirectoryLock.Use.UPDATE).close();
    try (DirectoryLock first = DirectoryLock.take(directory, DirectoryLock.Use.READ);
        DirectoryLock second = DirectoryLock.take(directory, DirectoryLock.Use.READ)) {
      assertThat(first).isNotSameAs(second);
      assertThatThrownBy(() -> DirectoryLock.take(directory, DirectoryLock.Use.UPDATE))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(directory.toString());
    }
    try (DirectoryLock writer = DirectoryLock.take(directory, DirectoryLock.Use.UPDATE)) {
      assertThat(writer).isNotNull();
      assertThatThrownBy(() -> DirectoryLock.take(directory, DirectoryLock.Use.READ))
          .isInstanceOf(IOException.class);
      assertThatThrownBy(() -> DirectoryLock.take(directory, DirectoryLock.Use.UPDATE))
          .isInstanceOf(IOException.class);
    }
    try (DirectoryLock again = DirectoryLock.take(directory, DirectoryLock.Use.READ)) {
      assertThat(again).isNotNull();
    }
  }

  /** A copy may be on a disk that cannot be written to. */
  @Test
  void aDirectoryThatNobodyHasLockedIsReadWithoutALock() throws IOException {
    try (DirectoryLock reading = DirectoryLock.take(directory, DirectoryLock.Use.READ)) {
      assertThat(reading).isNotNull();
      assertThat(directory).isEmptyDirectory();
    }
  }

  @Test
  void aLockIsThatOfTheDirectoryWhateverItsName() throws IOException {
    Path other = directory.resolve("x").resolve("..");
    java.nio.file.Files.createDirectory(directory.resolve("x"));
    try (DirectoryLock lock = DirectoryLock.take(directory, DirectoryLock.Use.UPDATE)) {
      assertThat(lock).isNotNull();
      assertThatThrownBy(() -> DirectoryLock.take(other, DirectoryLock.Use.READ))
          .isInstanceOf(IOException.class);
    }
  }
}
