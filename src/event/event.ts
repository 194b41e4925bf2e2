// One model of an event for both platforms and for replayed recordings. A NormalizedEvent is read by slot and decodes a
// field only when a rule or an alert asks for it; it is valid until the next event is read from the same source.

import type { FieldValue, Slot } from "./fields.ts";
import type { SourceId } from "./source.ts";

/** What happened. The Sysmon event id, where there is one, is in {@link eventKinds}. */
export type EventKind = keyof typeof eventKinds;

/** ECS categorization of each kind (`event.category`, `event.type`, `event.action`) and its Sysmon event id. */
export const eventKinds = {
  process_start: { code: "1", category: ["process"], type: ["start"], action: "exec" },
  process_end: { code: "5", category: ["process"], type: ["end"], action: "end" },
  network_connect: { code: "3", category: ["network"], type: ["connection", "start"], action: "connection_attempted" },
  network_accept: { code: "3", category: ["network"], type: ["connection", "start"], action: "connection_accepted" },
  network_bind: { code: "", category: ["network"], type: ["info"], action: "bind" },
  network_listen: { code: "", category: ["network"], type: ["info"], action: "listen" },
  network_close: { code: "", category: ["network"], type: ["connection", "end"], action: "disconnect_received" },
  file_create: { code: "11", category: ["file"], type: ["creation"], action: "creation" },
  file_delete: { code: "23", category: ["file"], type: ["deletion"], action: "deletion" },
  file_rename: { code: "71", category: ["file"], type: ["change"], action: "rename" },
  file_change: { code: "65", category: ["file"], type: ["change"], action: "modification" },
  dns_query: { code: "22", category: ["network"], type: ["protocol"], action: "lookup_requested" },
  image_load: { code: "7", category: ["library"], type: ["start"], action: "load" },
  driver_load: { code: "6", category: ["driver"], type: ["start"], action: "load" },
  process_access: { code: "10", category: ["process"], type: ["access"], action: "access" },
  process_change: { code: "8", category: ["process"], type: ["change"], action: "modification" },
  file_access: { code: "", category: ["file"], type: ["access"], action: "open" },
  pipe_create: { code: "17", category: ["file"], type: ["creation"], action: "creation" },
  /** A script or a command that an interpreter reported (PowerShell 4103, 4104, 400, 600, 800). */
  script: { code: "4104", category: ["process"], type: ["info"], action: "execution" },
  registry_create: { code: "12", category: ["registry"], type: ["creation"], action: "creation" },
  registry_delete: { code: "12", category: ["registry"], type: ["deletion"], action: "deletion" },
  registry_change: { code: "13", category: ["registry"], type: ["change"], action: "modification" },
  // Linux kernel operations; no Sysmon event has them.
  credential_change: { code: "", category: ["process"], type: ["change"], action: "credential_change" },
  memory_change: { code: "", category: ["process"], type: ["change"], action: "memory_change" },
  memory_file: { code: "", category: ["file"], type: ["creation"], action: "memfd_create" },
  driver_unload: { code: "", category: ["driver"], type: ["end"], action: "unload" },
  bpf: { code: "", category: ["driver"], type: ["info"], action: "bpf" },
  mount: { code: "", category: ["host"], type: ["change"], action: "mount" },
  namespace_change: { code: "", category: ["process"], type: ["change"], action: "namespace_change" },
  signal: { code: "", category: ["process"], type: ["change"], action: "signal" },
  system_call: { code: "", category: ["process"], type: ["info"], action: "system_call" },
  io_uring: { code: "", category: ["process"], type: ["info"], action: "io_uring" },
  /** Anything that a log source delivers and no kind above describes (audit records, event log channels). */
  other: { code: "", category: ["host"], type: ["info"], action: "" },
} as const;

/** What every detector reads. Implementations: a view over a sensor record, a parsed line of a recording. */
export interface NormalizedEvent {
  readonly kind: EventKind;
  /** The log source that delivered it; Sigma rules are routed by it. */
  readonly source: SourceId;
  /** When it happened: milliseconds since the Unix epoch, with a fraction where the source has one. */
  readonly timeMs: number;
  /** The value of a field; `undefined` when the event does not have it. O(1); decodes at most once per event. */
  get(slot: Slot): FieldValue;
  /**
   * Calls `visit` with every value as text (keys excluded, arrays and objects walked): what Sigma keywords search. Texts of fewer UTF-16
   * units than `lengthMin` may be left out.
   */
  eachText(visit: (text: string) => void, lengthMin?: number): void;
}
