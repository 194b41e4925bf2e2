/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What all programs share: maps, counters, scratch memory, and the few ways to put bytes into a record. */
#ifndef SIGIL_BPF_COMMON_H
#define SIGIL_BPF_COMMON_H
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "../abi.h"

#define INLINE static __always_inline

/* The same pointer, of which the verifier holds no more than its type. Since 6.3 it looks for names among all types of the kernel,
 * milliseconds of them, whenever a pointer is followed that starts from one it trusts; nothing here needs that trust. The call
 * becomes a move. Where the kernel has no such function, the shim takes the call out of the dead branch (native/shim/libbpf.c). */
extern void *bpf_rdonly_cast(const void *object, u32 type) __ksym __weak;
INLINE struct task_struct *task_cast(struct task_struct *task) {
  if (!bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)) return task;
  return bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct));
}

/* The shim sets the sizes of the rings and of the scratch maps before load. Maps are shared by name between all objects. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} critical SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SIGIL_KIND_MAX);
  __type(key, u32);
  __type(value, struct sigil_counters);
} counters SEC(".maps");

/* Two slots a CPU: a program that interrupts another on the same CPU takes the second, a third is counted as missed.
 * `lead` keeps every string read off offset 0 of the map value: bpf_probe_read_kernel_str of unpatched kernels 5.8-6.1
 * writes one byte before its destination when the source faults. The record is followed by as much room as the longest
 * section, so that a bounded offset plus a bounded length can never leave the value (what the verifier must see). */
#define SCRATCH_SLOTS 2
#define RECORD_MASK (SIGIL_RECORD_MAX - 1)
#define PATH_ROOM 4096
/* Where a path is put together, from its end. */
struct text {
  u32 pos; /* start of the text in path; kept in memory, because a bound that the verifier knows makes every turn differ */
  u32 flags;
  u64 dentry, mnt, mnt_root, root_dentry, root_mnt; /* where a walk is, and where it ends */
  u8 lead[16];
  u8 name[256 + 32];
  u8 path[PATH_ROOM + 256];
};
struct scratch {
  u32 busy;
  u32 used; /* bytes of the record so far */
  u32 slot; /* its key in the map */
  u32 pad;
  struct text text;
  u8 record[SIGIL_RECORD_MAX + SIGIL_ARGS_MAX + 8];
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SCRATCH_SLOTS);
  __type(key, u32);
  __type(value, struct scratch);
} scratch_map SEC(".maps");

/* By kind: whether anybody needs its events. Written by the shim; one map for all objects. */
volatile u8 enabled[SIGIL_KIND_MAX] SEC(".data.enabled");

INLINE struct sigil_counters *counters_of(u32 kind) { return bpf_map_lookup_elem(&counters, &kind); }

INLINE struct scratch *scratch_take(void) {
  u32 first = bpf_get_smp_processor_id() * SCRATCH_SLOTS;
  for (u32 i = 0; i < SCRATCH_SLOTS; i++) {
    u32 key = first + i;
    struct scratch *s = bpf_map_lookup_elem(&scratch_map, &key);
    if (!s) return NULL;
    if (s->busy) continue;
    s->busy = 1;
    s->slot = key;
    return s;
  }
  return NULL;
}

INLINE void scratch_give(struct scratch *s) {
  barrier();
  s->busy = 0;
}

INLINE void header_fill(struct sigil_header *h, struct sigil_counters *c, u32 kind, u32 sections, u32 pid, u32 tid) {
  h->size = 0;
  h->kind = kind;
  h->sections = sections;
  h->cpu = bpf_get_smp_processor_id();
  h->flags = 0;
  h->sequence = c->seen;
  h->time_ns = bpf_ktime_get_boot_ns();
  h->pid = pid;
  h->tid = tid;
}

/* Hands `size` bytes to the ring, or counts why not. */
INLINE void submit(struct sigil_counters *c, void *record, u64 size) {
  if (bpf_ringbuf_output(&critical, record, size, 0)) c->ring_full++;
  else c->submitted++;
}
#endif
