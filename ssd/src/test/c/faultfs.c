/*
 * A file system that passes everything through to a directory, and fails or waits on command:
 * the one way to make reads and writes of io_uring fail that a kernel without fault injection has.
 *
 *   faultfs CONTROL BACKING MOUNTPOINT
 *
 * CONTROL is a file of seven 32-bit numbers: errno for reads, errno for writes, errno for fsync,
 * milliseconds each of those waits, a mask of the files meant (1 vectors.*, 2 *.wal, 4 all others),
 * how many calls pass before one fails, and how many calls have failed.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_ERRNO, WRITE_ERRNO, SYNC_ERRNO, DELAY_MS, MASK, PASSES, FAILED, NUMBERS };

static _Atomic int *control;
static char backing[4096];

static void full(char *out, const char *path) {
  snprintf(out, 8192, "%s%s", backing, path);
}

/* The error a call is to end with, 0 for none. */
static int fault(int kind, const char *path) {
  const char *name = strrchr(path, '/');
  name = name ? name + 1 : path;
  size_t length = strlen(name);
  int class = strncmp(name, "vectors", 7) == 0 ? 1
      : length > 4 && strcmp(name + length - 4, ".wal") == 0 ? 2
      : 4;
  if (!(atomic_load(&control[MASK]) & class)) {
    return 0;
  }
  int wait = atomic_load(&control[DELAY_MS]);
  if (wait > 0) {
    usleep(1000 * wait);
  }
  int error = atomic_load(&control[kind]);
  if (error == 0 || atomic_fetch_sub(&control[PASSES], 1) > 0) {
    return 0;
  }
  atomic_fetch_add(&control[FAILED], 1);
  return error;
}

#define PATH(name, path) char name[8192]; full(name, path)
#define RESULT(call) return (call) < 0 ? -errno : 0

static int do_getattr(const char *p, struct stat *st, struct fuse_file_info *fi) {
  (void) fi; PATH(f, p); RESULT(lstat(f, st));
}
static int do_mkdir(const char *p, mode_t mode) { PATH(f, p); RESULT(mkdir(f, mode)); }
static int do_unlink(const char *p) { PATH(f, p); RESULT(unlink(f)); }
static int do_rmdir(const char *p) { PATH(f, p); RESULT(rmdir(f)); }
static int do_rename(const char *a, const char *b, unsigned flags) {
  (void) flags; PATH(f, a); PATH(g, b); RESULT(rename(f, g));
}
static int do_truncate(const char *p, off_t size, struct fuse_file_info *fi) {
  (void) fi; PATH(f, p); RESULT(truncate(f, size));
}
static int do_open(const char *p, struct fuse_file_info *fi) {
  PATH(f, p);
  int fd = open(f, fi->flags & ~O_DIRECT);
  if (fd < 0) return -errno;
  fi->fh = fd;
  fi->direct_io = 1;
  return 0;
}
static int do_create(const char *p, mode_t mode, struct fuse_file_info *fi) {
  PATH(f, p);
  int fd = open(f, fi->flags & ~O_DIRECT, mode);
  if (fd < 0) return -errno;
  fi->fh = fd;
  fi->direct_io = 1;
  return 0;
}
static int do_release(const char *p, struct fuse_file_info *fi) {
  (void) p; close(fi->fh); return 0;
}
static int do_read(const char *p, char *b, size_t n, off_t o, struct fuse_file_info *fi) {
  int error = fault(READ_ERRNO, p);
  if (error) return -error;
  ssize_t done = pread(fi->fh, b, n, o);
  return done < 0 ? -errno : (int) done;
}
static int do_write(const char *p, const char *b, size_t n, off_t o, struct fuse_file_info *fi) {
  int error = fault(WRITE_ERRNO, p);
  if (error) return -error;
  ssize_t done = pwrite(fi->fh, b, n, o);
  return done < 0 ? -errno : (int) done;
}
static int do_fsync(const char *p, int data, struct fuse_file_info *fi) {
  (void) data;
  int error = fault(SYNC_ERRNO, p);
  if (error) return -error;
  RESULT(fsync(fi->fh));
}
static int do_fallocate(const char *p, int mode, off_t o, off_t n, struct fuse_file_info *fi) {
  (void) p; (void) mode;
  int error = posix_fallocate(fi->fh, o, n);
  return -error;
}
static int do_readdir(const char *p, void *b, fuse_fill_dir_t fill, off_t o,
    struct fuse_file_info *fi, enum fuse_readdir_flags flags) {
  (void) o; (void) fi; (void) flags;
  PATH(f, p);
  DIR *d = opendir(f);
  if (!d) return -errno;
  for (struct dirent *e = readdir(d); e; e = readdir(d)) {
    fill(b, e->d_name, NULL, 0, 0);
  }
  closedir(d);
  return 0;
}
static int do_fsyncdir(const char *p, int data, struct fuse_file_info *fi) {
  (void) p; (void) data; (void) fi; return 0;
}
static void *do_init(struct fuse_conn_info *conn, struct fuse_config *config) {
  (void) conn;
  config->kernel_cache = 0;
  config->attr_timeout = 0;
  config->entry_timeout = 0;
  config->negative_timeout = 0;
  return NULL;
}

static const struct fuse_operations operations = {
  .init = do_init, .getattr = do_getattr, .mkdir = do_mkdir, .unlink = do_unlink,
  .rmdir = do_rmdir, .rename = do_rename, .truncate = do_truncate, .open = do_open,
  .create = do_create, .release = do_release, .read = do_read, .write = do_write,
  .fsync = do_fsync, .fallocate = do_fallocate, .readdir = do_readdir, .fsyncdir = do_fsyncdir,
};

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: faultfs CONTROL BACKING MOUNTPOINT\n");
    return 2;
  }
  int fd = open(argv[1], O_RDWR);
  if (fd < 0) {
    perror(argv[1]);
    return 1;
  }
  control = mmap(NULL, NUMBERS * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (control == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  snprintf(backing, sizeof backing, "%s", argv[2]);
  char *arguments[] = {argv[0], "-f", "-o", "default_permissions", argv[3], NULL};
  return fuse_main(5, arguments, &operations, NULL);
}
