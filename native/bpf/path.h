/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths by walking dentries from leaf to root: bpf_d_path is not callable from tracepoints. Names are written from the end
 * of a buffer towards its start, so that a path that does not fit loses its head and keeps its tail: rules ask how a path
 * ends. Stops at the root of the process, so a container's process has the path it sees itself. */
#ifndef SIGIL_BPF_PATH_H
#define SIGIL_BPF_PATH_H
#include "common.h"

/* Dentries and mount points crossed in one walk. PATH_MAX allows 2 048 one-letter components; 128 is past any real tree,
 * and a deeper path is cut (its tail kept) and says so. */
#define PATH_DEPTH_MAX 128
#define CGROUP_DEPTH_MAX 24
#define PATH_STEPS 8 /* of them in one look of the verifier; divides both */

INLINE bool prepend(struct text *s, const void *name, u32 len) {
  u32 at = s->pos;
  len &= 255;
  if (at <= len) return false;
  at -= len;
  bpf_probe_read_kernel(&s->path[at & (PATH_ROOM - 1)], len, name);
  at -= 1;
  s->path[at & (PATH_ROOM - 1)] = '/';
  s->pos = at;
  return true;
}

INLINE void path_begin(struct text *s) {
  s->pos = PATH_ROOM - 1;
  s->flags = 0;
}

INLINE void path_end(struct text *s) {
  if (s->pos == PATH_ROOM - 1) {
    s->pos = PATH_ROOM - 2;
    s->path[PATH_ROOM - 2] = '/';
  }
}

/* What a step of the walk needs of a dentry, in one read: parent and name have been neighbours in all versions so far. Where they
 * are not, they are read one by one. */
struct step {
  struct dentry *parent;
  u32 hash, len;
  const unsigned char *name;
};

INLINE void step_read(struct step *step, struct dentry *dentry) {
  u32 at = bpf_core_field_offset(struct dentry, d_parent);
  if (bpf_core_field_offset(struct dentry, d_name) == at + 8 && bpf_core_field_offset(struct qstr, len) == 4 &&
      bpf_core_field_offset(struct qstr, name) == 8) {
    bpf_probe_read_kernel(step, sizeof(*step), (void *)dentry + at);
    return;
  }
  step->parent = BPF_CORE_READ(dentry, d_parent);
  step->len = BPF_CORE_READ(dentry, d_name.len);
  step->name = BPF_CORE_READ(dentry, d_name.name);
}

/* The text of a scratch memory by its number; whoever includes this says where it lies. */
INLINE struct text *text_of(u32 slot);

/* A part of the walk that path_walk began; 0 when it has come to its end. A global function that takes a number only, with the place
 * in scratch memory: the verifier looks at these turns once for each program, and not at PATH_DEPTH_MAX of them for each call. */
__noinline int path_steps(u32 slot) {
  struct text *s = text_of(slot);
  if (!s) return 0;
  struct dentry *dentry = (void *)s->dentry, *mnt_root = (void *)s->mnt_root;
  struct vfsmount *vfsmnt = (void *)s->mnt;
  u64 root_dentry = s->root_dentry, root_mnt = s->root_mnt;
  struct step step = {};

  for (int i = 0; i < PATH_STEPS; i++) {
    if ((u64)dentry == root_dentry && (u64)vfsmnt == root_mnt) return 0;
    if (dentry == mnt_root) {
      struct mount *m = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
      struct mount *up = BPF_CORE_READ(m, mnt_parent);
      if (up == m) { /* the top, and not by way of the root: outside of a chroot, or of a mount that was detached */
        s->flags = SIGIL_DETACHED;
        return 0;
      }
      dentry = BPF_CORE_READ(m, mnt_mountpoint);
      vfsmnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
      mnt_root = BPF_CORE_READ(vfsmnt, mnt_root);
      continue;
    }
    step_read(&step, dentry);
    if (!prepend(s, step.name, step.len)) {
      s->flags = SIGIL_CUT;
      return 0;
    }
    if (dentry == step.parent) { /* a file without a directory: memfd, or cut off by an unmount */
      s->flags = SIGIL_DETACHED;
      return 0;
    }
    dentry = step.parent;
  }
  s->dentry = (u64)dentry;
  s->mnt = (u64)vfsmnt;
  s->mnt_root = (u64)mnt_root;
  return 1;
}

/* Leaves the path in the text's path[pos .. PATH_ROOM - 1) and its section flags in its flags. */
static __noinline __attribute__((unused)) int path_walk(u32 slot, struct task_struct *task, struct dentry *dentry, struct vfsmount *vfsmnt) {
  struct text *s = text_of(slot);
  int i;
  if (!s) return 0;
  path_begin(s);
  s->root_dentry = (u64)BPF_CORE_READ(task, fs, root.dentry);
  s->root_mnt = (u64)BPF_CORE_READ(task, fs, root.mnt);
  s->dentry = (u64)dentry;
  s->mnt = (u64)vfsmnt;
  s->mnt_root = (u64)BPF_CORE_READ(vfsmnt, mnt_root);
  for (i = 0; i < PATH_DEPTH_MAX / PATH_STEPS; i++)
    if (!path_steps(slot)) break;
  if (i == PATH_DEPTH_MAX / PATH_STEPS) s->flags = SIGIL_CUT;
  path_end(s);
  return 0;
}

/* As path_steps. */
__noinline int cgroup_steps(u32 slot) {
  struct text *s = text_of(slot);
  if (!s) return 0;
  struct kernfs_node *kn = (void *)s->dentry;
  for (int i = 0; i < PATH_STEPS; i++) {
    struct kernfs_node *parent;
    if (bpf_core_field_exists(kn->parent)) parent = BPF_CORE_READ(kn, parent);
    else parent = (void *)BPF_CORE_READ((struct kernfs_node___since_6_15 *)kn, __parent);
    if (!parent) return 0;
    long n = bpf_probe_read_kernel_str(s->name, 256, BPF_CORE_READ(kn, name));
    if (n <= 1) return 0;
    if (!prepend(s, s->name, n - 1)) {
      s->flags = SIGIL_CUT;
      return 0;
    }
    kn = parent;
  }
  s->dentry = (u64)kn;
  return 1;
}

/* The path of a cgroup from its kernfs nodes; "/" for the root. */
static __noinline __attribute__((unused)) int cgroup_walk(u32 slot, struct kernfs_node *kn) {
  struct text *s = text_of(slot);
  int i;
  if (!s) return 0;
  path_begin(s);
  s->dentry = (u64)kn;
  for (i = 0; i < CGROUP_DEPTH_MAX / PATH_STEPS; i++)
    if (!cgroup_steps(slot)) break;
  if (i == CGROUP_DEPTH_MAX / PATH_STEPS) s->flags = SIGIL_CUT;
  path_end(s);
  return 0;
}
#endif
