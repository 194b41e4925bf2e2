/* Does one thing to a file, in one of the ways that there are: `files WAY ARGUMENT...`, the ways at the end of this file. Static, so
 * that it runs in any root. Exits with 0 when the thing was done, 3 when the kernel does not know the call. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static int dir_of(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) {
    perror(path);
    exit(125);
  }
  return fd;
}
static int done(long result) {
  if (result >= 0) return 0;
  if (errno == ENOSYS) return 3;
  perror("files");
  return 1;
}
static int octal(const char *text) { return (int)strtol(text, NULL, 8); }
struct how {
  unsigned long long flags, mode, resolve;
};

#define WAY(name) static int name(char **a)
WAY(open_create) { return done(syscall(SYS_open, a[0], O_WRONLY | O_CREAT | O_EXCL, 0640)); }
WAY(creat_) { return done(syscall(SYS_creat, a[0], 0600)); }
WAY(openat_create) { return done(openat(dir_of(a[0]), a[1], O_RDWR | O_CREAT, 0644)); }
WAY(openat2_create) {
  struct how how = {.flags = O_WRONLY | O_CREAT, .mode = 0604};
  return done(syscall(437, dir_of(a[0]), a[1], &how, sizeof(how)));
}
WAY(append) { return done(open(a[0], O_WRONLY | O_APPEND)); }
WAY(overwrite) { return done(open(a[0], O_WRONLY | O_TRUNC)); }
WAY(relative) { return done(chdir(a[0])) || done(open(a[1], O_WRONLY | O_CREAT, 0644)); }
WAY(tmpfile_) { return done(open(a[0], O_TMPFILE | O_RDWR, 0600)); }
WAY(read_) { return done(open(a[0], O_RDONLY)); }
WAY(try_read) {
  if (setgid(65534) || setuid(65534)) return 125;
  return open(a[0], O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}
WAY(by_handle) {
  union {
    struct file_handle h;
    char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } u;
  int mount;
  u.h.handle_bytes = MAX_HANDLE_SZ;
  if (name_to_handle_at(AT_FDCWD, a[0], &u.h, &mount, 0)) return done(-1);
  return done(open_by_handle_at(dir_of(a[1]), &u.h, O_WRONLY));
}
WAY(write_close) {
  int fd = open(a[0], O_WRONLY | O_CREAT, 0644);
  return done(fd) || done(write(fd, a[1], strlen(a[1]))) || done(close(fd));
}
WAY(close_deleted) {
  int fd = open(a[0], O_WRONLY | O_CREAT, 0644);
  return done(fd) || done(unlink(a[0])) || done(close(fd));
}
WAY(unlink_) { return done(syscall(SYS_unlink, a[0])); }
WAY(unlinkat_) { return done(unlinkat(dir_of(a[0]), a[1], 0)); }
WAY(unlinkat_dir) { return done(unlinkat(dir_of(a[0]), a[1], AT_REMOVEDIR)); }
WAY(rmdir_) { return done(syscall(SYS_rmdir, a[0])); }
WAY(rename_) { return done(syscall(SYS_rename, a[0], a[1])); }
WAY(renameat_) { return done(syscall(SYS_renameat, dir_of(a[0]), a[1], dir_of(a[2]), a[3])); }
WAY(renameat2_) { return done(syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], 2)); }
WAY(link_) { return done(syscall(SYS_link, a[0], a[1])); }
WAY(linkat_) { return done(linkat(dir_of(a[0]), a[1], dir_of(a[2]), a[3], 0)); }
WAY(symlink_) { return done(syscall(SYS_symlink, a[0], a[1])); }
WAY(symlinkat_) { return done(symlinkat(a[0], dir_of(a[1]), a[2])); }
WAY(mkdir_) { return done(syscall(SYS_mkdir, a[0], 0750)); }
WAY(mkdirat_) { return done(mkdirat(dir_of(a[0]), a[1], 0750)); }
WAY(mknod_) { return done(syscall(SYS_mknod, a[0], S_IFIFO | 0600, 0)); }
WAY(mknodat_) { return done(mknodat(dir_of(a[0]), a[1], S_IFIFO | 0600, 0)); }
WAY(chmod_) { return done(syscall(SYS_chmod, a[0], octal(a[1]))); }
WAY(fchmod_) { return done(fchmod(open(a[0], O_RDONLY), (mode_t)octal(a[1]))); }
WAY(fchmodat_) { return done(syscall(SYS_fchmodat, dir_of(a[0]), a[1], octal(a[2]))); }
WAY(fchmodat2_) { return done(syscall(452, dir_of(a[0]), a[1], octal(a[2]), 0)); }
WAY(chown_) { return done(syscall(SYS_chown, a[0], 12, 34)); }
WAY(lchown_) { return done(syscall(SYS_lchown, a[0], 12, 34)); }
WAY(fchown_) { return done(fchown(open(a[0], O_RDONLY), 12, (gid_t)-1)); }
WAY(fchownat_) { return done(fchownat(dir_of(a[0]), a[1], 12, 34, AT_SYMLINK_NOFOLLOW)); }
WAY(setxattr_) { return done(setxattr(a[0], "trusted.sigil", "x", 1, 0)); }
WAY(lsetxattr_) { return done(lsetxattr(a[0], "trusted.sigil", "x", 1, 0)); }
WAY(fsetxattr_) { return done(fsetxattr(open(a[0], O_RDONLY), "trusted.sigil", "x", 1, 0)); }
WAY(removexattr_) { return done(setxattr(a[0], "trusted.sigil", "x", 1, 0)) || done(removexattr(a[0], "trusted.sigil")); }
WAY(truncate_) { return done(truncate(a[0], 5)); }
WAY(ftruncate_) { return done(ftruncate(open(a[0], O_WRONLY), 5)); }
WAY(utime_) { return done(syscall(SYS_utime, a[0], NULL)); }
WAY(utimes_) { return done(syscall(SYS_utimes, a[0], NULL)); }
WAY(futimesat_) { return done(syscall(SYS_futimesat, dir_of(a[0]), a[1], NULL)); }
WAY(utimensat_) { return done(utimensat(dir_of(a[0]), a[1], NULL, 0)); }
WAY(futimens_) { return done(futimens(open(a[0], O_RDONLY), NULL)); }
WAY(in_chroot) { return done(chroot(a[0])) || done(chdir("/")) || done(open(a[1], O_WRONLY | O_CREAT, 0644)) || done(unlink(a[1])); }

/* Two names of one length take turns in the buffer that is passed, as fast as another thread can write them. */
static char turning[4096];
static const char *faces[2];
static volatile int turned;
static void *turn(void *nothing) {
  (void)nothing;
  for (unsigned i = 0; !turned; i++) memcpy(turning, faces[i & 1], strlen(faces[0]));
  return NULL;
}
/* swapped DIRECTORY COUNT: makes COUNT files by such a name; says on stdout which each became, by its descriptor. */
WAY(swapped) {
  pthread_t thread;
  char one[512], two[512], link[64], path[1024];
  int count = atoi(a[1]);
  snprintf(one, sizeof(one), "%s/swap-one", a[0]);
  snprintf(two, sizeof(two), "%s/swap-two", a[0]);
  faces[0] = one;
  faces[1] = two;
  strcpy(turning, one);
  if (pthread_create(&thread, NULL, turn, NULL)) return 125;
  for (int i = 0; i < count;) {
    int fd = open(turning, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) continue; /* half of one name and half of the other */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = 0;
    puts(path);
    close(fd);
    unlink(path);
    i++;
  }
  turned = 1;
  pthread_join(thread, NULL);
  return 0;
}

static const struct {
  const char *name;
  int (*way)(char **);
  int arguments;
} ways[] = {
#define IS(name, arguments) {#name, name, arguments}
  IS(open_create, 1), IS(creat_, 1), IS(openat_create, 2), IS(openat2_create, 2), IS(append, 1), IS(overwrite, 1), IS(relative, 2),
  IS(tmpfile_, 1), IS(read_, 1), IS(try_read, 1), IS(by_handle, 2), IS(write_close, 2), IS(close_deleted, 1), IS(unlink_, 1),
  IS(unlinkat_, 2), IS(unlinkat_dir, 2), IS(rmdir_, 1), IS(rename_, 2), IS(renameat_, 4), IS(renameat2_, 2), IS(link_, 2),
  IS(linkat_, 4), IS(symlink_, 2), IS(symlinkat_, 3), IS(mkdir_, 1), IS(mkdirat_, 2), IS(mknod_, 1), IS(mknodat_, 2), IS(chmod_, 2),
  IS(fchmod_, 2), IS(fchmodat_, 3), IS(fchmodat2_, 3), IS(chown_, 1), IS(lchown_, 1), IS(fchown_, 1), IS(fchownat_, 2),
  IS(setxattr_, 1), IS(lsetxattr_, 1), IS(fsetxattr_, 1), IS(removexattr_, 1), IS(truncate_, 1), IS(ftruncate_, 1), IS(utime_, 1),
  IS(utimes_, 1), IS(futimesat_, 2), IS(utimensat_, 2), IS(futimens_, 1), IS(in_chroot, 2), IS(swapped, 2),
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
    if (!strcmp(argv[1], ways[i].name)) return argc == 2 + ways[i].arguments ? ways[i].way(argv + 2) : 125;
  fprintf(stderr, "files: no such way\n");
  return 125;
}
