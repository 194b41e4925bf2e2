/* Operations on the kernel and on other processes: kinds 64-127, section types 64-79. Included by ../abi.h. */

enum sigil_operation_kind {
  SIGIL_KIND_OPERATION_CREDENTIALS = 64,  /* user or group ids changed by a call of the setuid family */
  SIGIL_KIND_OPERATION_CAPABILITIES = 65, /* capabilities gained without a change of ids */
  SIGIL_KIND_OPERATION_PTRACE = 66,       /* a request of ptrace that takes hold of, or changes, another process */
  SIGIL_KIND_OPERATION_MEMORY = 67,       /* process_vm_readv, process_vm_writev */
  SIGIL_KIND_OPERATION_MEMFD = 68,        /* an anonymous file was made */
  SIGIL_KIND_OPERATION_EXECUTABLE = 69,   /* anonymous memory became executable */
  SIGIL_KIND_OPERATION_LIBRARY = 70,      /* a file outside of the usual places was mapped executable */
  SIGIL_KIND_OPERATION_MODULE = 71,       /* a kernel module was loaded, or somebody tried */
  SIGIL_KIND_OPERATION_UNLOAD = 72,       /* a kernel module was removed, or somebody tried */
  SIGIL_KIND_OPERATION_BPF = 73,          /* a command of bpf(2) that loads, attaches, pins or takes hold */
  SIGIL_KIND_OPERATION_MOUNT = 74,        /* mount, move_mount, pivot_root, chroot */
  SIGIL_KIND_OPERATION_UNMOUNT = 75,
  SIGIL_KIND_OPERATION_NAMESPACE = 76,    /* unshare, setns, clone with new namespaces */
  SIGIL_KIND_OPERATION_SIGNAL = 77,       /* a signal that one process sent to another */
  SIGIL_KIND_OPERATION_PRCTL = 78,        /* prctl requests that hide, protect or trace */
  SIGIL_KIND_OPERATION_PERSONALITY = 79,
  SIGIL_KIND_OPERATION_KEYRING = 80,      /* add_key, request_key, keyctl */
  SIGIL_KIND_OPERATION_USERFAULTFD = 81,
  SIGIL_KIND_OPERATION_URING = 82,        /* io_uring_setup */
  SIGIL_KIND_OPERATION_URING_REQUEST = 83, /* a request in a ring that opens, connects, binds, listens, or passes a command to a device */
  SIGIL_KIND_OPERATION_URING_CREATE = 84,  /* one that opens to create, makes a directory or links */
  SIGIL_KIND_OPERATION_URING_DELETE = 85,
  SIGIL_KIND_OPERATION_URING_RENAME = 86,
  SIGIL_KIND_OPERATION_SYSINFO = 87,      /* sysinfo(2): somebody asked what machine this is */
  SIGIL_KIND_OPERATION_KERNEL_LOG = 88,   /* syslog(2) that empties the kernel's log or silences the console: code */
  SIGIL_KIND_OPERATION_SOCKET = 89,       /* a socket of a rare family: code; flags its type, address the protocol */
  SIGIL_KIND_OPERATION_THROTTLE = 127     /* events of a cgroup are held back: value is the kind, length how many by now */
};

enum sigil_operation_section {
  SIGIL_SECTION_OPERATION_PATH = 64,    /* file or mount point: the kernel's own path where RESOLVED says so, else as passed */
  SIGIL_SECTION_OPERATION_OTHER = 65,   /* source of a mount, second name of a request */
  SIGIL_SECTION_OPERATION_NAME = 66,    /* file system type, name of a memfd, of a module, of a program, of a key, of a thread */
  SIGIL_SECTION_OPERATION_ADDRESS = 67, /* struct sockaddr */
  SIGIL_SECTION_OPERATION_DIR = 68      /* directory that a relative PATH starts from */
};

enum sigil_operation_mark {
  SIGIL_OPERATION_RESOLVED = 1,   /* PATH was read from the kernel's own tree */
  SIGIL_OPERATION_PROTECTED = 2,  /* the target is one of the agent's processes */
  SIGIL_OPERATION_WRITABLE = 4,   /* EXECUTABLE: writable at the same time */
  SIGIL_OPERATION_CHANGED = 8,    /* EXECUTABLE: mprotect, not mmap */
  SIGIL_OPERATION_GROUP = 16,     /* SIGNAL: to the whole process */
  SIGIL_OPERATION_POLLED = 32,    /* URING_REQUEST: submitted by the kernel's thread of the ring */
  SIGIL_OPERATION_DELETED = 64    /* no name leads to the file any more */
};

/* Fixed part of all kinds but CREDENTIALS and CAPABILITIES, behind the actor. What a kind does not have is 0. */
struct sigil_operation {
  u64 target_start_ns; /* of the target process; 0 when only its pid is known */
  u64 address;         /* memory: where; keyring: serial */
  u64 length;
  u64 flags;           /* as the call was told */
  u64 inode;
  s64 result;          /* of the call: below 0 a negative errno */
  u32 call;            /* number of the system call on this machine; 0 for what is none */
  u32 code;            /* request of ptrace, command of bpf, prctl and keyctl, op code of io_uring, signal */
  u32 target_pid;      /* in the initial pid namespace; 0 when not known */
  u32 target_ns_pid;   /* as it was passed, in the caller's pid namespace */
  u32 target_uid;
  u32 value;           /* BPF: type of the program; MEMORY: 1 for writing; SIGNAL: si_code */
  u32 value2;          /* BPF: id of the program, map or link */
  u32 major;
  u32 minor;
  u32 marks;           /* enum sigil_operation_mark */
};

/* Fixed part of CREDENTIALS and CAPABILITIES. */
struct sigil_credentials {
  u64 cap_effective_before;
  u64 cap_permitted_before;
  u64 cap_effective;
  u64 cap_permitted;
  u32 uid_before;
  u32 euid_before;
  u32 suid_before;
  u32 gid_before;
  u32 egid_before;
  u32 sgid_before;
  u32 uid;
  u32 euid;
  u32 suid;
  u32 gid;
  u32 egid;
  u32 sgid;
  u32 call;            /* number of the system call on this machine */
  u32 reserved;
};
