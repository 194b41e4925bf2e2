/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of activities share: their ring, their scratch memory, who acts, and how a record is put together:
 *
 *   header, actor, fixed part, section table, bytes of the sections
 *
 * activity_begin() takes scratch memory and writes the head; put_*() add sections in the order of the table; activity_end()
 * sends the record and gives the memory back. Nothing here touches the critical ring or the scratch of the process programs. */
#ifndef SIGIL_BPF_ACTIVITY_H
#define SIGIL_BPF_ACTIVITY_H
#include "common.h"
#include "path.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} bulk SEC(".maps");

/* Four a CPU: a system call, a soft interrupt in it, a hard one in that, and one for a task that was preempted. */
#define ACTIVITY_SLOTS 4
#define ACTIVITY_MASK (SIGIL_ACTIVITY_MAX - 1)
struct activity_scratch {
  u32 busy;
  u32 used;
  u32 slot; /* its key in the map */
  u32 pad;
  u64 args[8]; /* of the system call, from 1 */
  struct text text;
  u8 record[SIGIL_ACTIVITY_MAX + PATH_ROOM + 8];
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ACTIVITY_SLOTS);
  __type(key, u32);
  __type(value, struct activity_scratch);
} activity_scratch_map SEC(".maps");

struct activity {
  struct sigil_header header;
  struct sigil_actor actor;
};


/* May programs follow typed pointers from the current task (since 5.11)? A load each then, where bpf_probe_read_kernel is a
 * call. The loader makes this a constant, and the kernel drops the branch that is not taken before it looks at it. */
#define TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

INLINE struct task_struct *typed_task(void) { return task_cast(bpf_get_current_task_btf()); }
INLINE struct task_struct *current_task(void) { return (struct task_struct *)bpf_get_current_task(); }

/* Did the thread enter the kernel by a 32-bit system call (TS_COMPAT)? Such calls have tracepoints of their own on no machine, so only
 * what is told from inside the kernel can say so. */
#if defined(__TARGET_ARCH_x86)
INLINE u32 compat_flag(struct task_struct *task) {
  if (!bpf_core_field_exists(task->thread_info)) return 0;
  return BPF_CORE_READ(task, thread_info.status) & 2 ? SIGIL_ACTOR_COMPAT : 0;
}
#else
INLINE u32 compat_flag(struct task_struct *task) { return 0; }
#endif

/* Who acts now: the current task. In a soft interrupt this is whoever happened to run; such programs fill the actor themselves. */
INLINE void actor_fill(struct sigil_actor *a, u32 fixed_bytes, u32 flags) {
  if (TYPED) {
    struct task_struct *task = typed_task();
    struct task_struct *leader = task->group_leader;
    a->start_ns = leader->start_boottime;
    a->ppid = leader->real_parent->tgid;
    a->euid = task->cred->euid.val;
    a->mnt_ns = task->nsproxy->mnt_ns->ns.inum;
  } else {
    struct task_struct *task = current_task();
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    a->start_ns = BPF_CORE_READ(leader, start_boottime);
    a->ppid = BPF_CORE_READ(leader, real_parent, tgid);
    a->euid = BPF_CORE_READ(task, cred, euid.val);
    a->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  }
  a->cgroup_id = bpf_get_current_cgroup_id();
  a->uid = (u32)bpf_get_current_uid_gid();
  a->fixed_bytes = fixed_bytes;
  a->flags = flags | compat_flag(current_task());
  bpf_get_current_comm(a->comm, sizeof(a->comm));
}

INLINE struct activity_scratch *activity_take(struct sigil_counters *c) {
  u32 first = bpf_get_smp_processor_id() * ACTIVITY_SLOTS;
  for (u32 i = 0; i < ACTIVITY_SLOTS; i++) {
    u32 key = first + i;
    struct activity_scratch *s = bpf_map_lookup_elem(&activity_scratch_map, &key);
    if (!s) break;
    if (s->busy) continue;
    s->busy = 1;
    s->slot = key;
    return s;
  }
  c->recursion++;
  return NULL;
}

INLINE void activity_give(struct activity_scratch *s) {
  barrier();
  s->busy = 0;
}

INLINE struct text *text_of(u32 slot) {
  struct activity_scratch *s = bpf_map_lookup_elem(&activity_scratch_map, &slot);
  return s ? &s->text : NULL;
}

/* Where the section table of a record with `fixed_bytes` begins. */
#define TABLE_AT(fixed_bytes) ((u32)sizeof(struct activity) + (fixed_bytes))
#define SECTION_AT(fixed_bytes, index) (TABLE_AT(fixed_bytes) + (index) * (u32)sizeof(struct sigil_section))

/* Counts the event and begins its record in scratch memory: header, actor, and zeros up to the end of the section table. NULL
 * when there is no memory (counted). `fixed_bytes` and `sections` must be constants. */
#define activity_begin(c, kind, fixed_bytes, sections, flags)                                                       \
  ({                                                                                                                \
    struct activity_scratch *_s = activity_take(c);                                                                 \
    if (_s) {                                                                                                       \
      struct activity *_a = (void *)_s->record;                                                                     \
      u64 _id = bpf_get_current_pid_tgid();                                                                         \
      __builtin_memset(_s->record, 0, SECTION_AT(fixed_bytes, sections));                                           \
      header_fill(&_a->header, c, kind, sections, _id >> 32, (u32)_id);                                             \
      actor_fill(&_a->actor, fixed_bytes, flags);                                                                  \
      _s->used = SECTION_AT(fixed_bytes, sections);                                                                 \
    }                                                                                                               \
    _s;                                                                                                             \
  })

/* The kind's own part of a record that was begun. */
#define FIXED(s) ((void *)((s)->record + sizeof(struct activity)))

INLINE void put_section(struct activity_scratch *s, u32 fixed_bytes, u32 index, u32 type, u32 flags, u32 length) {
  struct sigil_section *t = (void *)(s->record + SECTION_AT(fixed_bytes, index));
  t->type = type;
  t->flags = flags;
  t->offset = s->used;
  t->length = length;
  s->used += length;
}

/* The path that a walk left in s->text. */
INLINE void put_text(struct activity_scratch *s, u32 fixed_bytes, u32 index, u32 type) {
  u32 start = s->text.pos & (PATH_ROOM - 1);
  u32 len = (PATH_ROOM - 1 - start) & (PATH_ROOM - 1);
  bpf_probe_read_kernel(&s->record[s->used & ACTIVITY_MASK], len, &s->text.path[start]);
  put_section(s, fixed_bytes, index, type, s->text.flags, len);
}

/* A string of the acting process. */
INLINE void put_user_string(struct activity_scratch *s, u32 fixed_bytes, u32 index, u32 type, const void *text) {
  long n = bpf_probe_read_user_str(&s->record[s->used & ACTIVITY_MASK], PATH_ROOM, text);
  if (n < 1) put_section(s, fixed_bytes, index, type, SIGIL_UNREADABLE, 0);
  else put_section(s, fixed_bytes, index, type, n == PATH_ROOM ? SIGIL_CUT : 0, (n - 1) & (PATH_ROOM - 1));
}

/* Sends the record to the bulk ring, or counts why not. A record that must not be lost for file or network noise goes to the
 * critical ring: activity_end_critical. */
#define ACTIVITY_END(ring)                                              \
  u32 size = (s->used + 7) & ~7u;                                       \
  struct sigil_header *h = (void *)s->record;                           \
  h->size = size;                                                       \
  if (size > SIGIL_ACTIVITY_MAX - 8) c->oversized++;                    \
  else if (bpf_ringbuf_output(&ring, h, size & ACTIVITY_MASK, 0)) c->ring_full++; \
  else c->submitted++;                                                  \
  activity_give(s);

INLINE void activity_end(struct activity_scratch *s, struct sigil_counters *c) { ACTIVITY_END(bulk) }
INLINE void activity_end_critical(struct activity_scratch *s, struct sigil_counters *c) { ACTIVITY_END(critical) }
#endif
