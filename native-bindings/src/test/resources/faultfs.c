/*
 * A file system that passes everything through to a directory. On command it fails or delays calls
 * (the one way to make reads and writes of io_uring fail that a kernel without fault injection
 * has), fails one call of all, and records everything that changes what is on the disk.
 *
 *   faultfs CONTROL BACKING MOUNTPOINT RECORD
 *
 * CONTROL is a file of 32-bit numbers, see the enum below. RECORD receives, while RECORDING is set,
 * an entry per change in the order of their completion, little-endian:
 *
 *   u8 kind, u16 bytes of path, u16 bytes of second path, u64 a, u32 bytes of data,
 *   path, second path, data
 *
 *   1 create path    2 write path at a, data    3 truncate path to a    4 extend path to a
 *   5 sync path      6 rename path to second    7 remove path           8 make directory path
 *   9 sync directory path                       10 remove directory path
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  READ_ERRNO,   /* of reads of the files in MASK, 0 for none */
  WRITE_ERRNO,
  SYNC_ERRNO,
  DELAY_MS,     /* each of those waits */
  MASK,         /* 1 vectors.*, 2 *.wal, 4 all others */
  PASSES,       /* calls that pass before one fails */
  FAILED,       /* calls that have failed */
  STEP_ERRNO,   /* of the one call that fails; -1: it writes only a part */
  STEP,         /* which: counts down, the call that finds 1 fails */
  STEP_KINDS,   /* calls that count: a bit each, see below */
  STEPS,        /* calls counted */
  RECORDING,
  NUMBERS
};

enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, RENAME = 16, REMOVE = 32, MAKE = 64, SIZE = 128, LIST = 256 };

static _Atomic int *control;
static char backing[4096];
static FILE *record;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

static void full(char *out, const char *path) {
  snprintf(out, 8192, "%s%s", backing, path);
}

/* The error that the one call to fail ends with; 0 for all others, -1 for a part of a write. */
static int step(int kind) {
  if (!(atomic_load(&control[STEP_KINDS]) & kind)) {
    return 0;
  }
  atomic_fetch_add(&control[STEPS], 1);
  int error = atomic_load(&control[STEP_ERRNO]);
  if (error == 0 || atomic_fetch_sub(&control[STEP], 1) != 1) {
    return 0;
  }
  atomic_fetch_add(&control[FAILED], 1);
  return error;
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

/* Memory that processes share: it goes through the page cache, and is of no use after a crash. */
static int is_shared_memory(const char *path) {
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, "-shm") == 0;
}

static void note(int kind, const char *path, const char *second, uint64_t a,
    const char *data, uint32_t bytes) {
  if (!atomic_load(&control[RECORDING]) || is_shared_memory(path)) {
    return;
  }
  uint8_t k = kind;
  uint16_t lengths[] = {strlen(path), second ? strlen(second) : 0};
  fwrite(&k, 1, 1, record);
  fwrite(lengths, 2, 2, record);
  fwrite(&a, 8, 1, record);
  fwrite(&bytes, 4, 1, record);
  fwrite(path, 1, lengths[0], record);
  fwrite(second ? second : "", 1, lengths[1], record);
  if (bytes > 0) {
    fwrite(data, 1, bytes, record);
  }
  fflush(record);
}

#define PATH(name, path) char name[8192]; full(name, path)
#define RESULT(call) return (call) < 0 ? -errno : 0
#define STEP_OR_FAIL(kind) do { int e = step(kind); if (e > 0) return -e; } while (0)

/* Makes a change and records it, if it worked, before any other. */
#define CHANGE(call, entry) do { \
    pthread_mutex_lock(&changing); \
    int result = (call) < 0 ? -errno : 0; \
    if (result == 0) { entry; } \
    pthread_mutex_unlock(&changing); \
    return result; \
  } while (0)

static int do_getattr(const char *p, struct stat *st, struct fuse_file_info *fi) {
  (void) fi; PATH(f, p); RESULT(lstat(f, st));
}
static int do_mkdir(const char *p, mode_t mode) {
  STEP_OR_FAIL(MAKE); PATH(f, p); CHANGE(mkdir(f, mode), note(8, p, 0, 0, 0, 0));
}
static int do_unlink(const char *p) {
  STEP_OR_FAIL(REMOVE); PATH(f, p); CHANGE(unlink(f), note(7, p, 0, 0, 0, 0));
}
static int do_rmdir(const char *p) {
  STEP_OR_FAIL(REMOVE); PATH(f, p); CHANGE(rmdir(f), note(10, p, 0, 0, 0, 0));
}
static int do_rename(const char *a, const char *b, unsigned flags) {
  (void) flags;
  STEP_OR_FAIL(RENAME);
  PATH(f, a); PATH(g, b);
  CHANGE(rename(f, g), note(6, a, b, 0, 0, 0));
}
static int do_truncate(const char *p, off_t size, struct fuse_file_info *fi) {
  (void) fi; STEP_OR_FAIL(SIZE); PATH(f, p);
  CHANGE(truncate(f, size), note(3, p, 0, size, 0, 0));
}
static int do_utimens(const char *p, const struct timespec t[2], struct fuse_file_info *fi) {
  (void) fi; PATH(f, p); RESULT(utimensat(AT_FDCWD, f, t, AT_SYMLINK_NOFOLLOW));
}
static int do_chmod(const char *p, mode_t mode, struct fuse_file_info *fi) {
  (void) fi; PATH(f, p); RESULT(chmod(f, mode));
}
static int do_open(const char *p, struct fuse_file_info *fi) {
  STEP_OR_FAIL(OPEN);
  PATH(f, p);
  pthread_mutex_lock(&changing);
  int fd = open(f, fi->flags & ~O_DIRECT);
  int result = fd < 0 ? -errno : 0;
  if (fd >= 0 && (fi->flags & O_TRUNC)) {
    note(3, p, 0, 0, 0, 0);
  }
  pthread_mutex_unlock(&changing);
  if (result < 0) return result;
  fi->fh = fd;
  /* What is mapped must go through the page cache. */
  int may_map = (fi->flags & O_ACCMODE) == O_RDONLY;
  fi->direct_io = !is_shared_memory(p) && !may_map;
  return 0;
}
static int do_create(const char *p, mode_t mode, struct fuse_file_info *fi) {
  STEP_OR_FAIL(OPEN);
  PATH(f, p);
  pthread_mutex_lock(&changing);
  int fd = open(f, fi->flags & ~O_DIRECT, mode);
  int result = fd < 0 ? -errno : 0;
  if (fd >= 0) {
    note(1, p, 0, 0, 0, 0);
    fi->fh = fd;
    fi->direct_io = !is_shared_memory(p);
  }
  pthread_mutex_unlock(&changing);
  return result;
}
static int do_release(const char *p, struct fuse_file_info *fi) {
  (void) p; close(fi->fh); return 0;
}
static int do_read(const char *p, char *b, size_t n, off_t o, struct fuse_file_info *fi) {
  STEP_OR_FAIL(READ);
  int error = fault(READ_ERRNO, p);
  if (error) return -error;
  ssize_t done = pread(fi->fh, b, n, o);
  return done < 0 ? -errno : (int) done;
}
static int do_write(const char *p, const char *b, size_t n, off_t o, struct fuse_file_info *fi) {
  int one = step(WRITE);
  if (one > 0) return -one;
  if (one < 0 && n > 512) n = n / 2 / 512 * 512;
  int error = fault(WRITE_ERRNO, p);
  if (error) return -error;
  pthread_mutex_lock(&changing);
  ssize_t done = pwrite(fi->fh, b, n, o);
  int result = done < 0 ? -errno : (int) done;
  if (done > 0) {
    note(2, p, 0, o, b, done);
  }
  pthread_mutex_unlock(&changing);
  return result;
}
static int do_fsync(const char *p, int data, struct fuse_file_info *fi) {
  (void) data; (void) fi;
  STEP_OR_FAIL(SYNC);
  int error = fault(SYNC_ERRNO, p);
  if (error) return -error;
  pthread_mutex_lock(&changing);
  note(5, p, 0, 0, 0, 0); /* what was written is in the record; the disk below does not count */
  pthread_mutex_unlock(&changing);
  return 0;
}
static int do_fallocate(const char *p, int mode, off_t o, off_t n, struct fuse_file_info *fi) {
  (void) mode;
  STEP_OR_FAIL(SIZE);
  pthread_mutex_lock(&changing);
  int error = posix_fallocate(fi->fh, o, n);
  if (error == 0) {
    note(4, p, 0, o + n, 0, 0);
  }
  pthread_mutex_unlock(&changing);
  return -error;
}
static int do_opendir(const char *p, struct fuse_file_info *fi) {
  (void) p; (void) fi;
  STEP_OR_FAIL(LIST);
  return 0;
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
  (void) data; (void) fi;
  STEP_OR_FAIL(SYNC);
  pthread_mutex_lock(&changing);
  note(9, p, 0, 0, 0, 0);
  pthread_mutex_unlock(&changing);
  return 0;
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
  .fsync = do_fsync, .fallocate = do_fallocate, .opendir = do_opendir, .readdir = do_readdir,
  .fsyncdir = do_fsyncdir, .utimens = do_utimens, .chmod = do_chmod,
};

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: faultfs CONTROL BACKING MOUNTPOINT RECORD\n");
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
  record = fopen(argv[4], "ab");
  if (!record) {
    perror(argv[4]);
    return 1;
  }
  snprintf(backing, sizeof backing, "%s", argv[2]);
  char *arguments[] = {argv[0], "-f", "-o", "default_permissions,max_idle_threads=4", argv[3], NULL};
  return fuse_main(5, arguments, &operations, NULL);
}
