/* Descriptors of files at the moment that they are opened to be executed (fanotify, FAN_OPEN_EXEC): a program that ends at once and
 * whose file is deleted can still be read. Only notifications: nothing waits for the agent. Who reads them is TypeScript's affair; the
 * descriptor is an ordinary one. */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Glibc's wrappers would do; these numbers save a look at their versions. */
static long fanotify_mark64(int fd, unsigned flags, u64 mask, const char *path) {
  return syscall(SYS_fanotify_mark, fd, flags, mask, AT_FDCWD, path);
}

/* A queue of executions, empty and watching nothing yet: 16,384 events, as the kernel bounds it. The descriptors that come with them
 * are read-only and do not change the file's time of access. A descriptor, or a negative errno. */
EXPORT s32 sigil_exec_watch_open(void) {
  long fd = syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NOATIME);
  return fd < 0 ? -errno : (s32)fd;
}

/* Watches the whole file system that `path` lies on; where that cannot be, its mount. 0, or a negative errno. */
EXPORT s32 sigil_exec_watch_add(s32 fd, const char *path) {
  if (!fanotify_mark64(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, path)) return 0;
  if (!fanotify_mark64(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_EXEC, path)) return 0;
  return -errno;
}

/* No more executions of the file behind `file` are told, until it is written to: it is known. 0, or a negative errno. */
EXPORT s32 sigil_exec_watch_ignore(s32 fd, s32 file) {
  return syscall(SYS_fanotify_mark, fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, (u64)FAN_OPEN_EXEC, file, NULL) ? -errno : 0;
}

/* All files are told of again. */
EXPORT s32 sigil_exec_watch_forget(s32 fd) {
  return syscall(SYS_fanotify_mark, fd, FAN_MARK_FLUSH, (u64)0, AT_FDCWD, NULL) ? -errno : 0;
}
