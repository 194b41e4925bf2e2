// Table: the system calls that audit records are made for, with their numbers (asm/unistd_64.h; asm-generic/unistd.h), and the
// architecture as audit names it (linux/audit.h, AUDIT_ARCH_*).

const numbers: Readonly<Record<string, readonly [x64: number, arm64: number]>> = {
  execve: [59, 221],
  execveat: [322, 281],
  openat: [257, 56],
  unlinkat: [263, 35],
  renameat2: [316, 276],
  linkat: [265, 37],
  symlinkat: [266, 36],
  mkdirat: [258, 34],
  // Only x86-64 has the old name; arm64 has mknodat alone.
  mknod: [133, 33],
  mknodat: [259, 33],
  fchmodat: [268, 53],
  fchownat: [260, 54],
  setxattr: [188, 5],
  truncate: [76, 45],
  utimensat: [280, 88],
  connect: [42, 203],
  accept: [43, 202],
  bind: [49, 200],
  listen: [50, 201],
  socket: [41, 198],
  ptrace: [101, 117],
  process_vm_writev: [311, 271],
  memfd_create: [319, 279],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  bpf: [321, 280],
  mount: [165, 40],
  umount2: [166, 39],
  move_mount: [429, 429],
  pivot_root: [155, 41],
  chroot: [161, 51],
  process_vm_readv: [310, 270],
  request_key: [249, 218],
  unshare: [272, 97],
  setns: [308, 268],
  kill: [62, 129],
  prctl: [157, 167],
  personality: [135, 92],
  keyctl: [250, 219],
  add_key: [248, 217],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  sysinfo: [99, 179],
  syslog: [103, 116],
};

const column = process.arch === "arm64" ? 1 : 0;

/** AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64: hexadecimal, as auditd writes it. */
export const auditArch = process.arch === "arm64" ? "c00000b7" : "c000003e";

const names: ReadonlyMap<number, string> = new Map(Object.entries(numbers).map(([name, pair]) => [pair[column], name]));

/** Name of a system call of this machine; `undefined` for one that is not in the table. */
export const syscallName = (number: number): string | undefined => names.get(number);

/** Number of a system call on this machine; `undefined` for one that is not in the table. */
export const syscallNumber = (name: string): string | undefined =>
  Object.hasOwn(numbers, name) ? String(numbers[name]?.[column]) : undefined;
