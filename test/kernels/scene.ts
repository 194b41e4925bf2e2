// Reads what a played scene left: what the witnesses said of themselves, how their parents saw them end, and the agent's alerts
// and log, each found by token.

import type { Played } from "./guest.ts";

/** A witness by its own account; processes that only noted something have token and that. */
export interface Truth {
  readonly token: string;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly euid: number;
  readonly egid: number;
  readonly sid: number;
  /** `/proc/self/exe`: ends with ` (deleted)` when no name leads to it. */
  readonly exe: string;
  readonly cwd: string;
  readonly args: readonly string[];
  readonly inode: number;
  readonly links: number;
  readonly mode: number;
  readonly device: string;
  readonly ctimeMs: number;
  readonly namespaces: Readonly<Record<string, number>>;
  readonly cgroup?: string;
  readonly startMs: number;
  readonly nowMs: number;
  /** CapEff of /proc/self/status: hexadecimal bits. */
  readonly capabilities: string;
}

export type Document = Readonly<Record<string, unknown>>;

/** The value at a dotted path. */
export function at(document: Document, path: string): unknown {
  let value: unknown = document;
  for (const key of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

const lines = (text: string | undefined): string[] => (text ?? "").split("\n").filter((line) => line !== "");

const startRule = "A witness starts";
const endRule = "A witness ends";

export class Scene {
  readonly facts: ReadonlyMap<string, string>;
  /** By name without the prefix of the token: what `$?` was. */
  readonly endings: ReadonlyMap<string, number>;
  /** Full accounts, in the order in which they were written. */
  readonly truths: readonly Truth[];
  /** Pids in the initial namespace of processes that could not know them. */
  readonly outsidePids: ReadonlyMap<string, number>;
  readonly alerts: readonly Document[];
  /** Those of them that are not alerts: what the agent said of itself. */
  readonly states: readonly Document[];
  /** The agent's log: one object a line. */
  readonly log: readonly Document[];
  /** What the network program said that it did. */
  readonly network: string;
  readonly totalMs: number;
  readonly #starts = new Map<string, Document[]>();
  readonly #ends = new Map<number, Document[]>();

  constructor({ token, files, totalMs }: Played) {
    const file = (name: string): string[] => lines(files.get(name));
    this.totalMs = totalMs;
    this.network = files.get("network") ?? "";
    this.facts = new Map(file("facts").map((line) => line.split("=", 2) as [string, string]));
    this.endings = new Map(
      file("endings").map((line) => {
        const [name = "", status] = line.split(" ");
        return [name, Number(status)];
      }),
    );
    const told = file("truth.ndjson").map((line) => {
      const truth = JSON.parse(line) as Truth;
      return { ...truth, token: truth.token.slice(token.length + 1) };
    });
    this.truths = told.filter((truth) => truth.args !== undefined);
    this.outsidePids = new Map(
      told.filter((it) => it.token.endsWith(".outside")).map(({ token, pid }) => [token.slice(0, -8), pid]),
    );
    this.alerts = file("alerts.ndjson").map((line) => JSON.parse(line) as Document);
    this.states = this.alerts.filter((alert) => at(alert, "event.kind") !== "alert");
    this.log = file("agent.log").map((line) => JSON.parse(line) as Document);
    for (const alert of this.alerts) {
      const rule = at(alert, "rule.name");
      if (rule === endRule) {
        const pid = at(alert, "process.pid") as number;
        this.#ends.set(pid, [...(this.#ends.get(pid) ?? []), alert]);
      }
      // The shell that a witness took the place of has the token on its command line, too.
      if (rule !== startRule || at(alert, "process.executable") === "/bin/busybox") continue;
      const args = (at(alert, "process.args") ?? []) as string[];
      const name = args.find((arg) => arg.startsWith(`${token}-`))?.slice(token.length + 1) ?? "";
      this.#starts.set(name, [...(this.#starts.get(name) ?? []), alert]);
    }
  }

  /** Alerts of the rule for starts on the witness with the token. */
  starts(token: string): readonly Document[] {
    return this.#starts.get(token) ?? [];
  }

  startTokens(): string[] {
    return [...this.#starts.keys()];
  }

  /** Alerts of the rule for ends on the process. */
  ends(pid: number): readonly Document[] {
    return this.#ends.get(pid) ?? [];
  }

  /** Alerts of another rule. */
  ofRule(name: string): readonly Document[] {
    return this.alerts.filter((alert) => at(alert, "rule.name") === name);
  }

  /** What a program did to files, in order: kind, path, the other name, and the result where it is not 0. */
  fileEvents(image: string): string[] {
    const told = new Set<string>();
    const events: string[] = [];
    for (const alert of this.alerts) {
      const fields = at(alert, "sigil.event") as Readonly<Record<string, string>> | undefined;
      if (fields?.Image !== image || fields.TargetFilename === undefined) continue;
      // An event that two categories see makes two alerts.
      const key = JSON.stringify([fields.EventType, fields.UtcTime, fields.ProcessGuid, at(alert, "event.sequence")]);
      if (told.has(key)) continue;
      told.add(key);
      const source = fields.SourceFilename === undefined ? "" : ` < ${fields.SourceFilename}`;
      const result = fields.Result === "0" ? "" : ` ${fields.Result}`;
      events.push(`${fields.EventType} ${fields.TargetFilename}${source}${result}`);
    }
    return events;
  }

  /** What the operating program did, sorted: what it was, and what it was done to or with. */
  operations(): string[] {
    const told = new Map<string, string>();
    for (const alert of this.ofRule("The operating program does something")) {
      const f = at(alert, "sigil.event") as Readonly<Record<string, string>>;
      const what = [f.Syscall, f.EventType, f.Signal].filter((word) => word !== undefined).join(" ");
      const with_ =
        f.MemoryFileName ??
        f.Name ??
        f.ImageLoaded ??
        f.Namespaces ??
        f.ProgramName ??
        f.TargetFilename ??
        f.MountPoint ??
        f.Protection ??
        f.CapabilitiesGained ??
        f.Operation ??
        f.KeyType ??
        f.DestinationIp ??
        f.TargetImage ??
        f.Euid ??
        "";
      // An event that two categories see makes two alerts.
      told.set(
        `${at(alert, "event.action")} ${f.UtcTime} ${f.ProcessGuid} ${what} ${with_} ${at(alert, "event.sequence")}`,
        `${what} ${with_}`.trim(),
      );
    }
    return [...told.values()].sort();
  }

  truth(token: string): Truth {
    const found = this.truths.find((truth) => truth.token === token);
    if (found === undefined) throw new Error(`No witness ${token} wrote anything`);
    return found;
  }

  /** The witness's pid in the initial namespace. */
  pidOf(truth: Truth): number {
    return this.outsidePids.get(truth.token) ?? truth.pid;
  }

  /** Seconds between two facts that hold an uptime. */
  between(from: string, to: string): number {
    return Number(this.facts.get(to)) - Number(this.facts.get(from));
  }
}
