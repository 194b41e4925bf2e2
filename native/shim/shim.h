/* What the parts of the shim share. The exported functions stand in shim.c and are described in docs/design/shim.md. */
#ifndef SIGIL_SHIM_H
#define SIGIL_SHIM_H
#include "../abi.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

/* The kernel's end of a ring buffer, read by us rather than by libbpf: a record is only taken once there is room for it. */
struct kernel_ring {
  int fd;
  unsigned long *consumer;
  unsigned long *producer;
  u8 *data;
  unsigned long mask;
  size_t page;
};

/* The reader's end, in memory that the caller owns and keeps until sigil_close. */
struct shared_ring {
  struct sigil_ring *ring;
  u8 *data;
  u32 size;
};

struct probe {
  const char *name;   /* of the program in the object */
  const char *at;      /* tracepoint, when it is not its own */
  const char *instead; /* program that does the same on other kernels: one of the two is enough */
  u32 kind;           /* enum sigil_kind that it delivers */
  int attached;
  int error;          /* errno of the failure, 0 when not tried */
  char message[256];
};

struct shim {
  struct sigil_options options;
  char env_names[16384];
  struct shared_ring critical, bulk;
  struct kernel_ring kernel, kernel_bulk;
  struct kernel_side *side;
  pthread_t thread;
  int started, epoll_fd, stop_fd, inventory_fd;
  _Atomic u32 wake_word;  /* futex */
  _Atomic u32 waiting;    /* the reader sleeps */
  _Atomic u32 woken;      /* sigil_wake since the last wait */
  _Atomic u32 detached, drained, closing;
  _Atomic u32 has_bulk;   /* kernel_bulk is mapped */
  _Atomic u64 delivered[SIGIL_KIND_MAX], no_room[SIGIL_KIND_MAX], malformed[SIGIL_KIND_MAX];
  u32 mnt_ns; /* our own mount namespace: paths of others are looked up below their root */
  u8 work[SIGIL_RECORD_MAX + SIGIL_ARGS_MAX];
  u8 pairs[SIGIL_ENV_MAX]; /* a piece of an environment that is read from /proc */
};

/* kernel.c: loading, attaching, counting. */
/* Between the two, libbpf reads the types of the kernel once and not once an object (libbpf.c). */
void kernel_types_hold(void);
void kernel_types_release(void);

int kernel_open(struct shim *s, char *error, u32 error_bytes);
/* Loads the programs that deliver any of the kinds (SIGIL_KIND_MAX flags). Failures are in the report. */
/* Begins to load what these kinds need, on a thread of its own (ahead.c). 0, or a negative errno. */
int kernel_load_ahead(struct shim *s, const u8 *kinds);
int kernel_prepare(struct shim *s, const u8 *kinds);
/* Records these kinds of activities from now on and no others; attaches and detaches what that takes. */
int kernel_enable(struct shim *s, const u8 *kinds);
/* Sets an entry of a map of a loaded object, or deletes it (`value` NULL). -ENOENT when no loaded object has the map. */
int kernel_map_set(struct shim *s, const char *name, const void *key, const void *value);
void kernel_detach(struct shim *s);
void kernel_close(struct shim *s);
int kernel_inventory_fd(struct shim *s); /* -1: not loaded */
void kernel_counters(struct shim *s, struct sigil_counters *out);
u32 kernel_report(struct shim *s, char *out, u32 bytes);
u32 kernel_check(struct shim *s, char *out, u32 bytes);
u32 kernel_objects(struct shim *s, u64 *out, u32 room);

/* tracepoint.c: a directory of tracefs, or a negative errno; and attaching to `category/name` there. NULL with errno. */
struct bpf_program;
struct bpf_link;
int tracefs_open(void);
struct bpf_link *cgroup_attach(struct bpf_program *program); /* cgroup.c; errno when NULL */
struct bpf_link *tracepoint_attach(struct bpf_program *program, int tracefs, const char *name);

/* shim.c: wakes the thread when this ring of the kernel has records. */
int shim_watch(struct shim *s, int ring_fd);

/* ring.c */
int kernel_ring_map(struct kernel_ring *r, int fd, u32 bytes);
void kernel_ring_unmap(struct kernel_ring *r);
/* The next record, or NULL; stays valid until kernel_ring_next. `length` is what the program submitted. */
const u8 *kernel_ring_peek(struct kernel_ring *r, u32 *length);
int kernel_ring_pending(const struct kernel_ring *r);
/* How far the programs have written; records before it that are not there yet are on their way. */
unsigned long kernel_ring_end(const struct kernel_ring *r);
int kernel_ring_before(const struct kernel_ring *r, unsigned long end);
void kernel_ring_next(struct kernel_ring *r, u32 length);
/* Reserves `size` bytes (a multiple of 8), or NULL when there is no room now. Publish makes them visible to the reader. */
u8 *shared_ring_reserve(struct shared_ring *r, u32 size, u32 *head);
void shared_ring_publish(struct shared_ring *r, u32 head);

/* record.c: from what the kernel wrote to what the reader gets. Returns the bytes written to `out`, 0 for a malformed record. */
/* file.c: the same for a file activity whose layout is possible. */
u32 file_finish(struct shim *s, const u8 *in, u32 length, u8 *out);
u32 record_finish(struct shim *s, const u8 *in, u32 length, u8 *out);
#endif
