// From a replayed event to what an alert is made from. Everything comes from the record and the place it was found:
// nothing of this machine, no clock.

import type { AlertInput, EventContext, HostContext, ProcessContext } from "../../alert/mod.ts";
import { type RecordedEvent, valueText } from "../../normalize/mod.ts";
import { fieldMaxChars, fieldsMax } from "./limits.ts";

/** The event as `sigil.event` shows it. O(fields). */
function eventContext(event: RecordedEvent): EventContext {
  const fields: Record<string, string> = {};
  const truncated: string[] = [];
  let count = 0;
  for (const name in event.fields) {
    const value = event.fields[name];
    if (value === undefined) continue;
    if (++count > fieldsMax) {
      truncated.push("…");
      break;
    }
    const text = valueText(value);
    if (text.length > fieldMaxChars) truncated.push(name);
    fields[name] = text.length > fieldMaxChars ? text.slice(0, fieldMaxChars) : text;
  }
  const { provider, code } = event.origin;
  return {
    kind: event.kind,
    timeMs: event.timeMs,
    provider,
    code,
    fields,
    truncated,
    ...(event.undated ? { extra: { undated: true } } : {}),
  };
}

/** The process of an event whose source says more of it than the record itself; `undefined` for others. */
function recordedProcess(event: RecordedEvent): ProcessContext | undefined {
  const { process } = event.origin;
  if (process === undefined) return undefined;
  const { argv } = process;
  const text = (name: string): string | undefined => {
    const value = process[name];
    return typeof value === "string" && value !== "" && value !== "?" ? value : undefined;
  };
  const pid = integer(text("pid"));
  if (pid === undefined) return undefined;
  const parent = integer(text("ppid"));
  const ids = { euid: text("euid") ?? text("uid"), uid: text("uid"), gid: text("gid"), auid: text("auid") };
  const name = text("comm");
  const executable = text("exe");
  const workingDirectory = text("cwd");
  return {
    entityId: "",
    pid,
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(typeof argv === "object" ? { args: argv, commandLine: argv.join(" ") } : {}),
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(ids.euid === undefined ? {} : { user: { id: ids.euid } }),
    ...(ids.uid === undefined ? {} : { realUser: { id: ids.uid } }),
    ...(ids.gid === undefined ? {} : { group: { id: ids.gid } }),
    ...(ids.auid === undefined || ids.auid === unset ? {} : { loginUserId: ids.auid }),
    ...(parent === undefined ? {} : { parent: { entityId: "", pid: parent } }),
  };
}

/** (uid_t)-1: nobody logged in for it. */
const unset = "4294967295";

const integer = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;

/** What an alert about a recorded event says besides its hit. */
export function recordedContext(event: RecordedEvent, hosts: Hosts): Omit<AlertInput, "hit" | "replay"> {
  const host = hosts.of(event);
  const process = recordedProcess(event);
  return {
    event: eventContext(event),
    ...(host === undefined ? {} : { host }),
    ...(process === undefined ? {} : { process }),
  };
}

/** Hosts seen in recordings, by name: the encoder serializes each once. A fleet's forwarded logs have many. */
const hostsMax = 4096;

export class Hosts {
  readonly #known = new Map<string, HostContext>();

  /** The host of an event; `undefined` when the record says nothing about it. */
  of(event: RecordedEvent): HostContext | undefined {
    const { host, product } = event.origin;
    if (host === "" && product === "") return undefined;
    const key = `${product}\n${host}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      if (this.#known.size >= hostsMax) this.#known.clear();
      known = hostContext(host, product);
      this.#known.set(key, known);
    }
    return known;
  }
}

function hostContext(name: string, product: string): HostContext {
  const type = product === "windows" || product === "linux" || product === "macos" ? product : "";
  const os = { type, family: "", platform: "", name: "", version: "", kernel: "", full: "" } as const;
  return { id: "", name, hostname: name, architecture: "", ip: [], mac: [], os };
}
