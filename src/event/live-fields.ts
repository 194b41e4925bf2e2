// The fields that sensors fill, by source: what the normalizers write, what makes a rule inert here, and the table in
// docs/reference/fields.md. Names are Sysmon's, because Sigma rules are written in them.

import { auditKeys, auditSyscalls } from "./audit-table.ts";

export interface LiveField {
  readonly name: string;
  /** Where an alert shows it in ECS; empty when it stands under `sigil.event` only. */
  readonly ecs: string;
  readonly description: string;
}

const field = (name: string, ecs: string, description: string): LiveField => ({ name, ecs, description });

const common: readonly LiveField[] = [
  field("EventID", "event.code", "Sysmon's event id: 1 for a start, 5 for an end"),
  field("UtcTime", "@timestamp", "When it happened: `2026-01-31 12:00:00.123`, UTC"),
  field("ProcessGuid", "process.entity_id", "Identity of the process, unique across hosts and restarts"),
  field("ProcessId", "process.pid", "Process id in the initial namespace"),
  field("Image", "process.executable", "Absolute path of the executable that the kernel resolved"),
  field("User", "user.name", "Name of the effective user; the uid when it has no name"),
];

/** Lines of logs. Those after `message_id` are in the messages of single programs. */
const logLine: readonly LiveField[] = [
  field("message", "", "The message without its header: what keywords search first"),
  field("program", "", "Who says that he wrote it: `sshd`, `CRON`, `kernel`"),
  field("pid", "process.pid", "Its process id; vouched for in the journal, claimed in files"),
  field("hostname", "", "Name of the host as the line has it"),
  field("facility", "", "`auth`, `authpriv`, `cron` …; where the line says so"),
  field("severity", "", "`emerg alert crit err warning notice info debug`; where the line says so"),
  field("uid", "", "User id of the writer; journal only"),
  field("exe", "", "Executable of the writer; journal only"),
  field("transport", "", "How it came to the journal: `syslog stdout kernel audit journal`"),
  field("unit", "", "systemd unit of the writer, or that the message is about: `ufw.service`"),
  field("message_id", "", "What kind of message it is; journal only"),
  field("action", "", "systemd: `started stopped starting stopping reloaded`"),
  field("user", "", "sshd: who logs in; sudo: who calls it"),
  field("src_ip", "", "sshd: where the login comes from"),
  field("src_port", "", "sshd: its port"),
  field("auth_method", "", "sshd: `password publickey`"),
  field("outcome", "event.outcome", "sshd: `success failure`"),
  field("reason", "", "sudo: why it was refused"),
  ...["HOST", "TTY", "CHROOT", "PWD", "CWD", "USER", "GROUP", "TSID", "ENV", "EXIT", "SIGNAL", "COMMAND"].map((name) =>
    field(name, "", "sudo: as in its line"),
  ),
  ...["name", "UID", "GID", "home", "shell", "from"].map((name) =>
    field(name, "", "useradd, groupadd: as in their line"),
  ),
];

/** Audit records made from events of the sensors and of logs, under auditd's names. */
const auditRecord: readonly LiveField[] = [
  field("type", "", "Type of the record; the other fields are those of its type"),
  field("arch", "", "SYSCALL: architecture, hexadecimal"),
  field("syscall", "", "SYSCALL: number of the system call"),
  field("SYSCALL", "", "SYSCALL: its name"),
  field("success", "event.outcome", "SYSCALL: `yes no`"),
  field("exit", "", "SYSCALL: what the call returned"),
  ...Array.from({ length: 16 }, (_, index) =>
    field(
      `a${index}`,
      "",
      index < 4 ? "EXECVE: argument; SYSCALL: argument, hexadecimal, when it is a number" : "EXECVE: argument",
    ),
  ),
  field("argc", "", "EXECVE: number of arguments"),
  field("ppid", "process.parent.pid", "SYSCALL: process id of the parent"),
  field("pid", "process.pid", "Process id"),
  ...["auid", "uid", "gid", "euid", "suid", "egid", "sgid", "ses"].map((name) => field(name, "", "SYSCALL: number")),
  ...["AUID", "UID", "EUID", "SUID"].map((name) => field(name, "", "SYSCALL: name of that user")),
  field("tty", "", "SYSCALL: `pts0 tty1 (none)`"),
  field("comm", "process.name", "SYSCALL, SERVICE_…: name of the thread"),
  field("exe", "process.executable", "SYSCALL, ADD_USER …: executable, resolved"),
  field("key", "", "SYSCALL: key of the audit rule that a Sigma rule takes for granted"),
  field("ARCH", "", "SYSCALL: `x86_64 aarch64`"),
  field("cwd", "process.working_directory", "CWD: working directory"),
  field("name", "file.path", "PATH: absolute path; of an execution as typed"),
  field("nametype", "", "PATH: `NORMAL CREATE DELETE`"),
  field("item", "", "PATH: number of the path in its call"),
  ...["op", "acct", "id", "res"].map((name) => field(name, "", "ADD_USER, DEL_USER, ADD_GROUP, DEL_GROUP")),
  field("unit", "", "SERVICE_START, SERVICE_STOP: unit without `.service`"),
];

/** Every value that these fields can have, by source and field; fields that are not listed can have any. */
export const liveValues: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "linux/auditd": {
    type: [
      ...["SYSCALL", "EXECVE", "CWD", "PATH"],
      ...["ADD_USER", "ADD_GROUP", "DEL_USER", "DEL_GROUP", "SERVICE_START", "SERVICE_STOP"],
    ],
    SYSCALL: auditSyscalls,
    key: auditKeys,
  },
};

/** Why values that no sensor reports are not there. */
const noValue: Readonly<Record<string, string>> = {
  "linux/auditd/type": "no audit record of such a type is made from events of the sensors",
  "linux/auditd/SYSCALL": "no sensor watches that system call",
  "linux/auditd/key": "keys are the audit configuration's, and no sensor watches what such a key would stand for",
};

/** Services read from the journal and log files. */
const logServices = ["auth", "clamav", "cron", "guacamole", "sshd", "su", "sudo", "syslog", "vsftpd"];
/** What every activity says of the process that acted: actorFields in src/normalize. */
const actor: readonly LiveField[] = [
  field("EventID", "event.code", "Sysmon's event id, where it has one for this"),
  ...common.slice(1),
  field("CommandLine", "process.command_line", "Its arguments joined by one space, as the kernel had them at exec"),
  field("CurrentDirectory", "process.working_directory", "Its working directory at exec"),
  field("ParentProcessGuid", "process.parent.entity_id", "Identity of its parent"),
  field("ParentProcessId", "process.parent.pid", "Process id of its parent"),
  field("ParentImage", "process.parent.executable", "Executable of its parent"),
  field("ParentCommandLine", "process.parent.command_line", "Command line of its parent"),
  field("LogonId", "process.login_user.id", "Audit login uid; 4294967295 when unset"),
  field("ThreadName", "", "Name of the thread that acted"),
  field("Compat", "", "`true` when it came as a 32-bit system call"),
  field("ContainerId", "container.id", "Container that it runs in, from its cgroup"),
  field("ContainerRuntime", "container.runtime", "As above"),
];

const target: readonly LiveField[] = [
  field("SourceProcessGuid", "process.entity_id", "Identity of the process that acts; the same as `ProcessGuid`"),
  field("SourceProcessId", "process.pid", "Its process id"),
  field("SourceImage", "process.executable", "Its executable"),
  field("SourceCommandLine", "process.command_line", "Its command line"),
  field("SourceUser", "user.name", "Its effective user"),
  field("TargetProcessGuid", "", "Identity of the process that it acts on"),
  field(
    "TargetProcessId",
    "",
    "Process id of that in the initial namespace; absent when the caller's namespace hides it",
  ),
  field("TargetImage", "", "Executable of that"),
  field("TargetCommandLine", "", "Command line of that"),
  field("TargetUser", "", "User that its program began with"),
  field("TargetIsAgent", "", "`true` when it is the agent itself"),
];
const result = field("Result", "", "What the call gave back; below 0 the negative errno");
const flags = field("Flags", "", "Flags as the call was told, hexadecimal");
const uring: readonly LiveField[] = [
  ...actor,
  field(
    "EventType",
    "",
    "`setup`, or `io_uring_` with the request: `openat openat2 connect bind listen socket unlinkat renameat mkdirat symlinkat linkat uring_cmd`. Requests are told when they are submitted, before they have succeeded",
  ),
  field(
    "TargetFilename",
    "file.path",
    "Path of the request, from the directory that it starts from; links are not followed",
  ),
  field("SourceFilename", "", "Second path: the old name of a rename or link"),
  field("DestinationIp", "destination.ip", "Address of a connect or bind"),
  field("DestinationPort", "destination.port", "Its port"),
  flags,
  field("Polled", "", "`true` when the kernel's thread of the ring took it"),
];

const modules: readonly LiveField[] = [
  ...actor,
  field(
    "EventType",
    "",
    "`finit_module` (from a file), `init_module` (from memory), `module_load` (the kernel has it), `delete_module`",
  ),
  field("ImageLoaded", "dll.path", "File of the module"),
  field("ModuleName", "", "Name of the module: with `module_load` and `delete_module`"),
  result,
];

/** Kernel operations, by source. */
const operationFields: Readonly<Record<string, readonly LiveField[]>> = {
  "linux/process_access": [
    ...actor,
    ...target,
    field(
      "EventType",
      "",
      "`ptrace_attach ptrace_seize ptrace_traceme ptrace_poketext ptrace_pokedata ptrace_pokeuser ptrace_setregs ptrace_setregset …`, `memory_read`, `memory_write` (process_vm_readv, process_vm_writev)",
    ),
    field("Address", "", "Address that ptrace was given, hexadecimal"),
    result,
  ],
  "linux/signal": [
    ...actor,
    ...target,
    field(
      "Signal",
      "",
      "`SIGKILL SIGSTOP` to any process that is no child of the sender; `SIGTERM SIGQUIT SIGABRT SIGSEGV SIGTSTP` to another user's; every signal to the agent",
    ),
  ],
  "linux/credential_change": [
    ...actor,
    field("EventType", "", "`ids`, or `capabilities` when only these were gained"),
    field("Syscall", "", "`setuid setgid setreuid setregid setresuid setresgid capset`"),
    ...["Uid", "Euid", "Suid", "Gid", "Egid", "Sgid"].flatMap((name) => [
      field(`${name}Before`, "", `${name} before the call, as the host numbers it`),
      field(name, "", `${name} after it`),
    ]),
    field("UserBefore", "", "Effective user before the call; `User` is the one after it"),
    field("CapabilitiesGained", "", "Names of effective and permitted capabilities that were not there before"),
    field("CapabilitiesEffective", "", "Names of the effective ones after it"),
  ],
  "linux/memory_change": [
    ...actor,
    field("EventType", "", "`mmap` of anonymous memory, or `mprotect`; once a program for each type and protection"),
    field("Protection", "", "`rwx` when writable and executable at once, else `r-x`"),
    field("Address", "", "Where, hexadecimal"),
    field("Length", "", "Bytes"),
  ],
  "linux/memfd_create": [
    ...actor,
    field("MemoryFileName", "", "Name that the file in memory was given"),
    field("Sealable", "", "`true` with MFD_ALLOW_SEALING"),
    field("CloseOnExec", "", "`true` with MFD_CLOEXEC"),
  ],
  "linux/image_load": [
    ...actor,
    field(
      "ImageLoaded",
      "dll.path",
      "File mapped executable from outside of `/usr /lib* /bin /sbin /opt /snap /nix /gnu`",
    ),
    field("ImageLoadedDeleted", "", "`true` when no name leads to it any more"),
    field("ImageLoadedInode", "", "Its inode"),
  ],
  "linux/driver_load": modules,
  "linux/driver_unload": modules,
  "linux/bpf": [
    ...actor,
    field(
      "EventType",
      "",
      "`prog_load prog_attach prog_detach link_create link_update link_detach raw_tracepoint_open obj_pin obj_get prog_get_fd_by_id map_get_fd_by_id link_get_fd_by_id`",
    ),
    field("ProgramName", "", "Name of the program"),
    field("ProgramType", "", "Its type: `kprobe tracepoint tracing lsm xdp …`"),
    field("ObjectId", "", "Id of the program, map or link"),
    field("TargetFilename", "file.path", "Path of a pin, as it was passed"),
    result,
  ],
  "linux/mount": [
    ...actor,
    field("EventType", "", "`mount move_mount pivot_root chroot umount`"),
    field("MountPoint", "", "Where, as it was passed"),
    field("Device", "", "What, as it was passed"),
    field("FileSystem", "", "Type of the file system"),
    field("MountFlags", "", "Names, comma-separated: `ro,nosuid,bind`"),
    result,
  ],
  "linux/namespace_change": [
    ...actor,
    field("EventType", "", "`unshare setns clone`"),
    field("Namespaces", "", "`mnt pid net user uts ipc cgroup time`, comma-separated"),
    field("ChildProcessId", "", "clone: the process that was made"),
    result,
  ],
  "linux/system_call": [
    ...actor,
    field("Syscall", "", "`prctl personality add_key request_key keyctl userfaultfd sysinfo syslog socket`"),
    field(
      "Operation",
      "",
      "prctl: `PR_SET_NAME PR_SET_MM PR_SET_PTRACER`; keyctl: `read link …`; personality: `ADDR_NO_RANDOMIZE READ_IMPLIES_EXEC …`; syslog: `CLEAR READ_CLEAR CONSOLE_OFF …`; socket: `AF_PACKET AF_ALG AF_VSOCK …` (rare families only)",
    ),
    field("Name", "", "prctl: the new name of the process; add_key, request_key: description of the key"),
    field("KeyType", "", "add_key, request_key: type of the key"),
    field("Argument", "", "Second argument, hexadecimal; keyctl: serial of the key; socket: protocol"),
    flags,
    result,
  ],
  "linux/sysmon": [
    ...actor,
    field(
      "EventType",
      "",
      "`throttle`: the process's control group causes more events of a kind than it may, and they are held back",
    ),
    field("ThrottledKind", "", "Which kind, as the account of losses calls it"),
    field("ThrottledCount", "", "How many were held back since it was told last"),
  ],
  "linux/io_uring": uring,
  "linux/io_uring_create": uring,
  "linux/io_uring_delete": uring,
  "linux/io_uring_rename": uring,
};

const file: readonly LiveField[] = [
  ...actor,
  field("TargetFilename", "file.path", "Absolute path of the file; of a rename the new one"),
  field(
    "EventType",
    "",
    "What was done: `create write close delete rename link symlink mkdir mknod chmod chown setxattr truncate utimes access`",
  ),
  field("SourceFilename", "", "The other name of a rename or a link: the old one"),
  field("LinkTarget", "", "What a symbolic link says, as it was passed"),
  field("Attribute", "", "Name of an extended attribute that was set or removed"),
  field("NewMode", "", "Permissions that a chmod asked for, octal"),
  field("NewOwner", "", "Numeric owner that a chown asked for; absent when it stays"),
  field("NewGroup", "", "Likewise the group"),
  field("PathResolved", "", "`true` when no link and no `..` is in `TargetFilename`: the kernel's own path"),
  field("FileDeleted", "", "`true` when no name leads to the file any more"),
  field("OpenFlags", "", "Of opens: `O_WRONLY,O_CREAT,O_TRUNC`; kinds that have no descriptor have none"),
  field("FileMode", "file.mode", "Permissions, octal: `0644`"),
  field("FileInode", "file.inode", "Inode number"),
  field("Result", "", "0, or the negative errno of a try that failed"),
];

const source: readonly LiveField[] = [
  field("EventType", "", "What was done: `connect accept send bind listen close`"),
  field("Protocol", "network.transport", "`tcp udp icmp ipv6-icmp sctp …`, or the number"),
  field("SourceIsIpv6", "network.type", "`true` when the address is IPv6; IPv4 in IPv6 sockets is IPv4"),
  field("SourceIp", "source.ip", "Address of who began: of an accepted connection, the other side"),
  field("SourcePort", "source.port", "Its port"),
  field("SourcePortName", "", "Name of a well-known port: `https`"),
];
const bothEnds: readonly LiveField[] = [
  ...source,
  field("Initiated", "network.direction", "`true` when this host began, `false` for accepted connections"),
  field("SourceHostname", "source.domain", "Name of the other side of an accepted connection, from DNS answers seen"),
  field("DestinationIsIpv6", "network.type", "As above"),
  field("DestinationIp", "destination.ip", "Address of the other end"),
  field(
    "DestinationHostname",
    "destination.domain",
    "Name by which the process asked for that address, else any on this host did",
  ),
  field("DestinationPort", "destination.port", "Its port"),
  field("DestinationPortName", "", "As above"),
];
const connection: readonly LiveField[] = [
  ...actor,
  ...bothEnds,
  field(
    "Result",
    "event.outcome",
    "0, or the negative errno that connecting ended with; absent when nobody had answered after a second",
  ),
  field("ConnectionCount", "", "Connections of the process to this address and port so far, this one included"),
  field("ConnectionIntervalMs", "", "Mean time between the starts of two of them"),
  field("ConnectionJitterMs", "", "Standard deviation of those times"),
  field("ConnectionJitterPercent", "", "The same in percent of the mean; from the fourth connection on"),
];
const listening: readonly LiveField[] = [...actor, ...source];

/** By source name. A source that no sensor feeds is not listed. */
export const liveFields: Readonly<Record<string, readonly LiveField[]>> = {
  "linux/process_creation": [
    ...common,
    field("CommandLine", "process.command_line", "Arguments joined by one space, as the kernel had them at exec"),
    field("CurrentDirectory", "process.working_directory", "Working directory at exec"),
    field("LogonId", "process.login_user.id", "Audit login uid; 4294967295 when unset"),
    field("TerminalSessionId", "process.session_leader.pid", "Session id"),
    field("ParentProcessGuid", "process.parent.entity_id", "Identity of the parent"),
    field("ParentProcessId", "process.parent.pid", "Process id of the parent"),
    field("ParentImage", "process.parent.executable", "Executable of the parent"),
    field("ParentCommandLine", "process.parent.command_line", "Command line of the parent"),
    field("ParentUser", "process.parent.user.name", "Effective user of the parent"),
    field("RealUser", "process.real_user.name", "Name of the real user; the uid when it has no name"),
    field("ImageTyped", "", "File name as it was passed to execve: may be relative, a link, or `/dev/fd/N`"),
    field("Interpreter", "", "Program that runs a script, as its `#!` line names it; scripts only"),
    field("ImageMemfd", "", "`true` when the executable is an anonymous memory file"),
    field("ImageDeleted", "", "`true` when no name led to the executable any more"),
    field("ImageOverlayUpper", "", "`true` when the executable was written into a container's upper layer"),
    field("ImageSecureExec", "", "`true` when set-uid, set-gid or file capabilities took effect"),
    field(
      "ImageChrooted",
      "",
      "`true` when its root is not that of the first process of its pid namespace: `Image` is below another root",
    ),
    field("Stdin", "", "What descriptor 0 is: `file pipe socket tty null char block directory closed other`"),
    field("Stdout", "", "What descriptor 1 is"),
    field("Stderr", "", "What descriptor 2 is"),
    field("EnvLdPreload", "process.env_vars", "`LD_PRELOAD` of the new program"),
    field("EnvLdLibraryPath", "process.env_vars", "`LD_LIBRARY_PATH`"),
    field("EnvLdAudit", "process.env_vars", "`LD_AUDIT`"),
    field("EnvHistfile", "process.env_vars", "`HISTFILE`"),
    field("EnvSshConnection", "process.env_vars", "`SSH_CONNECTION`"),
    field("EnvSudoUser", "process.env_vars", "`SUDO_USER`"),
    field("EnvSudoCommand", "process.env_vars", "`SUDO_COMMAND`"),
    field("ContainerId", "container.id", "Container that it runs in, from its cgroup"),
    field("ContainerRuntime", "container.runtime", "`docker containerd cri-o podman lxc kubernetes systemd-nspawn`"),
    field("CgroupPath", "", "Path of its control group"),
    field("EffectiveCapabilities", "", "Names, comma-separated: `CAP_SYS_ADMIN,CAP_BPF`"),
  ],
  "linux/process_termination": [
    ...common,
    field("CommandLine", "process.command_line", "Arguments joined by one space, as the kernel had them at exec"),
    field("ExitCode", "process.exit_code", "Exit code; absent when a signal ended it"),
    field("ExitSignal", "", "Signal that ended it, such as `SIGKILL`; absent when it exited"),
  ],
  "linux/auditd": auditRecord,
  ...Object.fromEntries(logServices.map((service) => [`linux/${service}`, logLine])),
  "linux/file_event": file,
  "linux/file_write": file,
  "linux/file_rename": file,
  "linux/file_delete": file,
  "linux/file_change": file,
  "linux/file_access": file,
  ...operationFields,
  "linux/network_connection": connection,
  "linux/network_accept": connection,
  "linux/network_bind": listening,
  "linux/network_listen": listening,
  "linux/network_close": [
    ...actor,
    ...bothEnds,
    field("BytesSent", "source.bytes", "Payload that this host sent, what was sent twice counted once"),
    field("BytesReceived", "destination.bytes", "Payload that it received"),
    field("DurationMs", "", "From when it was made to its end"),
  ],
  "linux/dns_query": [
    ...actor,
    field("EventType", "", "`query` for a question that was sent, `answer` for what came back"),
    field("QueryName", "dns.question.name", "Name asked for, without a dot at the end; odd bytes as `\\\\DDD`"),
    field("QueryType", "dns.question.type", "`A AAAA TXT MX …`"),
    field(
      "QueryStatus",
      "dns.response_code",
      "Of an answer: 0, 9501 without records, else 9000 and the response code (9003: no such name)",
    ),
    field("QueryResults", "dns.answers", "Of an answer: `type:  5 edge.example.net;::ffff:192.0.2.7;`"),
    field("Protocol", "network.transport", "`udp` or `tcp`"),
    field("SourceIp", "source.ip", "Address of this host"),
    field("SourcePort", "source.port", "Its port"),
    field("DestinationIp", "destination.ip", "Address of the name server"),
    field("DestinationPort", "destination.port", "Its port"),
  ],
};

/** Sysmon's fields that a Linux sensor never fills, and why. */
const never: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["OriginalFileName", "FileVersion", "Description", "Product", "Company"].map((name) => [
      name,
      "Linux executables have no version resource",
    ]),
  ),
  IntegrityLevel: "Linux has no integrity levels",
  LogonGuid: "Linux has no logon GUID",
  Hashes: "executables are not hashed at exec in this version",
  Imphash: "Linux executables have no import hash",
  imphash: "Linux executables have no import hash",
};

const names: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(liveFields).map(([source, fields]) => [source, new Set(fields.map(({ name }) => name))]),
);

/** Why a live source never has the field; `undefined` when it has, or when the source is not a live one. O(1). */
export function fieldFilled(source: string, name: string): string | undefined {
  const filled = names.get(source);
  if (filled === undefined || filled.has(name)) return undefined;
  return never[name] ?? `${source} events have no field ${name}`;
}

/** Why none of the values that a field of a live source can have satisfies; `undefined` when one does, or any may be there. */
export function valueFilled(
  source: string,
  name: string,
  satisfies: ((value: string) => boolean) | undefined,
): string | undefined {
  const values = satisfies === undefined ? undefined : liveValues[source]?.[name];
  if (values === undefined || values.some((value) => satisfies?.(value))) return undefined;
  return noValue[`${source}/${name}`] ?? `${name} of ${source} is never one of these`;
}

/** The page docs/reference/fields.md. */
export function fieldsPage(): string {
  const lines = [
    "# Fields",
    "",
    "What the sensors fill, by event source. Sigma rules use these names; `sigil.event` of an alert shows them as the rule saw them.",
    "A rule that cannot match without a field that its source never fills is inert, and `agent rules validate` says so.",
    "Recordings (`agent replay`) may hold any field. Generated from `src/event/live-fields.ts`.",
  ];
  for (const fields of new Set(Object.values(liveFields))) {
    const sources = Object.keys(liveFields).filter((source) => liveFields[source] === fields);
    lines.push("", `## ${sources.join(", ")}`, "", "| field | ECS | what |", "|---|---|---|");
    for (const { name, ecs, description } of fields)
      lines.push(`| \`${name}\` | ${ecs === "" ? "" : `\`${ecs}\``} | ${description} |`);
  }
  lines.push("", "## Never filled on Linux", "", "| field | why |", "|---|---|");
  for (const [name, reason] of Object.entries(never)) lines.push(`| \`${name}\` | ${reason} |`);
  return `${lines.join("\n")}\n`;
}
