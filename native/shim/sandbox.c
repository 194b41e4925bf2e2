/* Scan workers: a channel that carries descriptors, and the confinement that a worker puts on itself before it looks at the first
 * byte that a stranger wrote. A worker needs to read descriptors that it is given, write its answer, compute and allocate; the
 * seccomp filter lists what its JavaScript engine does for that, and refuses all else with EPERM. */
#include "shim.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 16

/* A pair of connected sockets that keep messages apart. 0, or a negative errno. */
EXPORT s32 sigil_channel(s32 *pair) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ? -errno : 0; }

/* Sends one message with descriptors, without waiting. 0, or a negative errno (-EAGAIN: the other side is behind). */
EXPORT s32 sigil_send(s32 socket, const u8 *data, u32 size, const s32 *fds, u32 count) {
  union {
    char bytes[CMSG_SPACE(sizeof(s32) * FDS_MAX)];
    struct cmsghdr align;
  } control;
  struct iovec part = {(void *)data, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > FDS_MAX) return -EINVAL;
  if (count) {
    memset(&control, 0, sizeof(control));
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(s32) * count);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(s32) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(s32) * count);
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Waits for one message. Its size (0: the other side is gone), or a negative errno; -EMSGSIZE when it or its descriptors were cut.
 * `fds` has room for FDS_MAX, -1 behind the last. */
EXPORT s32 sigil_receive(s32 socket, u8 *data, u32 room, s32 *fds) {
  union {
    char bytes[CMSG_SPACE(sizeof(s32) * FDS_MAX)];
    struct cmsghdr align;
  } control;
  struct iovec part = {data, room};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
  ssize_t size;
  do size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  for (u32 i = 0; i < FDS_MAX; i++) fds[i] = -1;
  if (size < 0) return -errno;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
      memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
  return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : (s32)size;
}

/* A file in memory, for what is too large for a message. A descriptor, or a negative errno. */
EXPORT s32 sigil_memory_file(void) {
  long fd = syscall(SYS_memfd_create, "sigil", 1u /* MFD_CLOEXEC */);
  return fd < 0 ? -errno : (s32)fd;
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* What JavaScriptCore and the C library do in a program that computes: memory, threads, clocks, signals among own threads. */
static const u32 allowed[] = {
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_write, SYS_writev, SYS_pwrite64, SYS_close, SYS_lseek, SYS_fstat,
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore, SYS_membarrier,
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_exit, SYS_exit_group, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid,
    SYS_getegid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_sigaltstack,
    SYS_restart_syscall, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrusage,
    SYS_times, SYS_sysinfo, SYS_uname, SYS_getrandom, SYS_recvmsg, SYS_ppoll, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_getcpu, SYS_getpriority, SYS_epoll_create1,
#ifdef SYS_poll
    SYS_poll, SYS_epoll_wait,
#endif
};

#define MAX_INSTRUCTIONS 256
struct program {
  struct sock_filter code[MAX_INSTRUCTIONS];
  u16 length;
};

static void put(struct program *p, u16 code, u8 yes, u8 no, u32 value) {
  p->code[p->length++] = (struct sock_filter){code, yes, no, value};
}

#define LOAD(field) put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, field))
#define ANSWER(value) put(p, BPF_RET | BPF_K, 0, 0, value)
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
/* Skips `skip` instructions unless the loaded word is (has a bit of) `value`. */
#define UNLESS_IS(value, skip) put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value)
#define UNLESS_HAS(value, skip) put(p, BPF_JMP | BPF_JSET | BPF_K, 0, skip, value)

static void write_filter(struct program *p) {
  LOAD(arch);
  UNLESS_IS(ARCH, 1);
  put(p, BPF_JMP | BPF_JA, 0, 0, 1);
  ANSWER(SECCOMP_RET_KILL_PROCESS);
  LOAD(nr);
#ifdef __x86_64__
  put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000); /* the x32 numbers */
  ANSWER(REFUSE(EPERM));
#endif
  for (u32 i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
    UNLESS_IS(allowed[i], 1);
    ANSWER(SECCOMP_RET_ALLOW);
  }
  /* Threads, not processes. clone3's flags lie behind a pointer: without it the C library uses clone. */
  UNLESS_IS(SYS_clone3, 1);
  ANSWER(REFUSE(ENOSYS));
  UNLESS_IS(SYS_clone, 4);
  LOAD(args[0]);
  UNLESS_HAS(CLONE_THREAD, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  /* Own threads only: the collector stops them by signal. */
  UNLESS_IS(SYS_tgkill, 4);
  LOAD(args[0]);
  UNLESS_IS((u32)getpid(), 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  UNLESS_IS(SYS_prctl, 6);
  LOAD(args[0]);
  UNLESS_IS(PR_SET_NAME, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  UNLESS_IS(0x53564d41 /* PR_SET_VMA, names of mappings */, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  /* Asks, never sets. */
  UNLESS_IS(SYS_prlimit64, 6);
  LOAD(args[2]);
  UNLESS_IS(0, 3);
  put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args[2]) + 4);
  UNLESS_IS(0, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  /* Descriptors, not paths. */
  UNLESS_IS(SYS_newfstatat, 4);
  LOAD(args[3]);
  UNLESS_HAS(AT_EMPTY_PATH, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  UNLESS_IS(SYS_statx, 4);
  LOAD(args[2]);
  UNLESS_HAS(AT_EMPTY_PATH, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  /* How a descriptor is, not what the kernel can do with it. */
  UNLESS_IS(SYS_fcntl, 6);
  LOAD(args[1]);
  UNLESS_IS(F_GETFD, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  UNLESS_IS(F_GETFL, 1);
  ANSWER(SECCOMP_RET_ALLOW);
  ANSWER(REFUSE(EPERM));
  ANSWER(REFUSE(EPERM));
}

static s32 failed(const char *what, char *error, u32 bytes) {
  int e = errno;
  snprintf(error, bytes, "%s: %s", what, strerror(e));
  return -e;
}

/* Confines this process, all its threads, for good: lower priority; as `uid` and `gid` without groups (when it is root); no
 * capabilities, no new privileges, no core, death with the parent; the filter above. `parent` is who must still be the parent
 * when it is done. 0, or a negative errno with a sentence in `error`: then it must end. */
EXPORT s32 sigil_confine(u32 uid, u32 gid, s32 nice, s32 parent, char *error, u32 bytes) {
  struct rlimit none = {0, 0}, few = {64, 64};
  setpriority(PRIO_PROCESS, 0, nice); /* may be refused: it is lower already */
  syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 7); /* best effort, last level */
  if (setrlimit(RLIMIT_CORE, &none)) return failed("cores", error, bytes);
  if (setrlimit(RLIMIT_NOFILE, &few)) return failed("descriptors", error, bytes);
  if (geteuid() == 0) {
    for (u32 capability = 0; capability < 64; capability++)
      if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno != EINVAL) break; /* refused without CAP_SETPCAP: no loss */
    /* The C library's calls, which speak for all threads. */
    if (setgroups(0, NULL) && errno != EPERM) return failed("groups", error, bytes);
    if (setresgid(gid, gid, gid)) return failed("group", error, bytes);
    if (setresuid(uid, uid, uid)) return failed("user", error, bytes);
  }
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct empty[2] = {0};
  if (syscall(SYS_capset, &head, empty)) return failed("capabilities", error, bytes);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return failed("dumpable", error, bytes);
  /* Here, because a change of user takes it back. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) return failed("parent's death", error, bytes);
  if (getppid() != parent) {
    errno = ESRCH;
    return failed("parent", error, bytes);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return failed("privileges", error, bytes);
  struct program program = {.length = 0};
  write_filter(&program);
  struct sock_fprog filter = {.len = program.length, .filter = program.code};
  long thread = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (thread > 0) {
    errno = EBUSY; /* a thread has a filter of its own */
    return failed("filter", error, bytes);
  }
  return thread ? failed("filter", error, bytes) : 0;
}

/* Tries what a confined process must not be able to do; the errno of the refusal, 0 when it worked (and was undone). On itself where there has
 * to be somebody: whoever watches for tampering with the agent must not see it here. */
EXPORT s32 sigil_attempt(u32 what) {
  long result = -1;
  char *nothing[] = {NULL};
  union bpf_attr map;
  errno = 0;
  switch (what) {
  case 0: result = execve("/proc/self/exe-", nothing, nothing); break; /* does not exist: EPERM or ENOENT */
  case 1: result = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); break;
  case 2: result = syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); break;
  case 3: result = syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, 0x3fffffff, 0, 0); break; /* nobody: ESRCH, or EPERM */
  case 4:
    memset(&map, 0, sizeof(map));
    map.map_type = BPF_MAP_TYPE_ARRAY;
    map.key_size = map.value_size = 4;
    map.max_entries = 1;
    result = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
    break;
  case 5: result = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC, 0); break;
  case 6: result = syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC, 0); break;
  case 7: result = syscall(SYS_kill, getpid(), 0); break;
  case 8: result = syscall(SYS_memfd_create, "sigil", 1u); break;
  case 9: result = syscall(SYS_setresuid, 0, 0, 0); break;
  case 10: result = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); break;
  case 11: result = syscall(SYS_unlinkat, AT_FDCWD, "/proc/none", 0); break;
  case 12: result = syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0); break;
  case 13: result = syscall(425 /* io_uring_setup */, 1, NULL); break;
  default: return EINVAL;
  }
  int e = errno;
  if (what == 10 && result == 0) _exit(0); /* the child that must not be */
  if (result < 0) return e;
  if (what != 3 && what != 7 && what < 9) close((int)result);
  return 0;
}
