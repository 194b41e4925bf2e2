/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Holding back by control group, for every family: after `c->seen++` a program asks `throttled(kind, c)` and leaves when it is true. The
 * limits are written by the detect worker; a kind without one is never held back. */
#ifndef SIGIL_BPF_THROTTLE_H
#define SIGIL_BPF_THROTTLE_H
#include "activity.h"

#define THROTTLE_BYTES ((u32)sizeof(struct sigil_operation))

/* A cgroup may cause `limit` events of a kind in a second; more are counted as filtered. The first that is held back is told at once,
 * and how many it were is told with the first event of a later second. A limit of 0 is none. */
struct throttle_key { u64 cgroup_id; u32 kind; u32 reserved; };
struct throttle_state { u64 since_ns; u32 count; u32 held; };
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096); /* cgroups of a busy node, with several kinds each; who is forgotten begins anew */
  __type(key, struct throttle_key);
  __type(value, struct throttle_state);
} throttle SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SIGIL_KIND_MAX);
  __type(key, u32);
  __type(value, u32);
} throttle_limits SEC(".maps");

static __noinline __attribute__((unused)) int throttle_tell(u32 kind, u64 cgroup_id, u32 held) {
  struct sigil_counters *c = counters_of(SIGIL_KIND_OPERATION_THROTTLE);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, SIGIL_KIND_OPERATION_THROTTLE, THROTTLE_BYTES, 0, 0);
  if (!s) return 0;
  struct sigil_operation *o = FIXED(s);
  o->value = kind;
  o->length = held;
  activity_end_critical(s, c);
  return 0;
}

/* Must the event be held back? Counts it when so. */
INLINE bool throttled(u32 kind, struct sigil_counters *c) {
  u32 *limit = bpf_map_lookup_elem(&throttle_limits, &kind);
  if (!limit || *limit == 0) return false;
  struct throttle_key key = {.cgroup_id = bpf_get_current_cgroup_id(), .kind = kind};
  u64 now = bpf_ktime_get_boot_ns();
  struct throttle_state *t = bpf_map_lookup_elem(&throttle, &key);
  if (!t) {
    struct throttle_state first = {.since_ns = now, .count = 1};
    bpf_map_update_elem(&throttle, &key, &first, BPF_ANY);
    return false;
  }
  if (now - t->since_ns >= 1000000000ull) {
    u32 held = t->held;
    t->since_ns = now;
    t->count = 1;
    t->held = 0;
    if (held > 1) throttle_tell(kind, key.cgroup_id, held - 1);
    return false;
  }
  if (__sync_fetch_and_add(&t->count, 1) < *limit) return false;
  c->filtered++;
  if (__sync_fetch_and_add(&t->held, 1) == 0) throttle_tell(kind, key.cgroup_id, 1);
  return true;
}
#endif
