/* Loading the eBPF programs and counting what they did: an object in one go where the kernel takes all of it, and program by
 * program, sharing the maps, where it does not. The process family at once, the others when somebody needs their kinds. What
 * failed is reported with its errno and the verifier's words. */
#include "kernel-side.h"
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

#define SCRATCH_SLOTS 2
#define ACTIVITY_SLOTS 4

__thread char last_words[256];

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

static void set_size(struct bpf_object *object, const char *name, u32 entries) {
  struct bpf_map *map = bpf_object__find_map_by_name(object, name);
  if (map) bpf_map__set_max_entries(map, entries);
}

static void set_sizes(struct shim *s, struct kernel_side *k, struct bpf_object *object) {
  set_size(object, "critical", s->options.critical_ring_bytes);
  set_size(object, "bulk", s->options.bulk_ring_bytes);
  set_size(object, "scratch_map", (u32)k->cpus * SCRATCH_SLOTS);
  set_size(object, "activity_scratch_map", (u32)k->cpus * ACTIVITY_SLOTS);
}

static struct bpf_object *open_object(u32 o) {
  const struct object_source *source = &object_sources[o];
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = source->name);
  return bpf_object__open_mem(source->bytes, *source->size, &options);
}

/* Since 6.16 the exit tracepoint says whether the group is dead. A guess that decides only what is tried first. */
static int exit_says_group(void) {
  struct utsname u;
  unsigned major = 0, minor = 0;
  if (uname(&u) == 0) sscanf(u.release, "%u.%u", &major, &minor);
  return major > 6 || (major == 6 && minor >= 16);
}

/* Is the program loaded together with the others of its object? */
static int together(const struct shim *s, u32 i) {
  const char *name = program_rows[i].name;
  if (!strcmp(name, "process_exit_group")) return exit_says_group();
  if (!strcmp(name, "process_exit_live")) return !exit_says_group();
  if (!strcmp(name, "process_inventory")) return !(s->options.flags & SIGIL_OPEN_NO_ITERATOR);
  return !program_rows[i].optional;
}

/* The map of this name in an object that has loaded. `.data` and its like are an object's own; `.data.enabled` is everybody's. */
static struct bpf_map *loaded_map(struct kernel_side *k, const char *name) {
  struct bpf_map *map;
  for (u32 o = 0; o < OBJECTS; o++)
    if (k->whole[o] && (map = bpf_object__find_map_by_name(k->whole[o], name))) return map;
  for (u32 i = 0; i < program_count; i++)
    if (k->apart[i] && (map = bpf_object__find_map_by_name(k->apart[i], name))) return map;
  return NULL;
}

static int share_maps(struct kernel_side *k, struct bpf_object *object) {
  struct bpf_map *map;
  bpf_object__for_each_map(map, object) {
    const char *name = bpf_map__name(map);
    if (strstr(name, ".rodata")) continue;
    struct bpf_map *original = loaded_map(k, name);
    int e = original ? bpf_map__reuse_fd(map, bpf_map__fd(original)) : 0;
    if (e) return e;
  }
  return 0;
}

/* The first row of the same program: it is loaded once, however often it is attached. */
static u32 first_row(u32 i) {
  u32 first = 0;
  while (program_rows[first].object != program_rows[i].object || strcmp(program_rows[first].name, program_rows[i].name)) first++;
  return first;
}

static int load_together(struct shim *s, struct kernel_side *k, u32 o) {
  struct bpf_object *object = open_object(o);
  if (!object) return -errno;
  set_sizes(s, k, object);
  for (u32 i = 0; i < program_count; i++)
    if (program_rows[i].object == o)
      bpf_program__set_autoload(bpf_object__find_program_by_name(object, program_rows[i].name), together(s, i));
  int e = share_maps(k, object);
  if (!e) e = bpf_object__load(object);
  if (e) {
    bpf_object__close(object);
    return e;
  }
  k->whole[o] = object;
  for (u32 i = 0; i < program_count; i++)
    if (program_rows[i].object == o && together(s, i)) k->program[i] = bpf_object__find_program_by_name(object, program_rows[i].name);
  return 0;
}

static int load_alone(struct shim *s, struct kernel_side *k, u32 i) {
  struct probe *p = &k->probe[i];
  u32 o = program_rows[i].object;
  last_words[0] = 0;
  struct bpf_object *object = open_object(o);
  int e = object ? 0 : -errno;
  if (!e) {
    set_sizes(s, k, object);
    for (u32 j = 0; j < program_count; j++)
      if (program_rows[j].object == o)
        bpf_program__set_autoload(bpf_object__find_program_by_name(object, program_rows[j].name), first_row(j) == i);
    e = share_maps(k, object);
    if (!e) e = bpf_object__load(object);
  }
  if (e) {
    p->error = -e;
    snprintf(p->message, sizeof(p->message), "%s", last_words);
    if (object) bpf_object__close(object);
    return e;
  }
  k->apart[i] = object;
  k->program[i] = bpf_object__find_program_by_name(object, program_rows[i].name);
  return 0;
}

static int instead_loaded(struct kernel_side *k, u32 i) {
  const char *instead = program_rows[i].instead;
  for (u32 j = 0; instead && j < program_count; j++)
    if (k->program[j] && !strcmp(program_rows[j].name, instead)) return 1;
  return 0;
}

/* All programs of an object: in one go where the kernel takes them, else each alone. 0 when at least one loaded. */
static int load_object(struct shim *s, struct kernel_side *k, u32 o) {
  last_words[0] = 0;
  k->loaded[o] = 1;
  int e = s->options.flags & SIGIL_OPEN_LOAD_APART ? -EINVAL : load_together(s, k, o);
  if (e == -EPERM && o == OBJECT_PROCESS) return e;
  int is_whole = e == 0, some = is_whole, first_error = 0;
  for (u32 i = 0; i < program_count; i++) {
    if (program_rows[i].object != o || k->program[i]) continue;
    /* Left out of the whole on purpose: another does its work. */
    if (is_whole || program_rows[i].optional) continue;
    if (!strcmp(program_rows[i].name, "process_inventory") && !together(s, i)) continue;
    if (instead_loaded(k, i)) continue;
    u32 first = first_row(i);
    if (first != i) {
      k->program[i] = k->program[first];
      continue;
    }
    e = load_alone(s, k, i);
    if (!e) some = 1;
    else if (!first_error) first_error = e;
  }
  return some ? 0 : first_error;
}

static void hold_types(struct kernel_side *k) {
  if (!k->holds_types) kernel_types_hold();
  k->holds_types = 1;
}

static void release_types(struct kernel_side *k) {
  if (k->holds_types) kernel_types_release();
  k->holds_types = 0;
}

int kernel_open(struct shim *s, char *error, u32 error_bytes) {
  struct kernel_side *k = calloc(1, sizeof(*k));
  if (!k) return -ENOMEM;
  s->side = k;
  k->enabled_fd = -1;
  pthread_mutex_init(&k->loader.lock, NULL);
  for (u32 i = 0; i < program_count; i++)
    k->probe[i] = (struct probe){.name = program_rows[i].name, .at = program_rows[i].at, .instead = program_rows[i].instead, .kind = program_rows[i].kinds[0]};
  libbpf_set_print(keep_words);
  k->cpus = libbpf_num_possible_cpus();
  if (k->cpus < 1) k->cpus = 1;
  k->percpu = calloc((size_t)k->cpus, sizeof(struct sigil_counters));
  if (!k->percpu) return -ENOMEM;

  hold_types(k); /* until the first kinds are enabled, which is soon */
  int e = load_object(s, k, OBJECT_PROCESS);
  if (e) {
    snprintf(error, error_bytes, "%s", last_words[0] ? last_words : strerror(-e));
    return e;
  }
  k->counters_fd = bpf_map__fd(loaded_map(k, "counters"));
  struct bpf_map *enabled = loaded_map(k, ".data.enabled");
  if (enabled) k->enabled_fd = bpf_map__fd(enabled);
  e = kernel_ring_map(&s->kernel, bpf_map__fd(loaded_map(k, "critical")), s->options.critical_ring_bytes);
  if (e) {
    snprintf(error, error_bytes, "Cannot map the kernel ring: %s", strerror(-e));
    return e;
  }
  int attached = 0, tracefs = -1;
  for (u32 i = program_count; i-- > 0;) {
    if (program_rows[i].object != OBJECT_PROCESS || !k->program[i]) continue;
    attach(k, i, &tracefs);
    attached += k->probe[i].attached;
    if (k->probe[i].error) e = -k->probe[i].error;
  }
  if (tracefs >= 0) close(tracefs);
  if (attached) return 0;
  snprintf(error, error_bytes, "No program could be attached: %s", strerror(-e));
  return e ? e : -ENOENT;
}

static int delivers(u32 i, const u8 *kinds) {
  const u8 *own = program_rows[i].kinds;
  for (u32 n = 0; n < sizeof(program_rows[i].kinds) && own[n]; n++)
    if (kinds[own[n]]) return 1;
  return 0;
}

void kernel_load(struct shim *s, const u8 *kinds) {
  struct kernel_side *k = s->side;
  for (u32 i = 0; i < program_count; i++) {
    u32 o = program_rows[i].object;
    if (o == OBJECT_PROCESS || !delivers(i, kinds)) continue;
    hold_types(k);
    if (!k->loaded[o]) load_object(s, k, o);
    if (program_rows[i].optional && !k->program[i] && !k->probe[i].error && !instead_loaded(k, i)) load_alone(s, k, i);
  }
}

int kernel_prepare(struct shim *s, const u8 *kinds) {
  struct kernel_side *k = s->side;
  if (!k) return -EPERM;
  await_loader(k);
  kernel_load(s, kinds);
  struct bpf_map *bulk = loaded_map(k, "bulk");
  if (!bulk || atomic_load(&s->has_bulk)) return 0;
  int e = kernel_ring_map(&s->kernel_bulk, bpf_map__fd(bulk), s->options.bulk_ring_bytes);
  if (e) return e;
  atomic_store(&s->has_bulk, 1);
  return shim_watch(s, bpf_map__fd(bulk));
}

int kernel_enable(struct shim *s, const u8 *kinds) {
  struct kernel_side *k = s->side;
  if (!k) return -EPERM;
  int e = kernel_prepare(s, kinds);
  release_types(k);
  if (e) return e;
  u32 zero = 0;
  memcpy(k->wanted, kinds, sizeof(k->wanted));
  if (k->enabled_fd >= 0 && bpf_map_update_elem(k->enabled_fd, &zero, k->wanted, BPF_ANY)) return -errno;
  int tracefs = -1, any = 0;
  u8 off[PROGRAMS_MAX] = {0};
  for (u32 i = program_count; i-- > 0;) {
    if (program_rows[i].object == OBJECT_PROCESS || !k->program[i]) continue;
    int on = delivers(i, kinds);
    if (on && !k->link[i]) {
      await_closers(k); /* a program cannot be attached twice to one tracepoint */
      attach(k, i, &tracefs);
    } else if (!on && k->link[i]) {
      off[i] = 1;
      any = 1;
      k->probe[i].attached = 0;
    }
  }
  if (any) detach(k, off);
  if (tracefs >= 0) close(tracefs);
  return 0;
}

int kernel_map_set(struct shim *s, const char *name, const void *key, const void *value) {
  if (s->side) await_loader(s->side);
  struct bpf_map *map = s->side ? loaded_map(s->side, name) : NULL;
  if (!map) return -ENOENT;
  int fd = bpf_map__fd(map);
  return (value ? bpf_map_update_elem(fd, key, value, BPF_ANY) : bpf_map_delete_elem(fd, key)) ? -errno : 0;
}

/* Ids of what is loaded, as bpf(2) counts them: what an id names is in the upper bits (1 program, 2 map, 3 link). */
u32 kernel_objects(struct shim *s, u64 *out, u32 room) {
  struct kernel_side *k = s->side;
  if (k) await_loader(k);
  u32 used = 0;
  for (u32 i = 0; k && i < program_count; i++) {
    struct bpf_prog_info program = {0};
    struct bpf_link_info link = {0};
    u32 size = sizeof(program);
    if (k->program[i] && used < room && !bpf_obj_get_info_by_fd(bpf_program__fd(k->program[i]), &program, &size))
      out[used++] = 1ull << 32 | program.id;
    size = sizeof(link);
    if (k->link[i] && used < room && !bpf_obj_get_info_by_fd(bpf_link__fd(k->link[i]), &link, &size)) out[used++] = 3ull << 32 | link.id;
  }
  for (u32 o = 0; k && o < OBJECTS; o++) {
    struct bpf_map *map;
    if (!k->whole[o]) continue;
    bpf_object__for_each_map(map, k->whole[o]) {
      struct bpf_map_info info = {0};
      u32 size = sizeof(info);
      if (used < room && !bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &size)) out[used++] = 2ull << 32 | info.id;
    }
  }
  return used;
}

/* Looks whether every attachment is still there and still runs its program; one that is not is made again. Writes the names of
 * those, one a line; returns the bytes. Links by perf event are no bpf links before 5.15: they cannot be asked, nor be taken away by id. */
u32 kernel_check(struct shim *s, char *out, u32 bytes) {
  struct kernel_side *k = s->side;
  if (k) await_loader(k);
  u32 used = 0;
  int tracefs = -1;
  for (u32 i = 0; k && i < program_count; i++) {
    if (!k->link[i] || !k->program[i]) continue;
    struct bpf_link_info link = {0};
    struct bpf_prog_info program = {0};
    u32 size = sizeof(link), program_size = sizeof(program);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(k->program[i]), &program, &program_size)) continue;
    int e = bpf_obj_get_info_by_fd(bpf_link__fd(k->link[i]), &link, &size) ? errno : 0;
    if (e && e != EBADF) continue;
    int is_gone = e == EBADF || (link.prog_id && link.prog_id != program.id) || (link.type == BPF_LINK_TYPE_CGROUP && !link.cgroup.cgroup_id);
    if (!is_gone) continue;
    bpf_link__destroy(k->link[i]);
    k->link[i] = NULL;
    attach(k, i, &tracefs);
    int n = snprintf(out + used, bytes - used, "%s\n", program_rows[i].name);
    if (n < 0 || (u32)n >= bytes - used) break;
    used += (u32)n;
  }
  if (tracefs >= 0) close(tracefs);
  return used;
}

int kernel_inventory_fd(struct shim *s) {
  struct kernel_side *k = s->side;
  for (u32 i = 0; k && i < program_count; i++)
    if (k->link[i] && k->probe[i].kind == SIGIL_KIND_TASK) return bpf_iter_create(bpf_link__fd(k->link[i]));
  return -1;
}

void kernel_detach(struct shim *s) {
  struct kernel_side *k = s->side;
  if (k) await_loader(k);
  u8 all[PROGRAMS_MAX];
  int any = 0;
  for (u32 i = 0; k && i < program_count; i++) any |= k->link[i] != NULL;
  memset(all, 1, sizeof(all));
  /* At once, whatever detaching takes. */
  static const u8 none[SIGIL_KIND_MAX];
  u32 zero = 0;
  if (any && k->enabled_fd >= 0) bpf_map_update_elem(k->enabled_fd, &zero, none, BPF_ANY);
  if (any) detach(k, all);
  /* What comes after this must not come any more: the account is about to be closed. */
  if (k) await_closers(k);
}

void kernel_close(struct shim *s) {
  struct kernel_side *k = s->side;
  if (!k) return;
  kernel_detach(s);
  release_types(k);
  kernel_ring_unmap(&s->kernel);
  kernel_ring_unmap(&s->kernel_bulk);
  for (u32 i = 0; i < program_count; i++)
    if (k->apart[i]) bpf_object__close(k->apart[i]);
  for (u32 o = 0; o < OBJECTS; o++)
    if (k->whole[o]) bpf_object__close(k->whole[o]);
  free(k->percpu);
  free(k);
  s->side = NULL;
}

void kernel_counters(struct shim *s, struct sigil_counters *out) {
  struct kernel_side *k = s->side;
  if (k) await_loader(k);
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
  for (u32 i = 0; i < program_count; i++) {
    if (!k->program[i] || first_row(i) != i || k->probe[i].kind == SIGIL_KIND_TASK || program_rows[i].covered) continue;
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
  if (k) await_loader(k);
  u32 used = 0;
  for (u32 i = 0; k && i < program_count && used < bytes; i++) {
    const struct probe *p = &k->probe[i];
    const char *state = p->attached ? "attached" : p->error ? "failed" : "unused";
    int n = snprintf(out + used, bytes - used, "%s%s%s\t%s\t%d\t%s\t%s\n", p->name, p->at ? "@" : "", p->at ? p->at : "", state, p->error, p->instead ? p->instead : "", p->message);
    if (n < 0 || (u32)n >= bytes - used) break;
    used += (u32)n;
  }
  return used;
}
