// The Sysmon-style fields of a process's start and end: one reader each. The names are those of liveFields (src/event), which
// is what rules, the inert report and docs/reference/fields.md go by; a test holds the two together.

import { exeFlag, fdKind, processLayout } from "../event/mod.ts";
import { containerOf } from "../state/mod.ts";
import { capabilityNames } from "./capabilities.ts";
import { type Reader, type Readers, utcTime } from "./live-event.ts";
import type { ProcessEvent } from "./process-event.ts";

type FieldReader = Reader<ProcessEvent>;

const fdKindNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(fdKind).map(([name, value]) => [value, name]),
);

const flag =
  (bit: number): FieldReader =>
  ({ program }) =>
    program === undefined ? undefined : String((program.record.field(processLayout.exeFlags) & bit) !== 0);

const env =
  (name: string): FieldReader =>
  ({ program }) =>
    program?.env(name);

const fd =
  (number: 0 | 1 | 2): FieldReader =>
  ({ program }) =>
    program && (fdKindNames[program.record.fdKind(number)] ?? "other");

const orAbsent = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** Fields that a start and an end have. */
const common: Readers<ProcessEvent> = {
  UtcTime: (event) => utcTime(event.timeMs),
  ProcessGuid: (event) => event.identity(event.entry).guid,
  ProcessId: (event) => String(event.entry.pid),
  Image: ({ program }) => orAbsent(program?.image),
  User: (event) => event.userName(event.entry, processLayout.euid),
};

/** By field name: event kind `process_start`. */
export const startFields: Readers<ProcessEvent> = {
  EventID: () => "1",
  ...common,
  CommandLine: ({ program }) => program?.commandLine,
  CurrentDirectory: ({ program }) => orAbsent(program?.record.text("cwd")),
  LogonId: ({ program }) => program && String(program.record.field(processLayout.loginUid)),
  TerminalSessionId: ({ program }) => program && String(program.record.field(processLayout.session)),
  ParentProcessGuid: (event) => event.parent && event.identity(event.parent).guid,
  ParentProcessId: ({ entry }) => String(entry.parentPid),
  ParentImage: ({ parent }) => orAbsent(parent?.program?.image),
  ParentCommandLine: ({ parent }) => parent?.program?.commandLine,
  ParentUser: (event) => event.parent && event.userName(event.parent, processLayout.euid),
  RealUser: (event) => event.userName(event.entry, processLayout.uid),
  ImageTyped: ({ program }) => orAbsent(program?.record.text("filename")),
  Interpreter: ({ program }) => orAbsent(program?.record.text("interp")),
  ImageMemfd: flag(exeFlag.memfd),
  ImageDeleted: flag(exeFlag.deleted),
  ImageOverlayUpper: flag(exeFlag.overlayUpper),
  ImageSecureExec: flag(exeFlag.secure),
  ImageChrooted: flag(exeFlag.chrooted),
  Stdin: fd(0),
  Stdout: fd(1),
  Stderr: fd(2),
  EnvLdPreload: env("LD_PRELOAD"),
  EnvLdLibraryPath: env("LD_LIBRARY_PATH"),
  EnvLdAudit: env("LD_AUDIT"),
  EnvHistfile: env("HISTFILE"),
  EnvSshConnection: env("SSH_CONNECTION"),
  EnvSudoUser: env("SUDO_USER"),
  EnvSudoCommand: env("SUDO_COMMAND"),
  ContainerId: ({ program }) => program && containerOf(program.record.text("cgroup"))?.id,
  ContainerRuntime: ({ program }) => program && containerOf(program.record.text("cgroup"))?.runtime,
  CgroupPath: ({ program }) => orAbsent(program?.record.text("cgroup")),
  EffectiveCapabilities: ({ program }) => program && orAbsent(capabilityNames(program.record.capEffective).join(",")),
};

/** By field name: event kind `process_end`. */
export const endFields: Readers<ProcessEvent> = {
  EventID: () => "5",
  ...common,
  CommandLine: ({ program }) => program?.commandLine,
  ExitCode: ({ exit }) => (exit && exit.signal === 0 ? String(exit.code) : undefined),
  ExitSignal: ({ exit }) => (exit && exit.signal !== 0 ? exit.signalName : undefined),
};

/**
 * Where keywords of a rule are searched: what a person or a program wrote. Numbers, flags, times and identities are left out:
 * a keyword that matched inside a hash or a pid would be an accident, and making them costs more than all the rest.
 */
export const keywordFields: ReadonlySet<string> = new Set([
  "Image",
  "CommandLine",
  "CurrentDirectory",
  "User",
  "RealUser",
  "ParentImage",
  "ParentCommandLine",
  "ParentUser",
  "ImageTyped",
  "Interpreter",
  "EnvLdPreload",
  "EnvLdLibraryPath",
  "EnvLdAudit",
  "EnvHistfile",
  "EnvSshConnection",
  "EnvSudoUser",
  "EnvSudoCommand",
  "CgroupPath",
]);

/** An end says nothing that its start did not say: the same keyword would match twice. */
export const endKeywordFields: ReadonlySet<string> = new Set();
