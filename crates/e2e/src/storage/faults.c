/* Preloaded into the real binary: it makes the storage of one directory fail on command.
 *
 * The test and the process share a mapped file. Only files under the directory are touched. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/* The same offsets as in shim.rs. */
struct orders {
    int64_t fail_sync;   /* the number of the sync that fails; 0 for none */
    int64_t syncs;       /* syncs so far */
    int64_t fail_writes; /* the error of every write; 0 for none */
    int64_t failed;      /* calls that were made to fail so far */
    char thread[16];     /* which thread made the last sync that failed */
};

static struct orders nobody;
static struct orders *orders = &nobody;
static char directory[PATH_MAX];

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("E2E_STORAGE_ORDERS");
    const char *root = getenv("E2E_STORAGE_DIRECTORY");
    if (file == NULL || root == NULL) return;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *shared = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED) abort();
    snprintf(directory, sizeof directory, "%s/", root);
    orders = shared;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LOAD(field) __atomic_load_n(&orders->field, __ATOMIC_SEQ_CST)
#define RAISE(field) __atomic_add_fetch(&orders->field, 1, __ATOMIC_SEQ_CST)

static int is_inside(const char *path) {
    return orders != &nobody && strncmp(path, directory, strlen(directory)) == 0;
}

static int is_ours(int fd) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return is_inside(path);
}

static int refuse(int error) {
    RAISE(failed);
    errno = error;
    return -1;
}

static int sync_fails(int fd) {
    if (!is_ours(fd) || RAISE(syncs) != LOAD(fail_sync)) return 0;
    prctl(PR_GET_NAME, orders->thread);
    return 1;
}

int fsync(int fd) { return sync_fails(fd) ? refuse(EIO) : REAL(fsync)(fd); }

int fdatasync(int fd) { return sync_fails(fd) ? refuse(EIO) : REAL(fdatasync)(fd); }

#define WRITES_FAIL(fd) (LOAD(fail_writes) != 0 && is_ours(fd))

ssize_t write(int fd, const void *bytes, size_t length) {
    return WRITES_FAIL(fd) ? refuse(LOAD(fail_writes)) : REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return WRITES_FAIL(fd) ? refuse(LOAD(fail_writes)) : REAL(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return WRITES_FAIL(fd) ? refuse(LOAD(fail_writes)) : REAL(pwrite64)(fd, bytes, length, at);
}

/* A full disk can still be cut; a read-only one cannot. */
int ftruncate(int fd, off_t length) {
    return LOAD(fail_writes) == EROFS && is_ours(fd) ? refuse(EROFS) : REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return LOAD(fail_writes) == EROFS && is_ours(fd) ? refuse(EROFS)
                                                     : REAL(ftruncate64)(fd, length);
}

static int open_fails(const char *path, int flags) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
    return LOAD(fail_writes) == EROFS && writes && is_inside(path);
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_of(flags, rest);                                                        \
        va_end(rest);                                                                              \
        return open_fails(path, flags) ? refuse(EROFS) : REAL(name)(path, flags, mode);            \
    }

OPEN(open)
OPEN(open64)
