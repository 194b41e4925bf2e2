/* Loading and attaching the eBPF programs, each for itself: the whole object in one go where the kernel takes all of it, and
 * program by program, sharing the maps, where it does not. What failed is reported with its errno and the verifier's words. */
#include "shim.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* native/bpf/process.bpf.c, embedded by the build. */
extern const unsigned char sigil_process_object[];
extern const unsigned int sigil_process_object_size;

#define PROBES 5
#define SCRATCH_SLOTS 2

struct kernel_side {
  struct bpf_object *object[PROBES]; /* [0] owns the maps */
  struct bpf_link *link[PROBES];
  struct bpf_program *program[PROBES];
  struct probe probe[PROBES];
  int critical_fd, counters_fd, cpus;
  struct sigil_counters *percpu;
};

static const struct probe probes[PROBES] = {
  {.name = "process_exec", .kind = SIGIL_KIND_EXEC},
  {.name = "process_fork", .kind = SIGIL_KIND_FORK},
  {.name = "process_exit_group", .instead = "process_exit_live", .kind = SIGIL_KIND_EXIT},
  {.name = "process_exit_live", .instead = "process_exit_group", .kind = SIGIL_KIND_EXIT},
  {.name = "process_inventory", .kind = SIGIL_KIND_TASK},
};

/* libbpf's last words, for the report. One open at a time, on one thread. */
static __thread char last_words[256];

static void keep(const char *separator, const char *text, size_t length) {
  size_t used = strlen(last_words);
  int n = length > INT_MAX ? INT_MAX : (int)length;
  snprintf(last_words + used, sizeof(last_words) - used, "%s%.*s", separator, n, text);
}

/* The verifier's log ends with its reason, a line of statistics, and libbpf's own mark. */
static void keep_reason(const char *log) {
  const char *reason = log, *end = strstr(log, "-- END PROG LOAD LOG --");
  for (const char *line = strchr(log, '\n'); line && line[1] && line + 1 != end; line = strchr(line + 1, '\n'))
    if (line[1] != '\n' && strncmp(line + 1, "processed ", 10)) reason = line + 1;
  keep(": ", reason, strcspn(reason, "\n"));
}

static int keep_words(enum libbpf_print_level level, const char *format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  /* The first warning of a failure says what went wrong, the log why; the others say that it did. */
  int is_log = strstr(format, "BEGIN PROG LOAD LOG") != NULL;
  if (last_words[0] && !is_log) return 0;
  char *text;
  if (vasprintf(&text, format, args) < 0) return 0;
  if (is_log) keep_reason(text);
  else keep("", text, strcspn(text, "\n"));
  free(text);
  return 0;
}

static void set_sizes(struct shim *s, struct kernel_side *k, struct bpf_object *object) {
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "critical"), s->options.critical_ring_bytes);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "scratch_map"), (u32)k->cpus * SCRATCH_SLOTS);
}

static struct bpf_object *open_object(void) {
  return bpf_object__open_mem(sigil_process_object, sigil_process_object_size, NULL);
}

/* Since 6.16 the exit tracepoint says whether the group is dead. A guess that decides only what is tried first. */
static int exit_says_group(void) {
  struct utsname u;
  unsigned major = 0, minor = 0;
  if (uname(&u) == 0) sscanf(u.release, "%u.%u", &major, &minor);
  return major > 6 || (major == 6 && minor >= 16);
}

static int wanted(const struct shim *s, u32 i, int group) {
  if (!strcmp(probes[i].name, "process_exit_group")) return group;
  if (!strcmp(probes[i].name, "process_exit_live")) return !group;
  if (!strcmp(probes[i].name, "process_inventory")) return !(s->options.flags & SIGIL_OPEN_NO_ITERATOR);
  return 1;
}

static int load_together(struct shim *s, struct kernel_side *k, int group) {
  struct bpf_object *object = open_object();
  if (!object) return -errno;
  set_sizes(s, k, object);
  for (u32 i = 0; i < PROBES; i++)
    bpf_program__set_autoload(bpf_object__find_program_by_name(object, probes[i].name), wanted(s, i, group));
  int e = bpf_object__load(object);
  if (e) {
    bpf_object__close(object);
    return e;
  }
  k->object[0] = object;
  for (u32 i = 0; i < PROBES; i++)
    if (wanted(s, i, group)) k->program[i] = bpf_object__find_program_by_name(object, probes[i].name);
  return 0;
}

static int share_maps(struct bpf_object *from, struct bpf_object *to) {
  struct bpf_map *map;
  bpf_object__for_each_map(map, to) {
    struct bpf_map *original = bpf_object__find_map_by_name(from, bpf_map__name(map));
    int e = original ? bpf_map__reuse_fd(map, bpf_map__fd(original)) : -ENOENT;
    if (e) return e;
  }
  return 0;
}

/* One object a program. The first that loads owns the maps. */
static int load_apart(struct shim *s, struct kernel_side *k) {
  struct bpf_object *owner = NULL;
  int loaded = 0, first_error = 0;
  for (u32 i = 0; i < PROBES; i++) {
    struct probe *p = &k->probe[i];
    if (!wanted(s, i, 1) && !wanted(s, i, 0)) continue;
    if (!strcmp(p->name, "process_exit_live") && k->program[i - 1]) continue;
    last_words[0] = 0;
    struct bpf_object *object = open_object();
    int e = object ? 0 : -errno;
    if (!e) {
      set_sizes(s, k, object);
      for (u32 j = 0; j < PROBES; j++)
        bpf_program__set_autoload(bpf_object__find_program_by_name(object, probes[j].name), i == j);
      if (owner) e = share_maps(owner, object);
      if (!e) e = bpf_object__load(object);
    }
    if (e) {
      p->error = -e;
      snprintf(p->message, sizeof(p->message), "%s", last_words);
      if (object) bpf_object__close(object);
      if (!first_error) first_error = e;
      continue;
    }
    k->object[i] = object;
    if (!owner) owner = object;
    k->program[i] = bpf_object__find_program_by_name(object, p->name);
    loaded++;
  }
  return loaded ? 0 : first_error;
}

static struct bpf_object *map_owner(struct kernel_side *k) {
  for (u32 i = 0; i < PROBES; i++)
    if (k->object[i]) return k->object[i];
  return NULL;
}

static void attach(struct kernel_side *k, u32 i) {
  struct probe *p = &k->probe[i];
  last_words[0] = 0;
  k->link[i] = bpf_program__attach(k->program[i]);
  p->attached = k->link[i] != NULL;
  if (!p->attached) {
    p->error = errno;
    snprintf(p->message, sizeof(p->message), "%s", last_words);
  }
}

int kernel_open(struct shim *s, char *error, u32 error_bytes) {
  struct kernel_side *k = calloc(1, sizeof(*k));
  if (!k) return -ENOMEM;
  s->side = k;
  memcpy(k->probe, probes, sizeof(probes));
  libbpf_set_print(keep_words);
  k->cpus = libbpf_num_possible_cpus();
  if (k->cpus < 1) k->cpus = 1;
  k->percpu = calloc((size_t)k->cpus, sizeof(struct sigil_counters));
  if (!k->percpu) return -ENOMEM;

  last_words[0] = 0;
  int e = s->options.flags & SIGIL_OPEN_LOAD_APART ? -EINVAL : load_together(s, k, exit_says_group());
  if (e && e != -EPERM) e = load_apart(s, k);
  if (e) {
    snprintf(error, error_bytes, "%s", last_words[0] ? last_words : strerror(-e));
    return e;
  }
  struct bpf_object *owner = map_owner(k);
  k->critical_fd = bpf_object__find_map_fd_by_name(owner, "critical");
  k->counters_fd = bpf_object__find_map_fd_by_name(owner, "counters");
  e = kernel_ring_map(&s->kernel, k->critical_fd, s->options.critical_ring_bytes);
  if (e) {
    snprintf(error, error_bytes, "Cannot map the kernel ring: %s", strerror(-e));
    return e;
  }
  /* The end of a process before its start: an exit whose start was not seen is harmless, the reverse leaves a ghost. */
  int attached = 0;
  for (u32 i = PROBES; i-- > 0;) {
    if (!k->program[i]) continue;
    attach(k, i);
    attached += k->probe[i].attached;
    if (k->probe[i].error) e = -k->probe[i].error;
  }
  if (attached) return 0;
  snprintf(error, error_bytes, "No program could be attached: %s", strerror(-e));
  return e ? e : -ENOENT;
}

int kernel_inventory_fd(struct shim *s) {
  struct kernel_side *k = s->side;
  for (u32 i = 0; k && i < PROBES; i++)
    if (k->link[i] && k->probe[i].kind == SIGIL_KIND_TASK) return bpf_iter_create(bpf_link__fd(k->link[i]));
  return -1;
}

void kernel_detach(struct shim *s) {
  struct kernel_side *k = s->side;
  for (u32 i = 0; k && i < PROBES; i++) {
    bpf_link__destroy(k->link[i]);
    k->link[i] = NULL;
  }
}

void kernel_close(struct shim *s) {
  struct kernel_side *k = s->side;
  if (!k) return;
  kernel_detach(s);
  kernel_ring_unmap(&s->kernel);
  for (u32 i = 0; i < PROBES; i++)
    if (k->object[i]) bpf_object__close(k->object[i]);
  free(k->percpu);
  free(k);
  s->side = NULL;
}

void kernel_counters(struct shim *s, struct sigil_counters *out) {
  struct kernel_side *k = s->side;
  if (!k || k->counters_fd <= 0) return;
  for (u32 kind = 0; kind < SIGIL_KIND_MAX; kind++) {
    if (bpf_map_lookup_elem(k->counters_fd, &kind, k->percpu)) continue;
    for (int cpu = 0; cpu < k->cpus; cpu++) {
      const struct sigil_counters *c = &k->percpu[cpu];
      out[kind].seen += c->seen;
      out[kind].submitted += c->submitted;
      out[kind].filtered += c->filtered;
      out[kind].ring_full += c->ring_full;
      out[kind].oversized += c->oversized;
      out[kind].map_full += c->map_full;
      out[kind].recursion += c->recursion;
    }
  }
  /* Runs that the kernel refused because the program was already running on that CPU: seen, and missed. */
  for (u32 i = 0; i < PROBES; i++) {
    if (!k->program[i] || k->probe[i].kind == SIGIL_KIND_TASK) continue;
    struct bpf_prog_info info = {0};
    u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(k->program[i]), &info, &size)) continue;
    out[k->probe[i].kind].seen += info.recursion_misses;
    out[k->probe[i].kind].recursion += info.recursion_misses;
  }
}

/* One line a program: name, "attached" | "failed" | "unused", errno, message; tab-separated. */
u32 kernel_report(struct shim *s, char *out, u32 bytes) {
  struct kernel_side *k = s->side;
  u32 used = 0;
  for (u32 i = 0; k && i < PROBES && used < bytes; i++) {
    const struct probe *p = &k->probe[i];
    const char *state = p->attached ? "attached" : p->error ? "failed" : "unused";
    int n = snprintf(out + used, bytes - used, "%s\t%s\t%d\t%s\t%s\n", p->name, state, p->error, p->instead ? p->instead : "", p->message);
    if (n < 0 || (u32)n >= bytes - used) break;
    used += (u32)n;
  }
  return used;
}
