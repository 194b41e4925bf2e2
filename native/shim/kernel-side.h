/* What loading, attaching and counting share of the eBPF side (kernel.c, attach.c). */
#ifndef SIGIL_KERNEL_SIDE_H
#define SIGIL_KERNEL_SIDE_H
#include "programs.h"
#include "shim.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>

#define CLOSERS 16
struct closing {
  struct kernel_side *k;
  u32 first;
};

struct loader {
  pthread_mutex_t lock; /* of what both threads touch: kinds, more, is_done */
  pthread_t thread;
  u8 kinds[SIGIL_KIND_MAX];
  u8 more, is_done, is_started;
};

struct kernel_side {
  struct bpf_object *whole[OBJECTS];       /* the object with the programs that loaded together */
  struct bpf_object *apart[PROGRAMS_MAX];  /* one for each that was loaded alone */
  struct bpf_link *link[PROGRAMS_MAX];
  struct bpf_program *program[PROGRAMS_MAX];
  struct probe probe[PROGRAMS_MAX];
  struct bpf_link *leaving[PROGRAMS_MAX]; /* being destroyed by the closers */
  struct closing closing[CLOSERS];
  pthread_t closer[CLOSERS];
  u32 closers;
  struct loader loader;
  u8 loaded[OBJECTS];
  u8 holds_types;
  u8 wanted[SIGIL_KIND_MAX];
  int counters_fd, enabled_fd, cpus;
  struct sigil_counters *percpu;
};

/* libbpf's last words, for the report. One open at a time, on one thread. */
extern __thread char last_words[256];

/* Loads the objects that deliver these kinds, on this thread. */
void kernel_load(struct shim *s, const u8 *kinds);
/* Waits for kernel_load_ahead: before anything else is done with the programs, except to start the thread of the rings. */
void await_loader(struct kernel_side *k);

/* Attaches program `i`. `tracefs` is opened by the first program that needs it (-1 before); the caller closes it. */
void attach(struct kernel_side *k, u32 i, int *tracefs);
/* Detaches the programs marked in `which`, on threads of their own: the kernel waits for a grace period at each classic tracepoint,
 * tens of milliseconds, and whoever asked has records to read. */
void detach(struct kernel_side *k, const u8 *which);
/* Waits for the links that detach() let go. */
void await_closers(struct kernel_side *k);
#endif
