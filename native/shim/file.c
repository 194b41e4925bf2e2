/* Names of files as they were passed to a system call, made into paths without links: the eBPF programs cannot look names up, and
 * whoever wants to hide where a file went has only to go there by way of a link. Asked is only what the kernel has at hand
 * (RESOLVE_CACHED), so nothing here waits for a disk or a server; what it does not have stays as it was passed, and says so by
 * lacking SIGIL_FILE_RESOLVED. Runs on the shim's thread, a moment after the call. */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* openat2(2), by number: the oldest glibc that we run on does not know it. */
#define NR_OPENAT2 437
#define RESOLVE_NO_MAGICLINKS_BIT 0x02
#define RESOLVE_IN_ROOT_BIT 0x10
#define RESOLVE_CACHED_BIT 0x20
struct how {
  u64 flags, mode, resolve;
};

#define PATH_BYTES 8192 /* a directory and a name */

static int open_path(int dir, const char *path, u64 resolve) {
  struct how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};
  return (int)syscall(NR_OPENAT2, dir, path, &how, sizeof(how));
}

static int path_of(int fd, char *out, u32 room) {
  char link[40];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, room - 1);
  if (n <= 0 || out[0] != '/') return -1;
  out[n] = 0;
  return (int)n;
}

/* Where a path begins that goes through /proc to what a process holds: PREFIX/root, /cwd or /fd/N. Length of that part, else 0. */
static u32 magic_prefix(const char *path, u32 pid, char *real, u32 room) {
  const char *rest = NULL;
  unsigned long other = pid;
  int used = 0;
  if (!strncmp(path, "/proc/self/", 11)) rest = path + 11;
  else if (!strncmp(path, "/proc/thread-self/", 18)) rest = path + 18;
  else if (sscanf(path, "/proc/%lu/%n", &other, &used) == 1 && used > 0) rest = path + used;
  else return 0;
  u32 length = 0;
  if (!strncmp(rest, "root", 4) || !strncmp(rest, "cwd", 3)) length = rest[0] == 'r' ? 4 : 3;
  else if (!strncmp(rest, "fd/", 3)) length = 3 + (u32)strspn(rest + 3, "0123456789");
  if (length == 0 || (rest[length] && rest[length] != '/')) return 0;
  snprintf(real, room, "/proc/%lu/%.*s", other, (int)length, rest);
  return (u32)(rest - path) + length;
}

/* File systems that answer from memory or from a disk of this machine: reading a link there waits for nobody's server. */
static int is_local(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs)) return 0;
  switch ((u32)fs.f_type) {
  case 0xef53: case 0x58465342: case 0x9123683e: case 0x01021994: case 0x794c7630: case 0xf2f52010: case 0x858458f6:
    return 1; /* ext, xfs, btrfs, tmpfs, overlay, f2fs, ramfs */
  default: return 0;
  }
}

#define LINKS_MAX 40       /* as the kernel has it */
#define COMPONENTS_MAX 256 /* of a path with its links; a longer way is no honest one */

static int at_root(int fd, int root) {
  struct stat a, b;
  return fstat(fd, &a) == 0 && fstat(root, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Component by component, for what the kernel does not look up at once because a link on the way is so new that its time of access
 * would change. The last component is followed too. */
static int walk_path(int root, const char *path) {
  char rest[PATH_BYTES], next[PATH_BYTES], name[256], link[PATH_BYTES];
  int links = 0, top = root < 0 ? open_path(AT_FDCWD, "/", 0) : dup(root);
  int at = top < 0 ? -1 : dup(top);
  if (strlen(path) >= sizeof(rest)) goto fail;
  strcpy(rest, path);
  for (int i = 0; at >= 0 && i < COMPONENTS_MAX; i++) {
    char *from = rest + strspn(rest, "/");
    size_t n = strcspn(from, "/");
    if (n == 0) {
      close(top);
      return at;
    }
    if (n >= sizeof(name)) goto fail;
    memcpy(name, from, n);
    name[n] = 0;
    memmove(rest, from + n, strlen(from + n) + 1);
    if (!strcmp(name, "..") && at_root(at, top)) continue;
    struct how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_CACHED_BIT | RESOLVE_NO_MAGICLINKS_BIT};
    int fd = (int)syscall(NR_OPENAT2, at, name, &how, sizeof(how));
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) goto fail;
    if (!S_ISLNK(st.st_mode)) {
      close(at);
      at = fd;
      continue;
    }
    ssize_t length = links++ < LINKS_MAX && is_local(fd) ? readlinkat(fd, "", link, sizeof(link) - 1) : -1;
    close(fd);
    if (length <= 0) goto fail;
    link[length] = 0;
    if ((size_t)snprintf(next, sizeof(next), "%s/%s", link, rest) >= sizeof(next)) goto fail;
    strcpy(rest, next);
    if (link[0] == '/') {
      close(at);
      at = dup(top);
    }
  }
fail:
  if (at >= 0) close(at);
  if (top >= 0) close(top);
  return -1;
}

/* A descriptor of what `path` means to process `pid`, links followed; -1 when that is not known at once. */
static int look_up(u32 pid, int root, const char *path) {
  char magic[64], own[40];
  u32 skip = root < 0 ? magic_prefix(path, pid, magic, sizeof(magic)) : 0;
  /* Its own root is ours, or `root` would say: also when it is gone by now. */
  snprintf(own, sizeof(own), "/proc/%u/root", pid);
  if (skip && !strcmp(magic, own)) {
    path = path[skip] ? path + skip : "/";
    skip = 0;
  }
  if (skip) {
    int at = open_path(AT_FDCWD, magic, 0); /* /proc is memory: it waits for nothing, and is never at hand in this sense */
    if (at < 0) return -1;
    const char *rest = path + skip;
    while (*rest == '/') rest++;
    if (!*rest) return at;
    int fd = open_path(at, rest, RESOLVE_CACHED_BIT | RESOLVE_NO_MAGICLINKS_BIT);
    close(at);
    return fd;
  }
  int fd = root < 0 ? open_path(AT_FDCWD, path, RESOLVE_CACHED_BIT | RESOLVE_NO_MAGICLINKS_BIT)
                    : open_path(root, path, RESOLVE_CACHED_BIT | RESOLVE_NO_MAGICLINKS_BIT | RESOLVE_IN_ROOT_BIT);
  return fd < 0 && errno == EAGAIN ? walk_path(root, path) : fd;
}

/* Identity and owner, as they are now. */
static void facts(struct sigil_file *f, const struct stat *st) {
  f->inode = st->st_ino;
  f->size = (u64)st->st_size;
  f->major = major(st->st_dev);
  f->minor = minor(st->st_dev);
  f->mode = st->st_mode;
  f->uid = st->st_uid;
  f->gid = st->st_gid;
  f->links = (u32)st->st_nlink;
}

/* Makes `whole` a path without links in `out`; its last component stays as it is unless `follow`. `f`, when there is one, gets
 * the identity of what is there. Returns the length, or -1. */
static int resolve(u32 pid, int root, char *whole, int follow, char *out, u32 room, struct sigil_file *f) {
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  const char *leaf = slash ? slash + 1 : NULL;
  struct stat st;
  if (!leaf || !*leaf || follow || !strcmp(leaf, ".") || !strcmp(leaf, "..")) {
    int fd = look_up(pid, root, whole);
    if (fd < 0) return -1;
    int n = path_of(fd, out, room);
    if (n > 0 && f && fstat(fd, &st) == 0) facts(f, &st);
    close(fd);
    return n;
  }
  *slash = 0;
  int fd = look_up(pid, root, slash == whole ? "/" : whole);
  *slash = '/';
  if (fd < 0) return -1;
  int n = path_of(fd, out, room);
  if (n > 0 && f && fstatat(fd, leaf, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) facts(f, &st);
  close(fd);
  if (n <= 0) return -1;
  if (n == 1) n = 0;
  int m = snprintf(out + n, room - (u32)n, "/%s", leaf);
  return m > 0 && (u32)(n + m) < room ? n + m : -1;
}

/* Paths are told below the root of their process. */
static int below(int root, char *path, int length) {
  char top[PATH_BYTES];
  int n = root < 0 ? -1 : path_of(root, top, sizeof(top));
  if (n <= 1 || length < n || memcmp(path, top, (size_t)n) || (path[n] && path[n] != '/')) return length;
  memmove(path, path + n, (size_t)(length - n) + 1);
  if (!*path) strcpy(path, "/");
  return (int)strlen(path);
}

/* The name in section `i` with its directory in section `i + 1`, put together. 0 when that cannot be done. */
static int whole_name(const u8 *in, const struct sigil_section *t, u32 i, char *out) {
  const struct sigil_section *name = &t[i], *dir = &t[i + 1];
  if ((name->flags & (SIGIL_CUT | SIGIL_UNREADABLE)) || (dir->flags & ~0u)) return 0;
  if (name->length && in[name->offset] == '/') {
    if (name->length >= PATH_BYTES) return 0;
    memcpy(out, in + name->offset, name->length);
    out[name->length] = 0;
    return 1;
  }
  if (!dir->length || dir->length + name->length + 2 > PATH_BYTES) return 0;
  memcpy(out, in + dir->offset, dir->length);
  out[dir->length] = '/';
  memcpy(out + dir->length + 1, in + name->offset, name->length);
  out[dir->length + 1 + name->length] = 0;
  return 1;
}

/* Is this the directory that the record names? On btrfs stat(2) tells another device than the kernel has. */
static int is_root(const struct sigil_file *f, int fd) {
  struct stat st;
  struct statfs fs;
  if (fstat(fd, &st) || st.st_ino != f->root_inode) return 0;
  if (f->root_dev == ((u32)major(st.st_dev) << 20 | (u32)minor(st.st_dev))) return 1;
  return fstatfs(fd, &fs) == 0 && (u32)fs.f_type == 0x9123683e;
}

/* The root directory of whoever passed a name: ours (-1), or a descriptor; -2 when nobody is left who has it. A process that is
 * gone by now had that of its parent, as far as the mount namespace and the directory itself tell. */
static int root_of(struct shim *s, const struct sigil_header *h, const struct sigil_actor *a, const struct sigil_file *f) {
  char path[40];
  struct stat st;
  int fd = open_path(AT_FDCWD, "/", 0);
  int is_ours = fd >= 0 && a->mnt_ns == s->mnt_ns && is_root(f, fd);
  if (fd >= 0) close(fd);
  if (is_ours) return -1;
  u32 pids[2] = {h->pid, a->ppid};
  for (u32 i = 0; i < 2; i++) {
    snprintf(path, sizeof(path), "/proc/%u/ns/mnt", pids[i]);
    if (stat(path, &st) || (u32)st.st_ino != a->mnt_ns) continue;
    snprintf(path, sizeof(path), "/proc/%u/root", pids[i]);
    fd = open_path(AT_FDCWD, path, 0);
    if (fd >= 0 && is_root(f, fd)) return fd;
    if (fd >= 0) close(fd);
  }
  return -2;
}

u32 file_finish(struct shim *s, const u8 *in, u32 length, u8 *out) {
  const struct sigil_header *h = (const void *)in;
  const struct sigil_actor *a = (const void *)(in + sizeof(*h));
  const struct sigil_file *f = (const void *)(in + sizeof(*h) + sizeof(*a));
  u32 table = (u32)(sizeof(*h) + sizeof(*a)) + a->fixed_bytes;
  memcpy(out, in, length);
  if (a->fixed_bytes != sizeof(*f) || h->sections < 2 || (f->flags & SIGIL_FILE_RESOLVED) || (a->flags & SIGIL_ACTOR_UNKNOWN)) return length;
  const struct sigil_section *t = (const void *)(in + table);
  struct sigil_section *to = (void *)(out + table);
  struct sigil_file *fixed = (void *)(out + sizeof(*h) + sizeof(*a));
  int root = root_of(s, h, a, f);
  if (root == -2) return length;
  u32 used = table + h->sections * (u32)sizeof(*t);
  int two = h->sections >= 4 && (h->kind == SIGIL_KIND_FILE_RENAME || h->kind == SIGIL_KIND_FILE_LINK);
  for (u32 i = 0; i < h->sections; i++) {
    char whole[PATH_BYTES], path[PATH_BYTES];
    int n = -1, sure = 1;
    if ((i == 0 || (i == 2 && two)) && whole_name(in, t, i, whole)) {
      int follow = i == 0 && (f->flags & SIGIL_FILE_FOLLOWS);
      struct sigil_file *found = i == 0 && h->kind != SIGIL_KIND_FILE_DELETE ? fixed : NULL;
      n = resolve(h->pid, root, whole, follow, path, sizeof(path), found);
      /* Gone by now: nobody can say any more whether it was a link. Its directory is known all the same. */
      if (n <= 0 && follow) {
        n = resolve(h->pid, root, whole, 0, path, sizeof(path), NULL);
        sure = 0;
      }
      if (n > 0) n = below(root, path, n);
    }
    to[i] = t[i];
    to[i].offset = used;
    if (n > 0 && n <= SIGIL_PATH_MAX) {
      memcpy(out + used, path, (size_t)n);
      to[i].length = (u32)n;
      used += (u32)n;
      if (i == 0 && sure) fixed->flags |= SIGIL_FILE_RESOLVED;
      /* Its directory is in it now. */
      i++;
      to[i] = t[i];
      to[i].offset = used;
      to[i].length = 0;
      continue;
    }
    memcpy(out + used, in + t[i].offset, t[i].length);
    used += t[i].length;
  }
  if (root >= 0) close(root);
  u32 size = (used + 7) & ~7u;
  memset(out + used, 0, size - used);
  ((struct sigil_header *)out)->size = size;
  return size;
}
