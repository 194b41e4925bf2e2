/* The one truth of what crosses from the kernel and the shim to TypeScript: record layouts, section types, counters,
 * the shared ring. native/gen.ts reads this file and the headers of abi/ that it includes (fixed-width fields, one declaration
 * a line), writes src/event/layout.gen.ts from them and a C file of static assertions that pins every offset. All values
 * little-endian.
 *
 * A record:   ┌────────────┬──────────────┬─────────────────────┬───────────────────────────────┐
 *             │ header, 40 │ fixed part   │ sections[], 12 each │ bytes of the sections … pad 8 │
 *             └────────────┴──────────────┴─────────────────────┴───────────────────────────────┘
 * Section offsets count from the start of the record. A string that does not fit keeps its tail and carries CUT.
 *
 * Kinds from SIGIL_KIND_ACTIVITY on are activities: things that a process did. Their fixed part begins with who did it (struct
 * sigil_actor), which also says how long the rest of it is, so that a record can be checked without knowing its kind. Numbers of
 * kinds and of section types: process 1-15, file 16-31, network 32-47, DNS 48-55, kernel operations 64-127. */
#ifndef SIGIL_ABI_H
#define SIGIL_ABI_H

#ifndef __VMLINUX_TYPES__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#endif

#define SIGIL_ABI_VERSION 1

/* Longest that each string may be in a record; longer ones keep their tail. */
#define SIGIL_ARGS_MAX 16384
#define SIGIL_ENV_MAX 16384
#define SIGIL_PATH_MAX 4095
#define SIGIL_CGROUP_MAX 1023
/* The largest record: all sections full, the fixed part, and room to spare. */
#define SIGIL_RECORD_MAX 65536
/* The largest record of an activity. */
#define SIGIL_ACTIVITY_MAX 16384

enum sigil_kind {
  SIGIL_KIND_PAD = 0,  /* filler up to the end of the ring: skip it */
  SIGIL_KIND_EXEC = 1, /* a process started a program: sched_process_exec */
  SIGIL_KIND_FORK = 2, /* a process was made (threads are not reported): sched_process_fork */
  SIGIL_KIND_EXIT = 3, /* the last thread of a process ended: sched_process_exit */
  SIGIL_KIND_TASK = 4, /* a process that ran before the agent: the inventory at start */
  SIGIL_KIND_INVENTORY_END = 5, /* made by the shim: all of the inventory lies before it in the ring; header only */
  SIGIL_KIND_COMPAT = 15, /* no record: enables the programs that see system calls of 32-bit programs */
  SIGIL_KIND_ACTIVITY = 16, /* the first of the activities: abi/file.h and its neighbours */
  SIGIL_KIND_MAX = 128
};

enum sigil_section_type {
  SIGIL_SECTION_EXE = 1,      /* resolved absolute path of the executable, as its process sees the root */
  SIGIL_SECTION_CWD = 2,      /* working directory, likewise */
  SIGIL_SECTION_FILENAME = 3, /* file name as passed to execve */
  SIGIL_SECTION_INTERP = 4,   /* binary that runs it: for a script the interpreter as its #! line says */
  SIGIL_SECTION_CGROUP = 5,   /* cgroup path: v2, or the v1 hierarchy that says more */
  SIGIL_SECTION_ARGS = 6,     /* argv, each argument ended by NUL */
  SIGIL_SECTION_ENV = 7       /* the chosen NAME=value pairs, each ended by NUL */
};

enum sigil_section_flag {
  SIGIL_CUT = 1,        /* longer than the limit; the tail was kept */
  SIGIL_UNREADABLE = 2, /* the memory could not be read (swapped out, unmapped) */
  SIGIL_DETACHED = 4    /* a path that does not lead to the root of its process */
};

enum sigil_exe_flag {
  SIGIL_EXE_MEMFD = 1,         /* anonymous memory file */
  SIGIL_EXE_DELETED = 2,       /* no name leads to it any more */
  SIGIL_EXE_OVERLAY_UPPER = 4, /* written in the upper layer of an overlay: not part of the image */
  SIGIL_EXE_SCRIPT = 8,        /* started through a #! line or binfmt_misc */
  SIGIL_EXE_SECURE = 16,       /* the kernel set secureexec: set-uid, set-gid or file capabilities took effect */
  SIGIL_EXE_NONE = 32,         /* no executable: a kernel thread */
  SIGIL_EXE_COMPAT = 128,      /* a 32-bit program on a 64-bit kernel: its system calls go another way */
  SIGIL_EXE_CHROOTED = 64      /* its root is not that of the first process of its pid namespace: paths are below another root */
};

enum sigil_record_flag {
  SIGIL_RECORD_COARSE_START = 1, /* start_ns is cut to clock ticks: the record was made from /proc */
  SIGIL_RECORD_FLAG_LIMIT = 2
};

enum sigil_fd_kind {
  SIGIL_FD_CLOSED = 0,
  SIGIL_FD_FILE = 1,
  SIGIL_FD_PIPE = 2,
  SIGIL_FD_SOCKET = 3,
  SIGIL_FD_TTY = 4,
  SIGIL_FD_NULL = 5,
  SIGIL_FD_CHAR = 6,
  SIGIL_FD_BLOCK = 7,
  SIGIL_FD_DIRECTORY = 8,
  SIGIL_FD_OTHER = 9
};

struct sigil_header {
  u32 size;     /* of the whole record, a multiple of 8 */
  u16 kind;     /* enum sigil_kind */
  u16 sections; /* entries in the section table */
  u32 cpu;
  u32 flags;    /* enum sigil_record_flag */
  u64 sequence; /* counts the events of this kind on this CPU from 1: a gap is a loss */
  u64 time_ns;  /* CLOCK_BOOTTIME */
  u32 pid;      /* thread group id in the initial pid namespace */
  u32 tid;
};

struct sigil_section {
  u16 type;
  u16 flags;
  u32 offset;
  u32 length;
};

/* Fixed part of EXEC and TASK. Namespaces are their inode numbers; 0 where the kernel was built without. */
struct sigil_process {
  u64 start_ns;        /* of the process, CLOCK_BOOTTIME: pid + start_ns is its identity */
  u64 parent_start_ns;
  u64 cap_effective;
  u64 cap_permitted;
  u64 cgroup_id;       /* v2 */
  u64 exe_inode;
  u64 exe_size;
  s64 exe_ctime_s;
  s64 exe_mtime_s;
  u32 exe_ctime_ns;
  u32 exe_mtime_ns;
  u32 exe_major;
  u32 exe_minor;
  u32 exe_mode;        /* S_IFMT and permission bits */
  u32 exe_uid;
  u32 exe_gid;
  u32 exe_links;
  u32 exe_flags;       /* enum sigil_exe_flag */
  u32 ppid;
  u32 uid;
  u32 gid;
  u32 euid;
  u32 egid;
  u32 suid;
  u32 sgid;
  u32 login_uid;       /* 4294967295: never logged in */
  u32 audit_session;   /* 4294967295: none */
  u32 session;         /* pid of the session leader */
  u32 process_group;
  u32 tty_major;       /* 0 and 0: no controlling terminal */
  u32 tty_minor;
  u32 ns_pid;          /* pid in its own pid namespace */
  u32 mnt_ns;
  u32 pid_ns;
  u32 net_ns;
  u32 user_ns;
  u32 uts_ns;
  u32 ipc_ns;
  u32 cgroup_ns;
  u32 argc;
  u32 envc;
  u32 args_bytes;      /* what the kernel has; more than the section's length when it was cut */
  u32 env_bytes;
  u32 old_tid;         /* thread that called execve, when it was not the leader; else the pid */
  u32 reserved;
  u8 fd_kind[4];       /* enum sigil_fd_kind of descriptors 0, 1, 2 */
  u8 comm[20];         /* task name, NUL-ended */
};

/* Fixed part of FORK: pid is the child. */
struct sigil_fork {
  u64 start_ns;
  u64 parent_start_ns;
  u32 ppid;       /* real parent: right under CLONE_PARENT too */
  u32 creator_pid; /* who called fork */
};

/* Fixed part of EXIT. */
struct sigil_exit {
  u64 start_ns;
  u32 exit_code; /* wait status: low 7 bits signal, bit 7 core dumped, next byte the code */
  u32 uid;
};

/* Who acts: the head of every activity's fixed part. With the pid of the header, start_ns is the identity of the process. */
struct sigil_actor {
  u64 start_ns;     /* of the process, CLOCK_BOOTTIME */
  u64 cgroup_id;    /* v2 */
  u32 ppid;
  u32 uid;
  u32 euid;
  u32 mnt_ns;
  u32 fixed_bytes;  /* of the kind's own part, which follows; a multiple of 4 */
  u32 flags;        /* enum sigil_actor_flag */
  u8 comm[16];      /* name of the thread that acted, NUL-ended */
};

enum sigil_actor_flag {
  SIGIL_ACTOR_COMPAT = 1,  /* by a 32-bit system call */
  SIGIL_ACTOR_KERNEL = 2,  /* by a thread of the kernel in the name of the process: io_uring */
  SIGIL_ACTOR_UNKNOWN = 4  /* whoever acts could not be told: pid and start are 0 */
};

/* Counters, per kind; every event is in exactly one column after `seen`. */
struct sigil_counters {
  u64 seen;
  u64 submitted;  /* into the kernel ring */
  u64 filtered;
  u64 ring_full;  /* dropped: the kernel ring had no room */
  u64 oversized;  /* missed: larger than a record can be */
  u64 map_full;   /* missed: kernel-side state had no room */
  u64 recursion;  /* missed: scratch memory was in use (nested or preempted program) */
  u64 delivered;  /* into the shared ring */
  u64 ring2_full; /* dropped: the shared ring had no room and the agent was stopping */
  u64 malformed;  /* refused by the shim: the layout was impossible */
};

/* What sigil_open is told. Sizes are powers of two. */
struct sigil_options {
  u32 critical_ring_bytes; /* kernel ring of the process family */
  u32 flags;               /* enum sigil_open_flag */
  u64 env_names;           /* address of NUL-ended names of environment variables to keep, ended by an empty one */
  u32 batch_us;            /* pause between two drains of the kernel rings: bounds wake-ups, adds latency */
  u32 bulk_ring_bytes;     /* kernel ring of the activities; made when the first of them is enabled */
};

enum sigil_open_flag {
  SIGIL_OPEN_INJECT_ONLY = 1,   /* rings and thread only, no eBPF: tests and benchmarks inject records */
  SIGIL_OPEN_NO_ITERATOR = 2, /* leave the task iterator out: tests of the inventory from /proc */
  SIGIL_OPEN_LOAD_APART = 4   /* program by program from the start: tests of what a kernel that refuses some gets */
};

/* What sigil_wait answers, as bits. */
enum sigil_wait_result {
  SIGIL_WAIT_CRITICAL = 1, /* the critical ring holds records */
  SIGIL_WAIT_BULK = 2,     /* the bulk ring holds records */
  SIGIL_WAIT_WOKEN = 4,    /* sigil_wake was called since the last wait */
  SIGIL_WAIT_DRAINED = 8   /* after sigil_detach: nothing more will come */
};

/* Head of a shared ring; the data follow. Positions count bytes modulo 2^32, the ring's size is a power of two.
 * Writer and reader each own a cache line. */
struct sigil_ring {
  u32 head;       /* writer: bytes written */
  u32 size;       /* of the data, set by the reader before the writer starts */
  u32 waiting;    /* reader sleeps: the writer must wake it */
  u32 pad0[13];
  u32 tail;       /* reader: bytes read */
  u32 pad1[15];
};

#include "abi/file.h"
#include "abi/network.h"
#include "abi/operation.h"

#endif
