/* What loading, attaching and counting share of the eBPF side (kernel.c, attach.c). */
#ifndef SIGIL_KERNEL_SIDE_H
#define SIGIL_KERNEL_SIDE_H
#include "programs.h"
#include "shim.h"
#include <bpf/libbpf.h>

#define CLOSERS 16
struct closing {
  struct kernel_side *k;
  u32 first;
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
  u8 loaded[OBJECTS];
  u8 holds_types;
  u8 wanted[SIGIL_KIND_MAX];
  int counters_fd, enabled_fd, cpus;
  struct sigil_counters *percpu;
};

/* libbpf's last words, for the report. One open at a time, on one thread. */
extern __thread char last_words[256];

/* Attaches program `i`. `tracefs` is opened by the first program that needs it (-1 before); the caller closes it. */
void attach(struct kernel_side *k, u32 i, int *tracefs);
/* Detaches the programs marked in `which`, on threads of their own: the kernel waits for a grace period at each classic tracepoint,
 * tens of milliseconds, and whoever asked has records to read. */
void detach(struct kernel_side *k, const u8 *which);
/* Waits for the links that detach() let go. */
void await_closers(struct kernel_side *k);
#endif
