// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import java.io.IOException;

/** A system call that failed: which, with what, and the kernel's reason. */
public final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1;

  private final int errno;

  SystemCallException(String call, int errno) {
    super(call + ": " + Errno.describe(errno));
    this.errno = errno;
  }

  SystemCallException(String call, int errno, String remedy) {
    super(call + ": " + Errno.describe(errno) + "; " + remedy);
    this.errno = errno;
  }

  /** The kernel's error number, positive. */
  public int errno() {
    return errno;
  }

  /** True if the file system, a quota or a file size limit is full. */
  public boolean isOutOfSpace() {
    return errno == Errno.ENOSPC.number
        || errno == Errno.EDQUOT.number
        || errno == Errno.EFBIG.number;
  }
}
