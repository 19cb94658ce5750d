// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

/** Linux error numbers this module can meet, with what they usually mean for a user. */
enum Errno {
  EPERM(1, "not permitted"),
  ENOENT(2, "no such file"),
  EINTR(4, "interrupted"),
  EIO(5, "the device failed; check the kernel log and the disk"),
  ENXIO(6, "no such device"),
  EBADF(9, "bad file descriptor"),
  EAGAIN(11, "temporarily out of resources"),
  ENOMEM(12, "out of memory or locked-memory limit (ulimit -l) reached"),
  EACCES(13, "permission denied"),
  EFAULT(14, "bad address"),
  EBUSY(16, "busy"),
  EEXIST(17, "exists already"),
  ENOTDIR(20, "a part of the path is not a directory"),
  EISDIR(21, "is a directory"),
  EINVAL(22, "invalid argument, or alignment the file system does not accept"),
  EMFILE(24, "too many open files; raise ulimit -n"),
  EFBIG(27, "file too large for the limit (ulimit -f) or the file system"),
  ENOSPC(28, "no space left on the file system"),
  EROFS(30, "read-only file system"),
  ENOSYS(38, "the kernel or a seccomp filter does not offer this call"),
  EOPNOTSUPP(95, "not supported"),
  ETIMEDOUT(110, "timed out"),
  EDQUOT(122, "disk quota exceeded"),
  ECANCELED(125, "cancelled");

  final int number;
  final String meaning;

  Errno(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  static String describe(int number) {
    for (Errno errno : values()) {
      if (errno.number == number) {
        return errno.name() + " (" + number + "): " + errno.meaning;
      }
    }
    return "errno " + number;
  }
}
