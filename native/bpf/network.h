/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the network share: who owns a socket, what they are told, and how their records begin and end. */
#ifndef SIGIL_BPF_NETWORK_H
#define SIGIL_BPF_NETWORK_H
#include "activity.h"
#include "socket.h"

#define NETWORK_BYTES ((u32)sizeof(struct sigil_network))

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct sigil_network_config);
} network_config SEC(".maps");

/* Who did it, for programs that run when somebody else does. */
struct owner {
  struct sigil_actor actor;
  u32 pid;
  u32 tid;
};

/* A connect() that fails before the first packet changes no state: what it asked for, by thread, from the hook at its start. */
struct attempt {
  u8 to[16];
  u16 port;
  u16 protocol;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, u64);
  __type(value, struct attempt);
} connect_attempts SEC(".maps");

INLINE void owner_fill(struct owner *o) {
  struct task_struct *task = current_task();
  struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  const struct cred *cred = BPF_CORE_READ(task, cred);
  struct sigil_actor *a = &o->actor;
  a->start_ns = BPF_CORE_READ(leader, start_boottime);
  a->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  a->ppid = BPF_CORE_READ(leader, real_parent, tgid);
  a->uid = BPF_CORE_READ(cred, uid.val);
  a->euid = BPF_CORE_READ(cred, euid.val);
  a->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  a->fixed_bytes = NETWORK_BYTES;
  a->flags = 0;
  bpf_probe_read_kernel_str(a->comm, sizeof(a->comm), &task->comm);
  o->pid = BPF_CORE_READ(task, tgid);
  o->tid = BPF_CORE_READ(task, pid);
}

INLINE void map_v4(u8 *to, u32 address) {
  __builtin_memset(to, 0, 10);
  to[10] = to[11] = 0xff;
  __builtin_memcpy(to + 12, &address, 4);
}

INLINE bool is_loopback(const u8 *a) {
  u64 high, low;
  __builtin_memcpy(&high, a, 8);
  __builtin_memcpy(&low, a + 8, 8);
  if (high) return false;
  if ((u32)low == 0xffff0000u) return (u8)(low >> 32) == 127;
  return low == 1ull << 56;
}

INLINE bool without_loopback(void) {
  u32 zero = 0;
  struct sigil_network_config *config = bpf_map_lookup_elem(&network_config, &zero);
  return config && config->without_loopback;
}

/* Begins a record of somebody who need not be running now. `sections` must be a constant. */
#define network_begin(c, kind, sections, who)                                              \
  ({                                                                                       \
    struct activity_scratch *_s = activity_take(c);                                        \
    if (_s) {                                                                              \
      struct activity *_a = (void *)_s->record;                                            \
      const struct owner *_o = (who);                                                      \
      __builtin_memset(_s->record, 0, SECTION_AT(NETWORK_BYTES, sections));                \
      if (_o) {                                                                            \
        header_fill(&_a->header, c, kind, sections, _o->pid, _o->tid);                     \
        _a->actor = _o->actor;                                                             \
      } else {                                                                             \
        header_fill(&_a->header, c, kind, sections, 0, 0);                                 \
        _a->actor.flags = SIGIL_ACTOR_UNKNOWN;                                             \
      }                                                                                    \
      _a->actor.fixed_bytes = NETWORK_BYTES;                                               \
      _s->used = SECTION_AT(NETWORK_BYTES, sections);                                      \
    }                                                                                      \
    _s;                                                                                    \
  })

/* Loopback is left out when the configuration says so; the record is given back then. */
INLINE void network_end(struct activity_scratch *s, struct sigil_counters *c) {
  struct sigil_network *n = FIXED(s);
  if (is_loopback(n->destination) && without_loopback()) {
    c->filtered++;
    activity_give(s);
    return;
  }
  activity_end(s, c);
}
#endif
