/* The last hand on a record before TypeScript sees it: checks that its layout is possible, keeps only the chosen
 * environment variables, and adds the command line to the records of the inventory. Runs on the shim's thread. */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE(record) ((struct sigil_section *)((record) + sizeof(struct sigil_header) + sizeof(struct sigil_process)))

/* In order and apart: what follows cuts the record where its last sections begin. */
static int sections_possible(const u8 *in, u32 length, u32 table, u32 count) {
  const struct sigil_section *t = (const void *)(in + table);
  u32 end = table + count * (u32)sizeof(struct sigil_section);
  if (count > 32 || length < end) return 0;
  for (u32 i = 0; i < count; i++) {
    if (t[i].offset < end || t[i].offset > length || t[i].length > length - t[i].offset) return 0;
    end = t[i].offset + t[i].length;
  }
  return 1;
}

/* An activity says itself how long its fixed part is. */
static int activity_possible(const u8 *in, u32 length) {
  const struct sigil_header *h = (const void *)in;
  const struct sigil_actor *a = (const void *)(in + sizeof(*h));
  u32 head = sizeof(*h) + sizeof(*a);
  if (h->kind >= SIGIL_KIND_MAX || length < head || length > SIGIL_ACTIVITY_MAX) return 0;
  if ((a->fixed_bytes & 3) || a->fixed_bytes > length - head) return 0;
  return sections_possible(in, length, head + a->fixed_bytes, h->sections);
}

static int layout_possible(const u8 *in, u32 length) {
  const struct sigil_header *h = (const void *)in;
  if (length < sizeof(*h) || h->size != length || (length & 7)) return 0;
  if (h->kind >= SIGIL_KIND_ACTIVITY) return activity_possible(in, length);
  switch (h->kind) {
    case SIGIL_KIND_FORK: return length == sizeof(*h) + sizeof(struct sigil_fork) && h->sections == 0;
    case SIGIL_KIND_EXIT: return length == sizeof(*h) + sizeof(struct sigil_exit) && h->sections == 0;
    case SIGIL_KIND_EXEC:
    case SIGIL_KIND_TASK: break;
    default: return 0;
  }
  return h->sections > 0 && sections_possible(in, length, sizeof(*h) + sizeof(struct sigil_process), h->sections);
}

/* Is NAME of `NAME=value` (`size` bytes, no NUL) one of the chosen? A chosen name may end in a star. */
static int env_chosen(const struct shim *s, const u8 *pair, u32 size) {
  const u8 *equals = memchr(pair, '=', size);
  if (!equals) return 0;
  size_t name = (size_t)(equals - pair);
  for (const char *n = s->env_names; *n; n += strlen(n) + 1) {
    size_t wanted = strlen(n);
    if (n[wanted - 1] == '*' ? name >= wanted - 1 && !memcmp(n, pair, wanted - 1) : name == wanted && !memcmp(n, pair, name))
      return 1;
  }
  return 0;
}

/* Appends the pair to `out` when it is chosen and there is room; returns the bytes used. */
static u32 env_keep(const struct shim *s, const u8 *pair, u32 size, u8 *out, u32 room) {
  if (size + 1 > room || !env_chosen(s, pair, size)) return 0;
  memcpy(out, pair, size);
  out[size] = 0;
  return size + 1;
}

static u32 env_filter(const struct shim *s, const u8 *env, u32 length, int cut, u8 *out) {
  u32 used = 0;
  for (u32 at = 0; at < length;) {
    const u8 *end = memchr(env + at, 0, length - at);
    u32 size = end ? (u32)(end - env) - at : length - at;
    /* The first pair of a cut block has lost its head, perhaps its name. */
    if (!(cut && at == 0)) used += env_keep(s, env + at, size, out + used, SIGIL_ENV_MAX - used);
    at += size + 1;
  }
  return used;
}

static u32 read_whole(const char *path, u8 *out, u32 room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  u32 used = 0;
  while (used < room) {
    ssize_t n = read(fd, out + used, room - used);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    used += (u32)n;
  }
  close(fd);
  return used;
}

/* Start of process `pid` in clock ticks since boot (proc_pid_stat(5), field 22); 0 when it is gone. */
static u64 start_ticks(u32 pid) {
  char path[40], text[1024];
  snprintf(path, sizeof(path), "/proc/%u/stat", pid);
  u32 n = read_whole(path, (u8 *)text, sizeof(text) - 1);
  text[n] = 0;
  char *at = strrchr(text, ')'); /* the name before it may hold anything */
  for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Command line of a process that ran before us: read from /proc, taken only when it is still the same process. */
static u32 inventory_args(const struct sigil_header *h, const struct sigil_process *p, u8 *out, u16 *flags) {
  char path[40];
  snprintf(path, sizeof(path), "/proc/%u/cmdline", h->pid);
  u32 n = read_whole(path, out, SIGIL_ARGS_MAX - 1);
  u64 ticks = p->start_ns / (1000000000ull / (u64)sysconf(_SC_CLK_TCK));
  u64 now = start_ticks(h->pid);
  if (n == 0 || now + 1 < ticks || now > ticks + 1) {
    *flags |= SIGIL_UNREADABLE;
    return 0;
  }
  if (n == SIGIL_ARGS_MAX - 1) *flags |= SIGIL_CUT;
  return n;
}

/* The chosen variables of an environment that is larger than what a program copies: whoever wants to hide LD_PRELOAD behind
 * padding must not succeed. Read from /proc in pieces; -1 when the process is gone, or another one has its pid. */
static int env_whole(struct shim *s, const struct sigil_header *h, const struct sigil_process *p, u8 *out) {
  char path[40];
  snprintf(path, sizeof(path), "/proc/%u/environ", h->pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  static const u32 pairs_max = 8 << 20; /* bytes: the kernel allows a quarter of the stack limit, 2 MiB by default */
  u32 used = 0, held = 0, seen = 0;
  int skipping = 0; /* inside a pair longer than the buffer */
  for (;;) {
    ssize_t n = read(fd, s->pairs + held, sizeof(s->pairs) - held);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || (seen += (u32)n) > pairs_max) break;
    held += (u32)n;
    u32 at = 0;
    for (u8 *end; (end = memchr(s->pairs + at, 0, held - at)); at = (u32)(end - s->pairs) + 1) {
      u32 size = (u32)(end - s->pairs) - at;
      if (!skipping) used += env_keep(s, s->pairs + at, size, out + used, SIGIL_ENV_MAX - used);
      skipping = 0;
    }
    held -= at;
    memmove(s->pairs, s->pairs + at, held);
    if (held == sizeof(s->pairs)) {
      skipping = 1;
      held = 0;
    }
  }
  close(fd);
  u64 ticks = p->start_ns / (1000000000ull / (u64)sysconf(_SC_CLK_TCK)), now = start_ticks(h->pid);
  return seen == 0 || now + 1 < ticks || now > ticks + 1 ? -1 : (int)used;
}

u32 record_finish(struct shim *s, const u8 *in, u32 length, u8 *out) {
  if (!layout_possible(in, length)) return 0;
  const struct sigil_header *h = (const void *)in;
  if (h->kind >= SIGIL_KIND_FILE_CREATE && h->kind <= SIGIL_KIND_FILE_ACCESS) return file_finish(s, in, length, out);
  if (h->kind != SIGIL_KIND_EXEC && h->kind != SIGIL_KIND_TASK) {
    memcpy(out, in, length);
    return length;
  }
  const struct sigil_process *p = (const void *)(in + sizeof(*h));
  const struct sigil_section *t = TABLE(in);
  /* The command line of the inventory and the environment come last in the table and in the bytes. */
  u32 last = h->sections - 1u;
  if (t[last].type != SIGIL_SECTION_ENV || last == 0 || t[last - 1].type != SIGIL_SECTION_ARGS) return 0;
  u32 used = h->kind == SIGIL_KIND_TASK ? t[last - 1].offset : t[last].offset;
  memcpy(out, in, used);
  struct sigil_section *table = TABLE(out);
  if (h->kind == SIGIL_KIND_TASK) {
    if (!(p->exe_flags & SIGIL_EXE_NONE)) table[last - 1].length = inventory_args(h, p, out + used, &table[last - 1].flags);
    used += table[last - 1].length;
    table[last].offset = used;
    table[last].length = 0;
  } else {
    int whole = t[last].flags & SIGIL_CUT ? env_whole(s, h, p, out + used) : -1;
    if (whole >= 0) {
      table[last].length = (u32)whole;
      table[last].flags &= (u16)~SIGIL_CUT;
    } else table[last].length = env_filter(s, in + t[last].offset, t[last].length, t[last].flags & SIGIL_CUT, out + used);
    used += table[last].length;
  }
  u32 size = (used + 7) & ~7u;
  memset(out + used, 0, size - used);
  ((struct sigil_header *)out)->size = size;
  return size;
}
