// What an alert is made from: plain data that crosses threads. The detect worker fills it in (context is joined here and
// only here, when there is a hit), the ECS encoder turns it into the document of the contract.

import type { Hit } from "../detect/mod.ts";
import type { EventKind } from "../event/mod.ts";

export interface UserContext {
  /** uid on Linux, SID on Windows. */
  readonly id: string;
  readonly name?: string;
  readonly domain?: string;
}

export interface FileContext {
  readonly path: string;
  readonly inode?: string;
  /** `major:minor`. */
  readonly device?: string;
  /** Octal permission bits, four digits: `0755`. */
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly ctimeMs?: number;
  readonly links?: number;
}

export interface ContainerContext {
  readonly id: string;
  /** docker, containerd, cri-o, podman, lxc … */
  readonly runtime: string;
  /** Uid of the Kubernetes pod that it belongs to. */
  readonly podUid?: string;
  readonly name?: string;
  /** As it was asked for: `registry.example/app:1.2`. */
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Name and namespace of the pod. */
  readonly pod?: string;
  readonly namespace?: string;
}

/** A process as an alert shows it. Everything that is not known is absent, never guessed. */
export interface ProcessContext {
  readonly entityId: string;
  readonly pid: number;
  readonly name?: string;
  readonly executable?: string;
  readonly commandLine?: string;
  readonly args?: readonly string[];
  /** argc as the kernel counted it: larger than `args` when the command line was cut. */
  readonly argsCount?: number;
  readonly workingDirectory?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly exitCode?: number;
  /** Name of the signal that ended it: `SIGKILL`. */
  readonly signal?: string;
  readonly interactive?: boolean;
  readonly user?: UserContext;
  readonly realUser?: UserContext;
  readonly group?: UserContext;
  /** Audit login uid, absent when unset. */
  readonly loginUserId?: string;
  readonly sessionId?: number;
  readonly tty?: { readonly major: number; readonly minor: number };
  /** Effective capabilities by name: `CAP_SYS_ADMIN`. */
  readonly capabilities?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly hash?: { readonly md5?: string; readonly sha1?: string; readonly sha256?: string };
  readonly file?: FileContext;
  readonly container?: ContainerContext;
  readonly parent?: ProcessContext;
}

export interface HostContext {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly architecture: string;
  readonly ip: readonly string[];
  readonly mac: readonly string[];
  readonly os: {
    /** Empty when a recording does not say. */
    readonly type: "linux" | "windows" | "macos" | "";
    readonly family: string;
    readonly platform: string;
    readonly name: string;
    readonly version: string;
    readonly kernel: string;
    readonly full: string;
  };
}

export interface AgentContext {
  readonly type: "sigil";
  readonly version: string;
  /** Absent in replay, so that output depends on input and rules alone. */
  readonly id?: string;
  readonly name?: string;
  readonly ephemeralId?: string;
}

/** The event a hit is about, taken out of the flyweight. */
export interface EventContext {
  readonly kind: EventKind;
  readonly timeMs: number;
  /** `ebpf`, an ETW provider, a channel. */
  readonly provider: string;
  /** Sysmon event id or the source's own, as text; empty when there is none. */
  readonly code: string;
  /** The Sysmon-style fields as Sigma saw them, all values text: `sigil.event`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Names of fields (Sysmon-style) that were cut. */
  readonly truncated: readonly string[];
  /** Sequence number within its source, when it has one. */
  readonly sequence?: number;
  readonly container?: ContainerContext;
  /** The log file that it was read from. */
  readonly logPath?: string;
  /** ECS field sets that the event fills itself; they come before what its fields say. Texts, numbers, lists and objects of them. */
  readonly ecs?: Readonly<Record<string, unknown>>;
  /** Facts that have no ECS or Sysmon name, shown under `sigil.*` as they are (plain JSON). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Where a replayed event came from. */
export interface ReplayContext {
  /** As given on the command line. */
  readonly path: string;
  /** 0-based position of the event in its file. */
  readonly sequence: number;
  readonly recordId?: string;
  /** SHA-256 of the file, hex: part of `event.id`. */
  readonly digest: string;
}

export interface AlertInput {
  readonly hit: Hit;
  readonly event: EventContext;
  /** Absent in replay when the event does not say; an empty text in it is "not known". */
  readonly host?: HostContext;
  readonly process?: ProcessContext;
  readonly replay?: ReplayContext;
  /** ECS names of values that were still being worked out when the alert was made (a hash, a signature): `sigil.pending`. */
  readonly pending?: readonly string[];
  /** When the alert was made; absent in replay. */
  readonly createdMs?: number;
}
