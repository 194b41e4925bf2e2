// Words for the numbers of kernel operations: include/uapi/linux/{ptrace,bpf,sched,prctl,personality,keyctl,mount,io_uring}.h.

/** Requests of ptrace that the sensor reports. */
export const ptraceRequests: Readonly<Record<number, string>> = {
  0: "traceme",
  4: "poketext",
  5: "pokedata",
  6: "pokeuser",
  13: "setregs",
  15: "setfpregs",
  16: "attach",
  16899: "setsiginfo",
  16901: "setregset",
  16902: "seize",
  16907: "setsigmask",
};

/** System calls whose number alone tells them apart, on x86-64 and arm64: within one kind of event no number means two. */
export const callNames: Readonly<Record<number, string>> = {
  // setuid family
  ...{
    105: "setuid",
    106: "setgid",
    113: "setreuid",
    114: "setregid",
    117: "setresuid",
    119: "setresgid",
    126: "capset",
  },
  ...{
    146: "setuid",
    144: "setgid",
    145: "setreuid",
    143: "setregid",
    147: "setresuid",
    149: "setresgid",
    91: "capset",
  },
  // mounts
  ...{ 165: "mount", 155: "pivot_root", 161: "chroot", 166: "umount", 429: "move_mount" },
  ...{ 40: "mount", 41: "pivot_root", 51: "chroot", 39: "umount" },
  // namespaces
  ...{ 272: "unshare", 308: "setns", 97: "unshare", 268: "setns" },
  // keyrings
  ...{ 248: "add_key", 249: "request_key", 250: "keyctl", 217: "add_key", 218: "request_key", 219: "keyctl" },
};

export const bpfCommands: Readonly<Record<number, string>> = {
  5: "prog_load",
  6: "obj_pin",
  7: "obj_get",
  8: "prog_attach",
  9: "prog_detach",
  13: "prog_get_fd_by_id",
  14: "map_get_fd_by_id",
  17: "raw_tracepoint_open",
  28: "link_create",
  29: "link_update",
  30: "link_get_fd_by_id",
  34: "link_detach",
};

/** enum bpf_prog_type. */
const programTypes = (
  "unspec socket_filter kprobe sched_cls sched_act tracepoint xdp perf_event cgroup_skb cgroup_sock lwt_in lwt_out lwt_xmit " +
  "sock_ops sk_skb cgroup_device sk_msg raw_tracepoint cgroup_sock_addr lwt_seg6local lirc_mode2 sk_reuseport flow_dissector " +
  "cgroup_sysctl raw_tracepoint_writable cgroup_sockopt tracing struct_ops ext lsm sk_lookup syscall netfilter"
).split(" ");
export const bpfProgramType = (type: number): string => programTypes[type] ?? String(type);

export const prctlOptions: Readonly<Record<number, string>> = {
  15: "PR_SET_NAME",
  35: "PR_SET_MM",
  1499557217: "PR_SET_PTRACER",
};

/** KEYCTL_ operations. */
const keyctls = (
  "get_keyring_id join_session_keyring update revoke chown setperm describe clear link unlink search read instantiate negate " +
  "set_reqkey_keyring set_timeout assume_authority get_security session_to_parent reject instantiate_iov invalidate get_persistent"
).split(" ");
export const keyctlName = (code: number): string => keyctls[code] ?? String(code);

const bits = (names: Readonly<Record<string, number>>) => (value: number) => {
  const found = Object.entries(names).filter(([, bit]) => (value & bit) !== 0);
  return found.map(([name]) => name).join(",");
};

/** CLONE_NEW* as the namespaces of /proc/PID/ns are called. */
export const namespaceNames = bits({
  time: 0x80,
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
});

/** MS_*; as mount(8) writes them where it has a word. */
export const mountFlagNames = bits({
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  move: 8192,
  rec: 16384,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
});

export const personalityNames = bits({
  ADDR_NO_RANDOMIZE: 0x40000,
  MMAP_PAGE_ZERO: 0x100000,
  ADDR_COMPAT_LAYOUT: 0x200000,
  READ_IMPLIES_EXEC: 0x400000,
  ADDR_LIMIT_32BIT: 0x800000,
});

/** Op codes of io_uring that the sensor reports. */
export const uringOps: Readonly<Record<number, string>> = {
  16: "connect",
  18: "openat",
  28: "openat2",
  35: "renameat",
  36: "unlinkat",
  37: "mkdirat",
  38: "symlinkat",
  39: "linkat",
  45: "socket",
  46: "uring_cmd",
  56: "bind",
  57: "listen",
};

/** IP address and port of a struct sockaddr_in or sockaddr_in6, the path of a sockaddr_un; `undefined` for what is none. */
export function socketAddress(bytes: Buffer): { readonly ip: string; readonly port: number } | undefined {
  if (bytes.length < 8) return undefined;
  const family = bytes.readUInt16LE(0);
  if (family === 2) return { ip: bytes.subarray(4, 8).join("."), port: bytes.readUInt16BE(2) };
  if (family !== 10 || bytes.length < 24) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + 2 * i));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return { ip: bytes.subarray(20, 24).join("."), port: bytes.readUInt16BE(2) };
  return { ip: shortest(groups), port: bytes.readUInt16BE(2) };
}

/** RFC 5952: lower case, the longest run of zeros, of two at least, as `::`. */
function shortest(groups: readonly number[]): string {
  let [from, length] = [0, 0];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > length) [from, length] = [at, end - at];
    at = Math.max(at, end);
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, from))}::${text(groups.slice(from + length))}`;
}

/** Actions of syslog(2) that change something (include/linux/syslog.h). */
export const kernelLogActions: Readonly<Record<number, string>> = {
  4: "READ_CLEAR",
  5: "CLEAR",
  6: "CONSOLE_OFF",
  7: "CONSOLE_ON",
  8: "CONSOLE_LEVEL",
};

/** Families of sockets that are told (include/linux/socket.h). */
export const socketFamilies: Readonly<Record<number, string>> = {
  3: "AF_AX25",
  4: "AF_IPX",
  5: "AF_APPLETALK",
  15: "AF_KEY",
  17: "AF_PACKET",
  21: "AF_RDS",
  29: "AF_CAN",
  30: "AF_TIPC",
  31: "AF_BLUETOOTH",
  33: "AF_RXRPC",
  36: "AF_IEEE802154",
  38: "AF_ALG",
  39: "AF_NFC",
  40: "AF_VSOCK",
  41: "AF_KCM",
  42: "AF_QIPCRTR",
  43: "AF_SMC",
  44: "AF_XDP",
  45: "AF_MCTP",
};
