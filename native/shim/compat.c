/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions whose only version in a current glibc is too new for the hosts that Sigil runs on (see glibc-floor.h). They are
 * hidden, so they serve the shim and the libraries linked into it and nobody else.
 *
 * glibc 2.33 turned the stat family from inline wrappers of __xstat into symbols of their own. On the two machines that
 * Sigil is built for, the kernel fills in exactly glibc's `struct stat`, so the system call can be made directly. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#if !(defined(__x86_64__) || defined(__aarch64__))
#error "struct stat of the kernel and of glibc are only known to agree on x86-64 and arm64"
#endif

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN int fstat(int fd, struct stat *st) { return (int)syscall(SYS_fstat, fd, st); }

HIDDEN int fstatat(int dir, const char *path, struct stat *st, int flags) {
  return (int)syscall(SYS_newfstatat, dir, path, st, flags);
}

HIDDEN int stat(const char *path, struct stat *st) { return fstatat(AT_FDCWD, path, st, 0); }

HIDDEN int lstat(const char *path, struct stat *st) { return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW); }
