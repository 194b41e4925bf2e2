// Kernel operations: what processes do to other processes, to the kernel and to their own standing. Sysmon's names where it has any
// (ProcessAccess, ImageLoad, DriverLoad); the rest is documented in src/event/live-fields.ts.

import {
  activityByKind,
  credentialsLayout,
  operationKind,
  operationLayout,
  operationMark,
  operationSection,
} from "../event/mod.ts";
import type { ProcessEntry } from "../state/mod.ts";
import type { ActivityEvent, ActivityFamily } from "./activity-event.ts";
import { capabilityNames } from "./capabilities.ts";
import type { Readers } from "./live-event.ts";
import {
  bpfCommands,
  bpfProgramType,
  callNames,
  kernelLogActions,
  keyctlName,
  mountFlagNames,
  namespaceNames,
  personalityNames,
  prctlOptions,
  ptraceRequests,
  socketAddress,
  socketFamilies,
  uringOps,
} from "./operation-names.ts";
import { absolutePath } from "./paths.ts";
import { signalName } from "./signals.ts";

type Read = (event: ActivityEvent) => string | undefined;

const { path: pathSection, other: otherSection, name: nameSection, dir: dirSection } = operationSection;
const at = operationLayout;

const orAbsent = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
const has = (event: ActivityEvent, mark: number): boolean => (event.record.field(at.marks) & mark) !== 0;
const text =
  (section: number): Read =>
  ({ record }) =>
    orAbsent(record.text(section));
const hex = (offset: number): Read => {
  return ({ record }) => `0x${record.exact(offset).toString(16)}`;
};

/** The path in PATH: the kernel's, or what was passed, from the directory that it starts from. */
const path: Read = (event) => {
  const name = event.record.text(pathSection);
  if (name === "" || has(event, operationMark.resolved)) return orAbsent(name);
  const directory = event.record.text(dirSection);
  return name.startsWith("/") || directory !== "" ? absolutePath(directory, name) : name;
};

const result: Read = ({ record }) => String(BigInt.asIntN(64, record.exact(at.result)));

// The other process.

/** Process that the operation is about, as the table knows it. */
function target(event: ActivityEvent): ProcessEntry | undefined {
  const { record } = event;
  const pid = record.field(at.targetPid);
  if (pid !== 0) return event.processOf(pid, record.wide(at.targetStartNs));
  const passed = record.field(at.targetNsPid);
  return passed !== 0 && event.isInInitialPidNs ? event.processOf(passed, -1) : undefined;
}

function targetPid(event: ActivityEvent): string | undefined {
  const pid = event.record.field(at.targetPid);
  if (pid !== 0) return String(pid);
  const known = target(event)?.pid;
  return known === undefined ? undefined : String(known);
}

const targetReaders: Readers<ActivityEvent> = {
  SourceProcessGuid: (event) => event.identityOf(event.pid, event.record.startNs).guid,
  SourceProcessId: ({ pid }) => String(pid),
  SourceImage: ({ program }) => orAbsent(program?.image),
  SourceCommandLine: ({ program }) => program?.commandLine,
  SourceUser: (event) => event.actorUser,
  TargetProcessGuid: (event) => {
    const entry = target(event);
    return entry && event.identity(entry).guid;
  },
  TargetProcessId: targetPid,
  TargetImage: (event) => orAbsent(event.programOf(target(event))?.image),
  TargetCommandLine: (event) => event.programOf(target(event))?.commandLine,
  TargetUser: (event) => {
    const program = event.programOf(target(event));
    return program && event.userOfProgram(program);
  },
  TargetIsAgent: (event) => String(has(event, operationMark.protected)),
};

const accessTypes: Readonly<Record<number, Read>> = {
  [operationKind.ptrace]: ({ record }) => {
    const code = record.field(at.code);
    return `ptrace_${ptraceRequests[code] ?? code}`;
  },
  [operationKind.memory]: ({ record }) => (record.field(at.value) === 1 ? "memory_write" : "memory_read"),
};

const processAccess: ActivityFamily = {
  kinds: ["ptrace", "process_memory"],
  readers: {
    ...targetReaders,
    EventType: (event) => accessTypes[event.record.kind]?.(event),
    Address: hex(at.address),
    Result: result,
  },
  keywords: new Set(["SourceImage", "TargetImage", "TargetCommandLine"]),
  sections: {},
};

const signal: ActivityFamily = {
  kinds: ["signal"],
  readers: {
    ...targetReaders,
    Signal: ({ record }) => signalName(record.field(at.code)),
  },
  keywords: new Set(["SourceImage", "TargetImage", "TargetCommandLine"]),
  sections: {},
};

// Credentials.

const cred = credentialsLayout;
const capabilities = (read: (event: ActivityEvent) => bigint): Read => {
  return (event) => orAbsent(capabilityNames(read(event)).join(","));
};
const id =
  (offset: number): Read =>
  ({ record }) =>
    String(record.field(offset));

const credentials: ActivityFamily = {
  kinds: ["credentials", "capabilities"],
  readers: {
    EventType: ({ record }) => (record.kind === operationKind.credentials ? "ids" : "capabilities"),
    Syscall: ({ record }) => callNames[record.field(cred.call)],
    UidBefore: id(cred.uidBefore),
    EuidBefore: id(cred.euidBefore),
    SuidBefore: id(cred.suidBefore),
    GidBefore: id(cred.gidBefore),
    EgidBefore: id(cred.egidBefore),
    SgidBefore: id(cred.sgidBefore),
    Uid: id(cred.uid),
    Euid: id(cred.euid),
    Suid: id(cred.suid),
    Gid: id(cred.gid),
    Egid: id(cred.egid),
    Sgid: id(cred.sgid),
    UserBefore: (event) => event.user(event.record.field(cred.euidBefore)),
    CapabilitiesGained: capabilities(
      ({ record }) =>
        (record.exact(cred.capEffective) & ~record.exact(cred.capEffectiveBefore)) |
        (record.exact(cred.capPermitted) & ~record.exact(cred.capPermittedBefore)),
    ),
    CapabilitiesEffective: capabilities(({ record }) => record.exact(cred.capEffective)),
  },
  keywords: new Set(["UserBefore"]),
  sections: {},
};

// Memory and code.

const memory: ActivityFamily = {
  kinds: ["executable_memory"],
  readers: {
    EventType: (event) => (has(event, operationMark.changed) ? "mprotect" : "mmap"),
    Protection: (event) => (has(event, operationMark.writable) ? "rwx" : "r-x"),
    Address: hex(at.address),
    Length: ({ record }) => String(record.exact(at.length)),
  },
  keywords: new Set(),
  sections: {},
};

const memfd: ActivityFamily = {
  kinds: ["memfd"],
  readers: {
    // The kernel calls the file `memfd:NAME`.
    MemoryFileName: ({ record }) => record.text(nameSection).replace(/^memfd:/, ""),
    Sealable: ({ record }) => String((record.field(at.flags) & 2) !== 0),
    CloseOnExec: ({ record }) => String((record.field(at.flags) & 1) !== 0),
  },
  keywords: new Set(["MemoryFileName"]),
  sections: { [nameSection]: "MemoryFileName" },
};

const library: ActivityFamily = {
  kinds: ["library_load"],
  readers: {
    ImageLoaded: path,
    ImageLoadedDeleted: (event) => String(has(event, operationMark.deleted)),
    ImageLoadedInode: ({ record }) => String(record.exact(at.inode)),
  },
  keywords: new Set(["ImageLoaded"]),
  sections: { [pathSection]: "ImageLoaded" },
};

const modules: ActivityFamily = {
  kinds: ["module_load", "module_unload"],
  readers: {
    EventType: ({ record }) => {
      if (record.kind === operationKind.unload) return "delete_module";
      if (record.field(at.call) === 0) return "module_load";
      return record.has(pathSection) ? "finit_module" : "init_module";
    },
    ImageLoaded: path,
    ModuleName: text(nameSection),
    Result: result,
  },
  keywords: new Set(["ImageLoaded", "ModuleName"]),
  sections: { [pathSection]: "ImageLoaded", [nameSection]: "ModuleName" },
};

const isProgram: ReadonlySet<number> = new Set([5, 17, 28, 29, 34]);

const bpf: ActivityFamily = {
  kinds: ["bpf"],
  readers: {
    EventType: ({ record }) => bpfCommands[record.field(at.code)],
    ProgramName: text(nameSection),
    ProgramType: ({ record }) =>
      isProgram.has(record.field(at.code)) ? bpfProgramType(record.field(at.value)) : undefined,
    ObjectId: ({ record }) => {
      const found = record.field(at.value2);
      return found === 0 ? undefined : String(found);
    },
    TargetFilename: path,
    Result: result,
  },
  keywords: new Set(["ProgramName", "TargetFilename"]),
  sections: { [pathSection]: "TargetFilename" },
};

// Mounts, namespaces, and a process's own standing.

const mount: ActivityFamily = {
  kinds: ["mount", "unmount"],
  readers: {
    EventType: ({ record }) => callNames[record.field(at.call)],
    MountPoint: path,
    Device: text(otherSection),
    FileSystem: text(nameSection),
    MountFlags: (event) => orAbsent(mountFlagNames(event.record.field(at.flags))),
    Result: result,
  },
  keywords: new Set(["MountPoint", "Device", "FileSystem"]),
  sections: { [pathSection]: "MountPoint", [otherSection]: "Device" },
};

const namespaces: ActivityFamily = {
  kinds: ["namespace"],
  readers: {
    EventType: ({ record }) => {
      const call = record.field(at.call);
      return call === 0 ? "clone" : callNames[call];
    },
    Namespaces: ({ record }) => orAbsent(namespaceNames(record.field(at.flags))),
    ChildProcessId: ({ record }) => {
      const pid = record.field(at.targetPid);
      return pid === 0 ? undefined : String(pid);
    },
    Result: result,
  },
  keywords: new Set(["Namespaces"]),
  sections: {},
};

const callTypes: Readonly<Record<number, string>> = {
  [operationKind.prctl]: "prctl",
  [operationKind.personality]: "personality",
  [operationKind.userfaultfd]: "userfaultfd",
  [operationKind.sysinfo]: "sysinfo",
  [operationKind.kernelLog]: "syslog",
  [operationKind.socket]: "socket",
};

const systemCall: ActivityFamily = {
  kinds: ["prctl", "personality", "keyring", "userfaultfd", "sysinfo", "kernel_log", "socket"],
  readers: {
    Syscall: ({ record }) => callTypes[record.kind] ?? callNames[record.field(at.call)],
    Operation: ({ record }) => {
      const code = record.field(at.code);
      if (record.kind === operationKind.prctl) return prctlOptions[code] ?? String(code);
      if (record.kind === operationKind.personality) return orAbsent(personalityNames(record.field(at.flags)));
      if (record.kind === operationKind.kernelLog) return kernelLogActions[code] ?? String(code);
      if (record.kind === operationKind.socket) return socketFamilies[code] ?? String(code);
      return record.kind === operationKind.keyring && callNames[record.field(at.call)] === "keyctl"
        ? keyctlName(code)
        : undefined;
    },
    Name: text(nameSection),
    KeyType: text(otherSection),
    Argument: hex(at.address),
    Flags: hex(at.flags),
    Result: result,
  },
  keywords: new Set(["Name", "Operation"]),
  sections: { [nameSection]: "Name" },
};

// io_uring.

const address = (event: ActivityEvent) => socketAddress(event.record.section(operationSection.address));
const passed: Read = (event) => {
  const name = event.record.text(pathSection);
  return name === "" ? undefined : absolutePath(event.record.text(dirSection), name);
};

const uring: ActivityFamily = {
  kinds: ["io_uring_setup", "io_uring_request", "io_uring_create", "io_uring_delete", "io_uring_rename"],
  readers: {
    EventType: ({ record }) => {
      const code = record.field(at.code);
      return record.kind === operationKind.uring ? "setup" : `io_uring_${uringOps[code] ?? code}`;
    },
    TargetFilename: passed,
    SourceFilename: text(otherSection),
    DestinationIp: (event) => address(event)?.ip,
    DestinationPort: (event) => address(event) && String(address(event)?.port),
    Flags: hex(at.flags),
    Polled: (event) => String(has(event, operationMark.polled)),
  },
  keywords: new Set(["TargetFilename", "SourceFilename"]),
  sections: { [pathSection]: "TargetFilename", [otherSection]: "SourceFilename" },
};

/** The sensor about itself: a control group causes more events of a kind than it may. */
const throttle: ActivityFamily = {
  kinds: ["throttle"],
  readers: {
    EventType: () => "throttle",
    ThrottledKind: ({ record }) => activityByKind[record.field(at.value)]?.name,
    ThrottledCount: ({ record }) => String(record.wide(at.length)),
  },
  keywords: new Set(),
  sections: {},
};

export const operationFamilies: readonly ActivityFamily[] = [
  processAccess,
  signal,
  credentials,
  memory,
  memfd,
  library,
  modules,
  bpf,
  mount,
  namespaces,
  systemCall,
  uring,
  throttle,
];
