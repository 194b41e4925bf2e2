/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* io_uring: its set-up, and the requests in it that open, connect, bind, remove, rename, link and make. A request makes no system
 * call of its own, so nothing that watches calls sees it. It is told when the kernel takes it from the ring: names and addresses
 * have been copied by then and are read from the kernel's copy. Base tier: helpers and program types of kernel 5.8. */
#include "operation.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct filename { const char *name; };
struct io_kiocb { u8 opcode; u64 flags; void *async_data; };
struct open_how { u64 flags; u64 mode; u64 resolve; };
struct io_open { int dfd; struct filename *filename; struct open_how how; };
struct io_unlink { int dfd; int flags; struct filename *filename; };
struct io_mkdir { int dfd; struct filename *filename; };
struct io_rename { int old_dfd, new_dfd; struct filename *oldpath, *newpath; };
struct io_link { int old_dfd, new_dfd; struct filename *oldpath, *newpath; };
struct io_hardlink { int old_dfd, new_dfd; struct filename *oldpath, *newpath; }; /* until 5.19 */
struct io_connect { void *addr; int addr_len; };
struct io_bind { int addr_len; };
struct io_async_msghdr { char addr[128]; };
struct io_async_connect; /* until 6.9: the address is copied later */
struct io_cmd_data { u8 data[56]; }; /* since 6.0 */
#pragma clang attribute pop

#define AT_FDCWD -100

enum {
  URING_CONNECT = 16, URING_OPENAT = 18, URING_OPENAT2 = 28, URING_RENAMEAT = 35, URING_UNLINKAT = 36, URING_MKDIRAT = 37,
  URING_SYMLINKAT = 38, URING_LINKAT = 39, URING_SOCKET = 45, URING_CMD = 46, URING_BIND = 56, URING_LISTEN = 57,
};

SEC("tracepoint/syscalls/sys_exit_io_uring_setup")
int uring_setup(struct exit_context *ctx) {
  if (!enabled[SIGIL_KIND_OPERATION_URING]) return 0;
  struct call call;
  call_read(&call);
  OPERATION_BEGIN(SIGIL_KIND_OPERATION_URING, 0)
  o->call = ctx->nr;
  o->result = ctx->ret;
  o->length = (u32)call.arg[0];
  activity_end(s, c);
  return 0;
}

INLINE void put_name(struct activity_scratch *s, u32 index, u32 type, struct filename *name) {
  const char *text = BPF_CORE_READ(name, name);
  /* getname() does not follow the error pointers that it may have given. */
  long n = (u64)name >= -4095ull ? -1 : bpf_probe_read_kernel_str(&s->record[s->used & ACTIVITY_MASK], PATH_ROOM, text);
  if (n < 1) put_section(s, OPERATION_BYTES, index, type, SIGIL_UNREADABLE, 0);
  else put_section(s, OPERATION_BYTES, index, type, 0, (n - 1) & (PATH_ROOM - 1));
}

/* The directory that a relative name starts from. */
INLINE void put_base(struct activity_scratch *s, u32 index, int dfd) {
  struct task_struct *task = current_task();
  if (dfd == AT_FDCWD) {
    path_walk(s->slot, task, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
    put_text(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_DIR);
    return;
  }
  struct file *file = file_of(task, dfd);
  if (!file) {
    put_section(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_DIR, SIGIL_UNREADABLE, 0);
    return;
  }
  path_walk(s->slot, task, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
  put_text(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_DIR);
}

INLINE void put_sockaddr(struct activity_scratch *s, u32 index, struct io_kiocb *req, u32 length, const void *user) {
  void *data = BPF_CORE_READ(req, async_data);
  u32 size = length > 128 ? 128 : length;
  long e = -1;
  u8 *to = &s->record[s->used & ACTIVITY_MASK];
  if (data && bpf_core_field_exists(struct io_async_msghdr, addr) && !bpf_core_type_exists(struct io_async_connect))
    e = bpf_probe_read_kernel(to, size & 255, data + bpf_core_field_offset(struct io_async_msghdr, addr));
  else if (user) e = bpf_probe_read_user(to, size & 255, user);
  put_section(s, OPERATION_BYTES, index, SIGIL_SECTION_OPERATION_ADDRESS, e ? SIGIL_UNREADABLE : 0, e ? 0 : size & 255);
}

#define O_CREAT 0100

INLINE u32 kind_of(struct io_kiocb *req, u32 code) {
  switch (code) {
    case URING_OPENAT:
    case URING_OPENAT2:
      return BPF_CORE_READ((struct io_open *)req, how.flags) & O_CREAT ? SIGIL_KIND_OPERATION_URING_CREATE : SIGIL_KIND_OPERATION_URING_REQUEST;
    case URING_MKDIRAT:
    case URING_SYMLINKAT:
    case URING_LINKAT: return SIGIL_KIND_OPERATION_URING_CREATE;
    case URING_UNLINKAT: return SIGIL_KIND_OPERATION_URING_DELETE;
    case URING_RENAMEAT: return SIGIL_KIND_OPERATION_URING_RENAME;
    default: return SIGIL_KIND_OPERATION_URING_REQUEST;
  }
}

static __noinline __attribute__((unused)) int request(struct io_kiocb *req) {
  u32 code = BPF_CORE_READ(req, opcode);
  if (code < 64 && !(1ull << code & (1ull << URING_CONNECT | 1ull << URING_OPENAT | 1ull << URING_OPENAT2 | 1ull << URING_RENAMEAT |
      1ull << URING_UNLINKAT | 1ull << URING_MKDIRAT | 1ull << URING_SYMLINKAT | 1ull << URING_LINKAT | 1ull << URING_SOCKET |
      1ull << URING_CMD | 1ull << URING_BIND | 1ull << URING_LISTEN))) return 0;
  u32 kind = kind_of(req, code);
  if (kind >= SIGIL_KIND_MAX || !enabled[kind]) return 0;
  OPERATION_BEGIN(kind, 3)
  o->code = code;
  /* By thread: the ring's own has another flag set than those that serve a process (PF_KTHREAD, PF_IO_WORKER, PF_USER_WORKER). */
  if (BPF_CORE_READ(current_task(), flags) & 0x00200010) o->marks |= SIGIL_OPERATION_POLLED;
  switch (code) {
    case URING_OPENAT:
    case URING_OPENAT2: {
      struct io_open *open = (void *)req;
      o->flags = BPF_CORE_READ(open, how.flags);
      put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(open, filename));
      put_base(s, 1, BPF_CORE_READ(open, dfd));
      break;
    }
    case URING_UNLINKAT: {
      struct io_unlink *unlink = (void *)req;
      o->flags = BPF_CORE_READ(unlink, flags);
      put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(unlink, filename));
      put_base(s, 1, BPF_CORE_READ(unlink, dfd));
      break;
    }
    case URING_MKDIRAT: {
      struct io_mkdir *make = (void *)req;
      put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(make, filename));
      put_base(s, 1, BPF_CORE_READ(make, dfd));
      break;
    }
    case URING_RENAMEAT: {
      struct io_rename *rename = (void *)req;
      put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(rename, newpath));
      put_base(s, 1, BPF_CORE_READ(rename, new_dfd));
      put_name(s, 2, SIGIL_SECTION_OPERATION_OTHER, BPF_CORE_READ(rename, oldpath));
      break;
    }
    case URING_SYMLINKAT:
    case URING_LINKAT: {
      if (bpf_core_type_exists(struct io_link)) {
        struct io_link *link = (void *)req;
        put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(link, newpath));
        put_base(s, 1, BPF_CORE_READ(link, new_dfd));
        put_name(s, 2, SIGIL_SECTION_OPERATION_OTHER, BPF_CORE_READ(link, oldpath));
      } else if (bpf_core_type_exists(struct io_hardlink)) {
        struct io_hardlink *link = (void *)req;
        put_name(s, 0, SIGIL_SECTION_OPERATION_PATH, BPF_CORE_READ(link, newpath));
        put_base(s, 1, BPF_CORE_READ(link, new_dfd));
        put_name(s, 2, SIGIL_SECTION_OPERATION_OTHER, BPF_CORE_READ(link, oldpath));
      }
      break;
    }
    case URING_CONNECT: {
      struct io_connect *connect = (void *)req;
      put_sockaddr(s, 0, req, BPF_CORE_READ(connect, addr_len), BPF_CORE_READ(connect, addr));
      break;
    }
    case URING_BIND: {
      struct io_bind *bind = (void *)req;
      if (bpf_core_type_exists(struct io_bind)) put_sockaddr(s, 0, req, BPF_CORE_READ(bind, addr_len), NULL);
      break;
    }
  }
  /* What the request does not have still has its entry in the table. */
  for (u32 i = 0; i < 3; i++)
    if (((struct sigil_section *)(s->record + SECTION_AT(OPERATION_BYTES, i)))->offset == 0) put_section(s, OPERATION_BYTES, i, 0, 0, 0);
  activity_end(s, c);
  return 0;
}

SEC("raw_tp/io_uring_submit_req")
int uring_request(struct raw_context *ctx) {
  return request((void *)ctx->args[0]);
}

/* The same point until 6.3; until 5.19 its first argument was the ring. */
SEC("raw_tp/io_uring_submit_sqe")
int uring_request_sqe(struct raw_context *ctx) {
  return request((void *)(bpf_core_type_exists(struct io_cmd_data) ? ctx->args[0] : ctx->args[1]));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
