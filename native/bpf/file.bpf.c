/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file family: what processes do to files, told when the system call returns. Where the call gave back or took a descriptor,
 * the path is the kernel's own, walked from the file; where it took a name, the name as it was passed, with the directory that it
 * starts from. docs/design/file-events.md says what follows from that.
 * Base tier: helpers and program types of kernel 5.8; newer helpers only where the kernel has them (TYPED). */
#include "activity.h"
#include "file-calls.h"

#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define S_IFMT 0170000
#define S_IFREG 0100000
#define AT_FDCWD (-100)
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_NOFOLLOW 0x100
#define RENAME_EXCHANGE 2
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_TMPFILE_BIT 020000000
#define EPERM 1
#define EACCES 13
#define TS_COMPAT 2
#define FILE_BYTES ((u32)sizeof(struct sigil_file))

/* Contexts of syscalls/sys_enter_* and sys_exit_* (kernel/trace/trace.h: struct syscall_trace_enter, _exit). */
struct enter_context {
  u64 common;
  s32 nr;
  unsigned long args[6];
};
struct exit_context {
  u64 common;
  s32 nr;
  long ret;
};

/* Last components of the names of sensitive files, padded with zeros; and a bit for each length that one of them has. */
#define NAME_ROOM 64
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, u8[NAME_ROOM]);
  __type(value, u8);
} file_names SEC(".maps");

/* Beginnings of paths that nobody wants to hear of. */
#define PREFIX_ROOM 128
struct prefix {
  u32 bits;
  u8 text[PREFIX_ROOM];
};
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 256);
  __uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
  __type(key, struct prefix);
  __type(value, u8);
} file_excluded SEC(".maps");

/* [0]: bits of the lengths in file_names; [1]: number of entries in file_excluded. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, u32);
  __type(value, u64);
} file_settings SEC(".maps");

INLINE u64 setting(u32 index) {
  u64 *value = bpf_map_lookup_elem(&file_settings, &index);
  return value ? *value : 0;
}

/* The open file behind a descriptor of the current process. Loads where the kernel lets programs follow typed pointers. */
INLINE struct file *file_of(u32 fd) {
  struct file **table;
  struct file *file = NULL;
  if (TYPED) {
    struct task_struct *task = typed_task();
    struct fdtable *fdt = task->files->fdt;
    if (fd >= fdt->max_fds) return NULL;
    table = fdt->fd;
  } else {
    struct fdtable *fdt = BPF_CORE_READ(current_task(), files, fdt);
    if (fd >= BPF_CORE_READ(fdt, max_fds)) return NULL;
    table = BPF_CORE_READ(fdt, fd);
  }
  bpf_probe_read_kernel(&file, sizeof(file), table + fd);
  return file;
}

/* The registers that the system call was made with: on the way out of the kernel they still are what they were. */
INLINE struct pt_regs *user_registers(void) {
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
    return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  /* Until 5.14 they always lie at the very top of the stack: two pages of it on x86-64 (four with sanitizers, which nobody runs), 16 KiB on arm64. */
  return BPF_CORE_READ(current_task(), stack) + 16384 - bpf_core_type_size(struct pt_regs);
}

INLINE void inode_facts(struct sigil_file *f, struct inode *inode) {
  u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
  f->inode = BPF_CORE_READ(inode, i_ino);
  f->size = BPF_CORE_READ(inode, i_size);
  f->major = dev >> 20;
  f->minor = dev & 0xfffff;
  f->uid = BPF_CORE_READ(inode, i_uid.val);
  f->gid = BPF_CORE_READ(inode, i_gid.val);
  f->links = BPF_CORE_READ(inode, i_nlink);
  if (f->links == 0) f->flags |= SIGIL_FILE_DELETED;
}

INLINE void walk(struct activity_scratch *s, const struct path *path) {
  struct path at = {};
  bpf_core_read(&at, sizeof(at), path);
  path_walk(s->slot, current_task(), at.dentry, at.mnt);
}

/* Is the path in s->text one of those that are left out? */
static __noinline int excluded(struct activity_scratch *s) {
  struct prefix key;
  u32 start = s->text.pos & (PATH_ROOM - 1);
  key.bits = PREFIX_ROOM * 8;
  bpf_probe_read_kernel(key.text, PREFIX_ROOM, &s->text.path[start]);
  return bpf_map_lookup_elem(&file_excluded, &key) != NULL;
}

/* One event about an open file: `mode` is that of its inode, `open_flags` what open(2) was given. */
static __noinline int tell_file(struct file *file, u32 kind, u32 mode, u32 actor_flags, u32 open_flags) {
  struct sigil_counters *c = counters_of(kind);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, kind, FILE_BYTES, 1, actor_flags);
  if (!s) return 0;
  struct sigil_file *f = FIXED(s);
  inode_facts(f, BPF_CORE_READ(file, f_inode));
  f->mode = mode;
  f->open_flags = open_flags;
  f->flags |= SIGIL_FILE_RESOLVED;
  walk(s, &file->f_path);
  if (setting(1) && excluded(s)) {
    c->filtered++;
    activity_give(s);
    return 0;
  }
  put_text(s, FILE_BYTES, 0, SIGIL_SECTION_FILE_PATH);
  activity_end(s, c);
  return 0;
}

INLINE u32 mode_of(struct file *file) {
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  return BPF_CORE_READ(inode, i_mode);
}

/* Does the file's name end like one of the sensitive ones? */
static __noinline int has_listed_name(struct file *file) {
  struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
  u8 key[NAME_ROOM] = {};
  u32 len = BPF_CORE_READ(dentry, d_name.len);
  if (len == 0 || len >= NAME_ROOM || !(setting(0) >> len & 1)) return 0;
  bpf_probe_read_kernel(key, len & (NAME_ROOM - 1), BPF_CORE_READ(dentry, d_name.name));
  return bpf_map_lookup_elem(&file_names, key) != NULL;
}

INLINE void arguments_of(struct activity_scratch *s, struct pt_regs *regs, bool compat) {
#ifdef __TARGET_ARCH_x86
  if (compat) {
    s->args[1] = (u32)BPF_CORE_READ(regs, bx);
    s->args[2] = (u32)BPF_CORE_READ(regs, cx);
    s->args[3] = (u32)BPF_CORE_READ(regs, dx);
    s->args[4] = (u32)BPF_CORE_READ(regs, si);
    s->args[5] = (u32)BPF_CORE_READ(regs, di);
    return;
  }
  s->args[1] = BPF_CORE_READ(regs, di);
  s->args[2] = BPF_CORE_READ(regs, si);
  s->args[3] = BPF_CORE_READ(regs, dx);
  s->args[4] = BPF_CORE_READ(regs, r10);
  s->args[5] = BPF_CORE_READ(regs, r8);
#else
  s->args[1] = BPF_CORE_READ(regs, orig_x0);
  s->args[2] = BPF_CORE_READ(regs, regs[1]);
  s->args[3] = BPF_CORE_READ(regs, regs[2]);
  s->args[4] = BPF_CORE_READ(regs, regs[3]);
  s->args[5] = BPF_CORE_READ(regs, regs[4]);
#endif
}

/* The directory that a relative name starts from: of a descriptor, or the working directory. */
INLINE void put_directory(struct activity_scratch *s, u32 index, u32 type, bool has_dir, s32 dir) {
  const struct path *path;
  if (!has_dir || dir == AT_FDCWD) path = &BPF_CORE_READ(current_task(), fs)->pwd;
  else {
    struct file *file = file_of(dir);
    if (!file) {
      put_section(s, FILE_BYTES, index, type, SIGIL_UNREADABLE, 0);
      return;
    }
    path = &file->f_path;
  }
  walk(s, path);
  put_text(s, FILE_BYTES, index, type);
}

/* A name as it was passed, and where it starts from unless it is absolute. */
INLINE void put_name(struct activity_scratch *s, u32 index, u32 type, u32 dir_type, u64 text, bool has_dir, s32 dir) {
  u32 at = s->used & ACTIVITY_MASK;
  u8 first = 0;
  put_user_string(s, FILE_BYTES, index, type, (void *)text);
  bpf_probe_read_kernel(&first, 1, &s->record[at]);
  if (first == '/') put_section(s, FILE_BYTES, index + 1, dir_type, 0, 0);
  else put_directory(s, index + 1, dir_type, has_dir, dir);
}

/* Which directory is the root of the process: whoever looks the name up needs to know. */
INLINE void root_facts(struct sigil_file *f) {
  struct task_struct *task = current_task();
  struct inode *inode = BPF_CORE_READ(task, fs, root.dentry, d_inode);
  f->root_inode = BPF_CORE_READ(inode, i_ino);
  f->root_dev = BPF_CORE_READ(inode, i_sb, s_dev);
}

INLINE u64 argument(struct activity_scratch *s, u32 n) { return s->args[n & 7]; }

/* A call that succeeded and is in the table. */
static __noinline int tell_call(const struct file_call *call, struct pt_regs *regs, u32 actor_flags) {
  u32 kind = call->kind;
  if (!enabled[kind & (SIGIL_KIND_MAX - 1)]) return 0;
  struct sigil_counters *c = counters_of(kind);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, kind, FILE_BYTES, 4, actor_flags);
  if (!s) return 0;
  arguments_of(s, regs, actor_flags & SIGIL_ACTOR_COMPAT);
  u64 path = argument(s, call->path);
  /* By descriptor alone: also utimensat(fd, NULL). */
  bool by_fd = call->fd != 0 || !path;
  u32 fd = argument(s, call->fd ? call->fd : call->dir);
  struct sigil_file *f = FIXED(s);
  f->flags = call->set;
  root_facts(f);
  if (call->value) f->value = argument(s, call->value);
  if (call->value2) f->value2 = argument(s, call->value2);
  if (call->flags) {
    u32 flags = argument(s, call->flags);
    if (kind == SIGIL_KIND_FILE_RENAME && (flags & RENAME_EXCHANGE)) f->flags |= SIGIL_FILE_EXCHANGED;
    if (kind == SIGIL_KIND_FILE_DELETE && (flags & AT_REMOVEDIR)) f->flags |= SIGIL_FILE_DIRECTORY;
    if (flags & AT_SYMLINK_NOFOLLOW) f->flags &= ~SIGIL_FILE_FOLLOWS;
  }
  if (by_fd) {
    struct file *file = file_of(fd);
    if (!file) {
      c->filtered++;
      activity_give(s);
      return 0;
    }
    inode_facts(f, BPF_CORE_READ(file, f_inode));
    f->mode = mode_of(file);
    f->flags |= SIGIL_FILE_RESOLVED;
    walk(s, &file->f_path);
    put_text(s, FILE_BYTES, 0, SIGIL_SECTION_FILE_PATH);
    put_section(s, FILE_BYTES, 1, SIGIL_SECTION_FILE_DIR, 0, 0);
  } else put_name(s, 0, SIGIL_SECTION_FILE_PATH, SIGIL_SECTION_FILE_DIR, path, call->dir != 0, fd);
  if (kind == SIGIL_KIND_FILE_RENAME || kind == SIGIL_KIND_FILE_LINK)
    put_name(s, 2, SIGIL_SECTION_FILE_OTHER, SIGIL_SECTION_FILE_OTHER_DIR, argument(s, call->other), call->other_dir != 0,
             argument(s, call->other_dir));
  else {
    if (call->other) put_user_string(s, FILE_BYTES, 2, SIGIL_SECTION_FILE_OTHER, (void *)argument(s, call->other));
    else put_section(s, FILE_BYTES, 2, SIGIL_SECTION_FILE_OTHER, 0, 0);
    put_section(s, FILE_BYTES, 3, SIGIL_SECTION_FILE_OTHER_DIR, 0, 0);
  }
  activity_end(s, c);
  return 0;
}

/* Somebody was not allowed to open a file: few enough to tell all, and the reader knows the list. */
static __noinline int tell_refused(struct pt_regs *regs, u32 dir, u32 path, long ret, u32 actor_flags) {
  struct sigil_counters *c = counters_of(SIGIL_KIND_FILE_ACCESS);
  if (!c) return 0;
  c->seen++;
  struct activity_scratch *s = activity_begin(c, SIGIL_KIND_FILE_ACCESS, FILE_BYTES, 2, actor_flags);
  if (!s) return 0;
  arguments_of(s, regs, actor_flags & SIGIL_ACTOR_COMPAT);
  struct sigil_file *f = FIXED(s);
  f->result = ret;
  f->flags = SIGIL_FILE_FOLLOWS;
  root_facts(f);
  put_name(s, 0, SIGIL_SECTION_FILE_PATH, SIGIL_SECTION_FILE_DIR, argument(s, path), dir != 0, argument(s, dir));
  activity_end(s, c);
  return 0;
}

/* What open(2) was given. The file itself has forgotten O_CREAT, O_EXCL and O_TRUNC. `how`: of openat2, in user memory. */
INLINE u32 open_flags(struct file *file, struct pt_regs *regs, u32 nr, bool compat) {
  u32 flags = 0;
  void *how = NULL;
#ifdef __TARGET_ARCH_x86
  if (compat) {
    if (nr == 8) return O_CREAT | O_WRONLY | O_TRUNC;
    if (nr == 5) return BPF_CORE_READ(regs, cx);
    if (nr == 295) return BPF_CORE_READ(regs, dx);
    if (nr == 437) how = (void *)(unsigned long)(u32)BPF_CORE_READ(regs, dx);
  } else {
    if (nr == 85) return O_CREAT | O_WRONLY | O_TRUNC;
    if (nr == 2) return BPF_CORE_READ(regs, si);
    if (nr == 257) return BPF_CORE_READ(regs, dx);
    if (nr == 437) how = (void *)BPF_CORE_READ(regs, dx);
  }
#else
  if (nr == 56) return BPF_CORE_READ(regs, regs[2]);
  if (nr == 437) how = (void *)BPF_CORE_READ(regs, regs[2]);
#endif
  if (!how || bpf_probe_read_user(&flags, sizeof(flags), how)) return BPF_CORE_READ(file, f_flags);
  return flags;
}

/* An open that succeeded. */
INLINE int opened(long fd, struct pt_regs *regs, u32 nr, u32 actor_flags) {
  struct file *file = file_of(fd);
  if (!file) return 0;
  u32 mode = BPF_CORE_READ(file, f_mode);
  u32 kind;
  if (mode & FMODE_WRITE) kind = (mode & FMODE_CREATED) || (BPF_CORE_READ(file, f_flags) & O_TMPFILE_BIT) ? SIGIL_KIND_FILE_CREATE : SIGIL_KIND_FILE_WRITE;
  else if (mode & FMODE_CREATED) kind = SIGIL_KIND_FILE_CREATE;
  else kind = SIGIL_KIND_FILE_ACCESS;
  if (enabled[kind] && (kind != SIGIL_KIND_FILE_ACCESS || ((mode & FMODE_READ) && has_listed_name(file)))) {
    u32 type = mode_of(file);
    if ((type & S_IFMT) == S_IFREG) {
      if (!regs) regs = user_registers();
      return tell_file(file, kind, type, actor_flags, open_flags(file, regs, nr, actor_flags & SIGIL_ACTOR_COMPAT));
    }
  }
  return 0;
}

INLINE int open_exit(struct exit_context *ctx, u32 dir, u32 path) {
  long ret = ctx->ret;
  if (ret >= 0) return opened(ret, NULL, ctx->nr, 0);
  if ((ret != -EACCES && ret != -EPERM) || !enabled[SIGIL_KIND_FILE_ACCESS]) return 0;
  return tell_refused(user_registers(), dir, path, ret, 0);
}

/* open, creat: the name comes first. */
SEC("tracepoint/syscalls/sys_exit_open")
int file_open(struct exit_context *ctx) { return open_exit(ctx, 0, 1); }

/* openat, openat2: behind a directory. */
SEC("tracepoint/syscalls/sys_exit_openat")
int file_openat(struct exit_context *ctx) { return open_exit(ctx, 1, 2); }

SEC("tracepoint/syscalls/sys_exit_open_by_handle_at")
int file_open_by_handle(struct exit_context *ctx) { return ctx->ret >= 0 ? opened(ctx->ret, NULL, 0, 0) : 0; }

/* While the descriptor still leads to the file. That close fails for one that is open for writing is not a thing that happens. */
SEC("tracepoint/syscalls/sys_enter_close")
int file_close(struct enter_context *ctx) {
  struct file *file = file_of(ctx->args[0]);
  if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE)) return 0;
  u32 mode = mode_of(file);
  if ((mode & S_IFMT) != S_IFREG || !enabled[SIGIL_KIND_FILE_CLOSE]) return 0;
  return tell_file(file, SIGIL_KIND_FILE_CLOSE, mode, 0, BPF_CORE_READ(file, f_flags));
}

/* Every call of the table. */
SEC("tracepoint/syscalls/sys_exit_unlinkat")
int file_call(struct exit_context *ctx) {
  u32 nr = ctx->nr;
  if (ctx->ret < 0 || nr >= CALLS) return 0;
  return tell_call(&native_calls[nr], user_registers(), 0);
}

#ifdef __TARGET_ARCH_x86
/* System calls of 32-bit programs, which the tracepoints above do not see. This one costs every system call of the host, so it is
 * attached only where such programs run. */
SEC("tp_btf/sys_exit")
int BPF_PROG(file_compat, struct pt_regs *regs, long ret) {
  struct task_struct *task = current_task();
  if (!(BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)) return 0;
  u32 nr = BPF_CORE_READ(regs, orig_ax);
  ret = (s32)ret;
  switch (nr) {
  case 5: /* open */
  case 8: /* creat */
  case 295: /* openat */
  case 437: /* openat2 */
    if (ret >= 0) return opened(ret, regs, nr, SIGIL_ACTOR_COMPAT);
    if ((ret != -EACCES && ret != -EPERM) || !enabled[SIGIL_KIND_FILE_ACCESS]) return 0;
    return tell_refused(regs, nr > 8 ? 1 : 0, nr > 8 ? 2 : 1, ret, SIGIL_ACTOR_COMPAT);
  case 6: /* close: the descriptor leads nowhere any more */
    return 0;
  }
  if (ret < 0 || nr >= CALLS) return 0;
  return tell_call(&compat_calls[nr], regs, SIGIL_ACTOR_COMPAT);
}
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";
