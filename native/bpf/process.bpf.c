/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The process family: who started what (sched_process_exec), who made whom (sched_process_fork), who ended and how
 * (sched_process_exit), and who was there before (task iterator). Each program loads and attaches on its own. All facts
 * are read from the kernel's own structures at the moment of the event; nothing is looked up in /proc.
 * Base tier: helpers and program types of kernel 5.8. */
#include "common.h"
#include "path.h"

INLINE struct text *text_of(u32 slot) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_map, &slot);
  return s ? &s->text : NULL;
}

#define EEXIST 17
#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 4
#define OVERLAYFS_MAGIC 0x794c7630
#define S_IFMT 0170000
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3

/* Section numbers of a process record, in table order. ENV last: the shim shortens it. */
enum { EXE, CWD, FILENAME, INTERP, CGROUP, ARGS, ENV, SECTIONS };

struct exec_record {
  struct sigil_header header;
  struct sigil_process process;
  struct sigil_section section[SECTIONS];
};

/* Processes whose end was reported: before 6.16 two last threads that end together both see live == 0. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, u64[2]);
  __type(value, u8);
} ended SEC(".maps");

INLINE void section(struct exec_record *r, u32 index, u32 type, u32 flags, u32 offset, u32 length) {
  r->section[index].type = type;
  r->section[index].flags = flags;
  r->section[index].offset = offset;
  r->section[index].length = length;
}

/* Moves the path that a walk left in scratch into the record. */
INLINE void put_path(struct scratch *s, struct exec_record *r, u32 index, u32 type) {
  u32 at = s->used;
  u32 start = s->text.pos & (PATH_ROOM - 1);
  u32 len = (PATH_ROOM - 1 - start) & (PATH_ROOM - 1);
  bpf_probe_read_kernel(&s->record[at & RECORD_MASK], len, &s->text.path[start]);
  section(r, index, type, s->text.flags, at, len);
  s->used = at + len;
}

INLINE void put_string(struct scratch *s, struct exec_record *r, u32 index, u32 type, const char *text) {
  u32 at = s->used;
  long n = bpf_probe_read_kernel_str(&s->record[at & RECORD_MASK], PATH_ROOM, text);
  if (n < 1) {
    section(r, index, type, SIGIL_UNREADABLE, at, 0);
    return;
  }
  section(r, index, type, n == PATH_ROOM ? SIGIL_CUT : 0, at, (n - 1) & (PATH_ROOM - 1));
  s->used = at + ((n - 1) & (PATH_ROOM - 1));
}

/* Copies user memory [start, end); when it is longer than the limit, its tail. */
INLINE void put_user(struct scratch *s, struct exec_record *r, u32 index, u32 type, unsigned long start, unsigned long end) {
  u32 at = s->used;
  u32 flags = 0;
  u64 len = end - start;
  if (end <= start) {
    section(r, index, type, 0, at, 0);
    return;
  }
  if (len > SIGIL_ARGS_MAX - 1) {
    start = end - (SIGIL_ARGS_MAX - 1);
    len = SIGIL_ARGS_MAX - 1;
    flags = SIGIL_CUT;
  }
  len &= SIGIL_ARGS_MAX - 1;
  if (bpf_probe_read_user(&s->record[at & RECORD_MASK], len, (void *)start)) {
    section(r, index, type, flags | SIGIL_UNREADABLE, at, 0);
    return;
  }
  section(r, index, type, flags, at, len);
  s->used = at + len;
}

INLINE u32 fd_kind(struct task_struct *task, u32 fd) {
  struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
  if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds)) return SIGIL_FD_CLOSED;
  struct file **table = BPF_CORE_READ(fdt, fd);
  struct file *file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
  if (!file) return SIGIL_FD_CLOSED;
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  u32 rdev;
  switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
    case 0100000: return SIGIL_FD_FILE;
    case 0010000: return SIGIL_FD_PIPE;
    case 0140000: return SIGIL_FD_SOCKET;
    case 0040000: return SIGIL_FD_DIRECTORY;
    case 0060000: return SIGIL_FD_BLOCK;
    case 0020000:
      rdev = BPF_CORE_READ(inode, i_rdev);
      if (rdev == ((1 << 20) | 3)) return SIGIL_FD_NULL;
      rdev >>= 20;
      /* tty, console and friends; pseudo terminals; serial ports of SoCs; hypervisor consoles (admin-guide/devices.txt). */
      if (rdev == 4 || rdev == 5 || (rdev >= 136 && rdev <= 143) || rdev == 204 || rdev == 229) return SIGIL_FD_TTY;
      return SIGIL_FD_CHAR;
    default: return SIGIL_FD_OTHER;
  }
}

INLINE void exe_facts(struct sigil_process *p, struct file *file) {
  struct inode *inode = file->f_inode;
  struct dentry *dentry = file->f_path.dentry;
  u32 dev = inode->i_sb->s_dev;
  char name[8] = {};

  p->exe_inode = inode->i_ino;
  p->exe_size = inode->i_size;
  p->exe_major = dev >> 20;
  p->exe_minor = dev & 0xfffff;
  p->exe_mode = inode->i_mode;
  p->exe_uid = inode->i_uid.val;
  p->exe_gid = inode->i_gid.val;
  p->exe_links = inode->i_nlink;
  if (bpf_core_field_exists(inode->i_ctime_sec)) {
    p->exe_ctime_s = inode->i_ctime_sec;
    /* Bit 31 is the kernel's mark that somebody asked for the time (I_CTIME_QUERIED, since 6.13). */
    p->exe_ctime_ns = inode->i_ctime_nsec & 0x7fffffff;
    p->exe_mtime_s = inode->i_mtime_sec;
    p->exe_mtime_ns = inode->i_mtime_nsec;
  } else {
    struct inode___since_6_7 *later = (void *)inode;
    struct inode___since_6_6 *middle = (void *)inode;
    struct inode___until_6_5 *early = (void *)inode;
    if (bpf_core_field_exists(later->__i_mtime)) {
      p->exe_mtime_s = BPF_CORE_READ(later, __i_mtime.tv_sec);
      p->exe_mtime_ns = BPF_CORE_READ(later, __i_mtime.tv_nsec);
    } else {
      p->exe_mtime_s = BPF_CORE_READ(middle, i_mtime.tv_sec);
      p->exe_mtime_ns = BPF_CORE_READ(middle, i_mtime.tv_nsec);
    }
    if (bpf_core_field_exists(middle->__i_ctime)) {
      p->exe_ctime_s = BPF_CORE_READ(middle, __i_ctime.tv_sec);
      p->exe_ctime_ns = BPF_CORE_READ(middle, __i_ctime.tv_nsec);
    } else {
      p->exe_ctime_s = BPF_CORE_READ(early, i_ctime.tv_sec);
      p->exe_ctime_ns = BPF_CORE_READ(early, i_ctime.tv_nsec);
    }
  }

  bpf_probe_read_kernel(name, 7, BPF_CORE_READ(dentry, d_name.name));
  if (p->exe_links == 0 && name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':')
    p->exe_flags |= SIGIL_EXE_MEMFD;
  else if (p->exe_links == 0 || (!BPF_CORE_READ(dentry, d_hash.pprev) && dentry != BPF_CORE_READ(dentry, d_parent)))
    p->exe_flags |= SIGIL_EXE_DELETED;

  if (BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_MAGIC) {
    /* An overlay inode is followed by the dentry of its upper layer (struct ovl_inode, fs/overlayfs/ovl_entry.h). */
    void *upper = NULL;
    bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
    if (upper) p->exe_flags |= SIGIL_EXE_OVERLAY_UPPER;
  }
}

/* Is it a 32-bit program? On x86 the kernel marks the thread so for the return from execve, and later in each of its calls
 * (TS_COMPAT, arch/x86/include/asm/thread_info.h). */
INLINE bool is_compat(struct task_struct *task) {
#ifdef __TARGET_ARCH_x86
  return BPF_CORE_READ(task, thread_info.status) & 2;
#else
  return BPF_CORE_READ(task, thread_info.flags) >> 22 & 1; /* TIF_32BIT */
#endif
}

/* What is true of a task whichever way it was met. Members are read through typed pointers where the verifier knows the type:
 * a load each, where bpf_probe_read_kernel is a call; a null or stale pointer reads as 0 either way. */
static __noinline int task_facts(struct sigil_process *p, struct task_struct *task) {
  struct task_struct *leader = task->group_leader;
  struct task_struct *parent = leader->real_parent;
  /* Not `cred`: a task of the inventory may just be acting in another's name (overlayfs, nfsd). */
  const struct cred *cred = task->real_cred;
  struct signal_struct *signal = task->signal;

  p->start_ns = leader->start_boottime;
  p->ppid = parent->tgid;
  p->parent_start_ns = parent->group_leader->start_boottime;

  p->uid = cred->uid.val;
  p->gid = cred->gid.val;
  p->euid = cred->euid.val;
  p->egid = cred->egid.val;
  p->suid = cred->suid.val;
  p->sgid = cred->sgid.val;
  /* Its member has another type before 6.3, so the field is read whole. */
  bpf_core_read(&p->cap_effective, sizeof(p->cap_effective), &cred->cap_effective);
  bpf_core_read(&p->cap_permitted, sizeof(p->cap_permitted), &cred->cap_permitted);
  p->user_ns = cred->user_ns->ns.inum;

  p->login_uid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : (u32)-1;
  p->audit_session = bpf_core_field_exists(task->sessionid) ? task->sessionid : (u32)-1;
  p->session = BPF_CORE_READ(signal, pids[PIDTYPE_SID], numbers[0].nr);
  p->process_group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID], numbers[0].nr);
  struct tty_struct *tty = signal->tty;
  if (tty) {
    p->tty_major = tty->driver->major;
    p->tty_minor = tty->driver->minor_start + tty->index;
  }

  struct nsproxy *ns = task->nsproxy;
  p->mnt_ns = ns->mnt_ns->ns.inum;
  p->net_ns = ns->net_ns->ns.inum;
  p->uts_ns = ns->uts_ns->ns.inum;
  p->ipc_ns = ns->ipc_ns->ns.inum;
  p->cgroup_ns = ns->cgroup_ns->ns.inum;
  /* Not a typed pointer: the verifier of 6.1 lets no computed offset be added to one. */
  struct pid *pid = BPF_CORE_READ(leader, thread_pid);
  u32 level = BPF_CORE_READ(pid, level);
  if (level < 33) {
    struct upid *last = (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
    p->ns_pid = BPF_CORE_READ(last, nr);
    p->pid_ns = BPF_CORE_READ(last, ns, ns.inum);
    /* The mount may be a copy (another mount namespace); the directory tells. */
    struct dentry *root = task->fs->root.dentry;
    if (root && root != BPF_CORE_READ(last, ns, child_reaper, fs, root.dentry)) p->exe_flags |= SIGIL_EXE_CHROOTED;
  }
  if (is_compat(task)) p->exe_flags |= SIGIL_EXE_COMPAT;
  bpf_probe_read_kernel_str(p->comm, 16, &task->comm);
  p->fd_kind[0] = fd_kind(task, 0);
  p->fd_kind[1] = fd_kind(task, 1);
  p->fd_kind[2] = fd_kind(task, 2);
  return 0;
}

#define V1_PATH(subsystem)                                                                    \
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, subsystem) && !found) {               \
    u32 id = bpf_core_enum_value(enum cgroup_subsys_id, subsystem);                           \
    struct cgroup_subsys_state *css = NULL;                                                   \
    bpf_probe_read_kernel(&css, sizeof(css), (void *)set + bpf_core_field_offset(struct css_set, subsys) + (id & 15) * 8); \
    struct kernfs_node *node = BPF_CORE_READ(css, cgroup, kn);                                \
    if (node && has_parent(node)) { kn = node; found = true; }                                \
  }

INLINE bool has_parent(struct kernfs_node *kn) {
  if (bpf_core_field_exists(kn->parent)) return BPF_CORE_READ(kn, parent) != NULL;
  return BPF_CORE_READ((struct kernfs_node___since_6_15 *)kn, __parent) != NULL;
}

/* Path in the v2 hierarchy; at its root (hybrid and v1 hosts) the first v1 hierarchy that says more. */
static __noinline int put_cgroup(struct scratch *s, struct exec_record *r, struct task_struct *task) {
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  struct kernfs_node *kn = BPF_CORE_READ(set, dfl_cgrp, kn);
  r->process.cgroup_id = BPF_CORE_READ(kn, id);
  bool found = has_parent(kn);
  V1_PATH(memory_cgrp_id)
  V1_PATH(pids_cgrp_id)
  V1_PATH(cpu_cgrp_id)
  V1_PATH(devices_cgrp_id)
  cgroup_walk(s->slot, kn);
  put_path(s, r, CGROUP, SIGIL_SECTION_CGROUP);
  return 0;
}

INLINE void put_places(struct scratch *s, struct exec_record *r, struct task_struct *task, struct file *exe) {
  path_walk(s->slot, task, BPF_CORE_READ(exe, f_path.dentry), BPF_CORE_READ(exe, f_path.mnt));
  put_path(s, r, EXE, SIGIL_SECTION_EXE);
  path_walk(s->slot, task, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
  put_path(s, r, CWD, SIGIL_SECTION_CWD);
}

INLINE struct exec_record *record_begin(struct scratch *s, struct sigil_counters *c, u32 kind, u32 pid, u32 tid) {
  struct exec_record *r = (void *)s->record;
  __builtin_memset(r, 0, sizeof(*r));
  header_fill(&r->header, c, kind, SECTIONS, pid, tid);
  s->used = sizeof(*r);
  return r;
}

INLINE void record_end(struct scratch *s, struct sigil_counters *c, struct exec_record *r) {
  u32 size = (s->used + 7) & ~7u;
  r->header.size = size;
  if (size > SIGIL_RECORD_MAX - 8) c->oversized++;
  else submit(c, r, size & RECORD_MASK);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *trusted, pid_t old_pid, struct linux_binprm *bprm) {
  struct task_struct *task = task_cast(trusted);
  struct sigil_counters *c = counters_of(SIGIL_KIND_EXEC);
  if (!c) return 0;
  c->seen++;
  struct scratch *s = scratch_take();
  if (!s) {
    c->recursion++;
    return 0;
  }
  u32 pid = BPF_CORE_READ(task, tgid);
  struct exec_record *r = record_begin(s, c, SIGIL_KIND_EXEC, pid, BPF_CORE_READ(task, pid));
  task_facts(&r->process, task);
  r->process.old_tid = old_pid;
  r->process.argc = BPF_CORE_READ(bprm, argc);
  r->process.envc = BPF_CORE_READ(bprm, envc);

  struct mm_struct *mm = task->mm;
  struct file *exe = mm->exe_file;
  exe_facts(&r->process, exe);
  const char *filename = BPF_CORE_READ(bprm, filename);
  const char *interp = BPF_CORE_READ(bprm, interp);
  if (filename != interp) r->process.exe_flags |= SIGIL_EXE_SCRIPT;
  struct linux_binprm___secure *secure = (void *)bprm;
  if (bpf_core_field_exists(secure->secureexec) && BPF_CORE_READ_BITFIELD_PROBED(secure, secureexec))
    r->process.exe_flags |= SIGIL_EXE_SECURE;

  put_places(s, r, task, exe);
  put_string(s, r, FILENAME, SIGIL_SECTION_FILENAME, filename);
  if (filename != interp) put_string(s, r, INTERP, SIGIL_SECTION_INTERP, interp);
  else section(r, INTERP, SIGIL_SECTION_INTERP, 0, s->used, 0);
  put_cgroup(s, r, task);

  unsigned long arg_start = mm->arg_start, arg_end = mm->arg_end;
  unsigned long env_start = mm->env_start, env_end = mm->env_end;
  r->process.args_bytes = arg_end - arg_start;
  r->process.env_bytes = env_end - env_start;
  put_user(s, r, ARGS, SIGIL_SECTION_ARGS, arg_start, arg_end);
  put_user(s, r, ENV, SIGIL_SECTION_ENV, env_start, env_end);
  record_end(s, c, r);
  scratch_give(s);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child) {
  if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid)) return 0; /* a thread */
  struct sigil_counters *c = counters_of(SIGIL_KIND_FORK);
  if (!c) return 0;
  c->seen++;
  struct {
    struct sigil_header header;
    struct sigil_fork fork;
  } r = {};
  header_fill(&r.header, c, SIGIL_KIND_FORK, 0, BPF_CORE_READ(child, tgid), BPF_CORE_READ(child, pid));
  r.header.size = sizeof(r);
  struct task_struct *real = BPF_CORE_READ(child, real_parent);
  r.fork.start_ns = BPF_CORE_READ(child, start_boottime);
  r.fork.ppid = BPF_CORE_READ(real, tgid);
  r.fork.parent_start_ns = BPF_CORE_READ(real, group_leader, start_boottime);
  r.fork.creator_pid = BPF_CORE_READ(parent, tgid);
  submit(c, &r, sizeof(r));
  return 0;
}

/* The process is over when its last thread is. Since 6.16 the tracepoint says so; before, the thread count at zero does,
 * which two threads that end together can both see: the first to enter the map reports. */
INLINE int process_end(struct task_struct *task, bool said, bool group_dead) {
  struct signal_struct *signal = BPF_CORE_READ(task, signal);
  if (said ? !group_dead : BPF_CORE_READ(signal, live.counter) != 0) return 0;
  struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  u64 start = BPF_CORE_READ(leader, start_boottime);
  u32 pid = BPF_CORE_READ(task, tgid);
  if (!said) {
    u64 key[2] = {pid, start};
    u8 one = 1;
    /* Any other failure than being there already must not lose an end: at worst it is told twice. */
    if (bpf_map_update_elem(&ended, key, &one, BPF_NOEXIST) == -EEXIST) return 0;
  }
  struct sigil_counters *c = counters_of(SIGIL_KIND_EXIT);
  if (!c) return 0;
  c->seen++;
  struct {
    struct sigil_header header;
    struct sigil_exit exit;
  } r = {};
  header_fill(&r.header, c, SIGIL_KIND_EXIT, 0, pid, BPF_CORE_READ(task, pid));
  r.header.size = sizeof(r);
  r.exit.start_ns = start;
  /* As wait_task_zombie does: the group's code when the whole group was ended, else the leader's own. */
  r.exit.exit_code = (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT) ? BPF_CORE_READ(signal, group_exit_code)
                                                                        : BPF_CORE_READ(leader, exit_code);
  r.exit.uid = BPF_CORE_READ(task, cred, uid.val);
  submit(c, &r, sizeof(r));
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit_group, struct task_struct *task, bool group_dead) { return process_end(task, true, group_dead); }

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit_live, struct task_struct *task) { return process_end(task, false, false); }

/* Every process that is there when the agent starts, into the same ring as the live events: no gap, no order to restore.
 * The command line lies in another address space; the shim adds it. */
SEC("iter/task")
int process_inventory(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task) return 0;
  task = task_cast(task);
  if ( BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid)) return 0;
  /* One byte of text a process: a short read by the shim then stops here, and it can empty the ring in between. */
  char mark = '.';
  bpf_seq_write(ctx->meta->seq, &mark, 1);
  /* Ended and not yet waited for: its end was before our time, or has been reported. Nothing would ever end it here. */
  if (BPF_CORE_READ(task, signal, live.counter) == 0) return 0;
  struct sigil_counters *c = counters_of(SIGIL_KIND_TASK);
  if (!c) return 0;
  c->seen++;
  struct scratch *s = scratch_take();
  if (!s) {
    c->recursion++;
    return 0;
  }
  u32 pid = BPF_CORE_READ(task, tgid);
  struct exec_record *r = record_begin(s, c, SIGIL_KIND_TASK, pid, pid);
  task_facts(&r->process, task);
  r->process.old_tid = pid;
  struct mm_struct *mm = task->mm;
  struct file *exe = mm ? mm->exe_file : NULL;
  if (exe && !(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
    exe_facts(&r->process, exe);
    put_places(s, r, task, exe);
    r->process.args_bytes = BPF_CORE_READ(mm, arg_end) - BPF_CORE_READ(mm, arg_start);
  } else {
    r->process.exe_flags = SIGIL_EXE_NONE;
    section(r, EXE, SIGIL_SECTION_EXE, 0, s->used, 0);
    section(r, CWD, SIGIL_SECTION_CWD, 0, s->used, 0);
  }
  section(r, FILENAME, SIGIL_SECTION_FILENAME, 0, s->used, 0);
  section(r, INTERP, SIGIL_SECTION_INTERP, 0, s->used, 0);
  put_cgroup(s, r, task);
  section(r, ARGS, SIGIL_SECTION_ARGS, 0, s->used, 0);
  section(r, ENV, SIGIL_SECTION_ENV, 0, s->used, 0);
  record_end(s, c, r);
  scratch_give(s);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
