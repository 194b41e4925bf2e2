/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The few kernel types that the programs read, each with only the members they name. Offsets are relocated at load from
 * the running kernel's BTF (CO-RE), so order and omissions do not matter. Members that moved or changed type between
 * kernel 5.8 and today have a flavour (`___suffix`), chosen by bpf_core_field_exists where they are read. */
#ifndef SIGIL_KERNEL_H
#define SIGIL_KERNEL_H
#define __VMLINUX_TYPES__

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;
typedef int pid_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_LPM_TRIE = 11,
  BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
/* Helpers that are newer than the base tier: called only where this enum of the running kernel has them. */
enum bpf_func_id { BPF_FUNC_get_current_task_btf = 158, BPF_FUNC_task_pt_regs = 175 };
/* Functions of the kernel that the verifier knows by name (since 6.2): called only where it knows them. */
enum special_kfunc_type { KF_bpf_rdonly_cast = 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;
/* Two u32 (the low half first) until 6.2, one u64 since: the same eight bytes, never read through the member, which only one
 * of the two has. */
typedef struct { u64 val; } kernel_cap_t;

struct qstr { u32 len; const unsigned char *name; };
struct hlist_bl_node { struct hlist_bl_node **pprev; };
struct super_block { u32 s_dev; unsigned long s_magic; };
struct timespec64 { s64 tv_sec; long tv_nsec; };
struct inode {
  u16 i_mode;
  kuid_t i_uid;
  kgid_t i_gid;
  struct super_block *i_sb;
  unsigned long i_ino;
  u32 i_nlink;
  u32 i_rdev;
  s64 i_size;
  s64 i_mtime_sec; /* since 6.11 */
  u32 i_mtime_nsec;
  s64 i_ctime_sec;
  u32 i_ctime_nsec;
};
struct inode___until_6_5 { struct timespec64 i_mtime; struct timespec64 i_ctime; };
struct inode___since_6_6 { struct timespec64 i_mtime; struct timespec64 __i_ctime; };
struct inode___since_6_7 { struct timespec64 __i_mtime; struct timespec64 __i_ctime; };
struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
};
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file { struct path f_path; struct inode *f_inode; u32 f_mode; u32 f_flags; };
struct fdtable { u32 max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct fs_struct { struct path root; struct path pwd; };

struct ns_common { u32 inum; };
struct uts_namespace { struct ns_common ns; };
struct ipc_namespace { struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct task_struct;
struct pid_namespace { struct ns_common ns; struct task_struct *child_reaper; };
struct user_namespace { struct ns_common ns; };
struct cgroup_namespace { struct ns_common ns; };
struct net { struct ns_common ns; };
struct nsproxy {
  struct uts_namespace *uts_ns;
  struct ipc_namespace *ipc_ns;
  struct mnt_namespace *mnt_ns;
  struct net *net_ns;
  struct cgroup_namespace *cgroup_ns;
};

struct upid { int nr; struct pid_namespace *ns; };
struct pid { u32 level; struct upid numbers[1]; };

struct cred {
  kuid_t uid;
  kgid_t gid;
  kuid_t suid;
  kgid_t sgid;
  kuid_t euid;
  kgid_t egid;
  kernel_cap_t cap_permitted;
  kernel_cap_t cap_effective;
  struct user_namespace *user_ns;
};

struct kernfs_node { struct kernfs_node *parent; const char *name; u64 id; };
struct kernfs_node___since_6_15 { struct kernfs_node___since_6_15 *__parent; };
struct cgroup { struct kernfs_node *kn; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; };
enum cgroup_subsys_id { cpuset_cgrp_id, cpu_cgrp_id, memory_cgrp_id, devices_cgrp_id, pids_cgrp_id };

struct tty_driver { int major; int minor_start; };
struct tty_struct { int index; struct tty_driver *driver; };
typedef struct { int counter; } atomic_t;
struct signal_struct {
  atomic_t live;
  u32 flags;
  int group_exit_code;
  struct pid *pids[4];
  struct tty_struct *tty;
};
struct mm_struct {
  struct file *exe_file;
  unsigned long arg_start, arg_end, env_start, env_end;
};
struct thread_info { unsigned long flags; u32 status; };
struct task_struct {
  struct thread_info thread_info;
  void *stack;
  u32 flags;
  struct mm_struct *mm;
  int exit_code;
  pid_t pid;
  pid_t tgid;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  u64 start_boottime;
  const struct cred *real_cred;
  const struct cred *cred;
  char comm[16];
  struct fs_struct *fs;
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
  kuid_t loginuid; /* CONFIG_AUDIT */
  u32 sessionid;
  struct css_set *cgroups;
};
struct linux_binprm {
  struct file *file;
  int argc, envc;
  const char *filename;
  const char *interp;
};
/* The bit field cannot be read by name in a tracepoint without knowing its place: CO-RE relocates it. */
struct linux_binprm___secure { u32 secureexec : 1; };

#ifdef __TARGET_ARCH_x86
struct pt_regs { unsigned long bp, bx, r8, ax, cx, dx, si, di, orig_ax, r10; };
#else
struct pt_regs { u64 regs[31]; u64 orig_x0; };
#endif

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop
#endif
