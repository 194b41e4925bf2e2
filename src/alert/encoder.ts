// Turns what a detector found into the line that leaves: a nested ECS 9.5 document, one object, at most 1 MiB. An encoder is
// made once per agent or replay; host, agent and rules are serialized once and joined to each line as text.

import type { Hit, Level, RuleInfo } from "../detect/mod.ts";
import { alertCategories, type Categories, eventCategories } from "./categories.ts";
import { type CompactOptions, compactLine } from "./compact.ts";
import { containerDocs } from "./container-fields.ts";
import { ecsNames, type FieldSets, fieldSets, fileDoc, outcomeOf } from "./event-fields.ts";
import { threatOfIndicator } from "./indicator.ts";
import {
  fieldCountMax,
  lineSizeMaxBytes,
  longTextLengthMax,
  matchCountMax,
  matchTextLengthMax,
  shrinkFactors,
} from "./limits.ts";
import type { AgentContext, AlertInput, EventContext, FileContext, HostContext } from "./model.ts";
import { agentJson, hostJson, type Parts, type RuleParts, ruleParts } from "./parts.ts";
import { ancestors, contextDoc, ownFacts } from "./process-fields.ts";
import { related } from "./related.ts";
import { severities } from "./severity.ts";
import { compactDoc, type Doc, integer, isoTime, Shaper } from "./shaper.ts";

/** The version of the Elastic Common Schema that documents follow. */
export const ecsVersion = "9.5.0";

/** A document on its way out. */
export interface OutputRecord {
  readonly kind: "alert" | "event" | "metric" | "state";
  /** Of an alert its rule's; outputs with a minimum level leave lower ones out. Absent: it always leaves. */
  readonly level?: Level;
  /** The document as one line of JSON, without the newline; at most {@link lineSizeMaxBytes} with it. */
  readonly line: string;
  /** The same for a person: one line for a terminal, without the newline. */
  compact(options: CompactOptions): string;
}

export interface AlertEncoderOptions {
  readonly agent: AgentContext;
  /** `data_stream.namespace`; `default` without it. Throws RangeError for what Elasticsearch would refuse. */
  readonly namespace?: string;
  /** The host of inputs that name none. Never used for replayed events: theirs is in the event or unknown. */
  readonly host?: HostContext;
}

/** An event that no rule matched, as telemetry: an {@link AlertInput} without a hit. */
export type EventInput = Omit<AlertInput, "hit">;

export interface StateInput {
  /** `state` for what is so (heartbeat, a probe that failed), `metric` for counters. */
  readonly kind: "state" | "metric";
  readonly timeMs: number;
  /** What happened, in the style of `event.action`: `heartbeat`, `events_dropped`, `probe_degraded`, `output_failed`. */
  readonly action: string;
  /** One sentence for a person. */
  readonly message: string;
  /** Plain JSON, shown as `sigil.state` or `sigil.metric`. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly outcome?: "success" | "failure";
}

interface Common {
  readonly host: string | undefined;
  readonly isWindows: boolean;
}

/** Makes documents. Not for use from several threads at once. No input makes it throw. */
export class AlertEncoder {
  readonly #agent: { readonly live: string; readonly replay: string };
  readonly #namespace: string;
  readonly #host: HostContext | undefined;
  readonly #hosts = new WeakMap<HostContext, { json: string | undefined }>();
  /** By identity: a rule that was replaced is a new object, and the old entry goes with it. */
  readonly #rules = { live: new WeakMap<RuleInfo, RuleParts>(), replay: new WeakMap<RuleInfo, RuleParts>() };

  constructor(options: AlertEncoderOptions) {
    const namespace = options.namespace ?? "default";
    // Elasticsearch, "data stream naming": lower case, no hyphen, none of these characters, at most 100 bytes.
    if (!/^[^A-Z\\/*?"<>|\s,#:-]{1,100}$/.test(namespace) || Buffer.byteLength(namespace) > 100)
      throw new RangeError(
        `Cannot use data stream namespace '${namespace}': not lower case, too long or a reserved character`,
      );
    this.#namespace = namespace;
    this.#host = options.host;
    this.#agent = { live: agentJson(options.agent, false), replay: agentJson(options.agent, true) };
  }

  /** The alert about a hit. About 20 µs for a process event. */
  alert(input: AlertInput): OutputRecord {
    return {
      kind: "alert",
      level: input.hit.rule.level,
      line: this.#fit((shaper) => this.#eventDocument(input, input.hit, shaper)),
      compact: (options) => compactLine(input, input.hit, options),
    };
  }

  /** An event as telemetry. */
  event(input: EventInput): OutputRecord {
    return {
      kind: "event",
      line: this.#fit((shaper) => this.#eventDocument(input, undefined, shaper)),
      compact: (options) => compactLine(input, undefined, options),
    };
  }

  /** What the agent says about itself. */
  state(input: StateInput): OutputRecord {
    return {
      kind: input.kind,
      line: this.#fit((shaper) => this.#stateDocument(input, shaper)),
      compact: (options) => compactLine(input, undefined, options),
    };
  }

  /** The first attempt that fits: texts are shortened further each time. */
  #fit(make: (shaper: Shaper) => string): string {
    let line = "";
    for (const [index, factor] of shrinkFactors.entries()) {
      const shaper = new Shaper(factor, index === shrinkFactors.length - 1);
      const json = make(shaper);
      if (shaper.isOverflowing) continue;
      line = escapeUnsafe(json);
      // One UTF-16 unit is at most three bytes of UTF-8.
      if (line.length * 3 < lineSizeMaxBytes || Buffer.byteLength(line) < lineSizeMaxBytes) return line;
    }
    throw new Error(`Cannot fit a document of ${line.length} units into ${lineSizeMaxBytes} bytes: a limit is missing`);
  }

  #eventDocument(input: EventInput, hit: Hit | undefined, shaper: Shaper): string {
    const { event, replay, process } = input;
    const { host, isWindows } = this.#hostOf(input, shaper);
    const sets = fieldSets(event.kind, event.fields, shaper);
    const doc: Doc = process === undefined ? {} : { process: contextDoc(process, shaper) };
    if (process !== undefined) {
      doc.user = {
        id: shaper.text(process.user?.id, "user.id", 256),
        name: shaper.text(process.user?.name, "user.name", 1024),
        domain: shaper.text(process.user?.domain, "user.domain", 256),
      };
      if (process.file !== undefined && event.kind.startsWith("process_"))
        doc.file = executableFile(process.file, shaper);
    }
    if (event.ecs !== undefined && !shaper.isMinimal) {
      const own = shaper.json(event.ecs, "ecs");
      if (isDoc(own)) fillAbsent(doc, own);
    }
    fillAbsent(doc, sets);
    Object.assign(doc, containerDocs(event.container ?? process?.container, shaper));
    doc.log = { file: { path: shaper.text(replay?.path ?? event.logPath, "log.file.path", 4096, "tail") } };
    doc.winlog = { record_id: shaper.text(replay?.recordId, "winlog.record_id", 64) };
    const own = eventCategories(event.kind, event.fields, isWindows);
    const parts = hit === undefined ? undefined : this.#ruleOf(hit, replay !== undefined, shaper);
    const isoEvent = isoTime(event.timeMs);
    const isoCreated = replay === undefined ? isoTime(input.createdMs) : undefined;
    const eventPart = eventDoc(
      input,
      hit,
      hit === undefined ? own : alertCategories(hit, event.kind, own),
      isoCreated,
      shaper,
    );
    compactDoc(doc);
    if (!shaper.isMinimal)
      doc.related = related(doc, event.fields, input.host ?? (replay === undefined ? this.#host : undefined));
    const sigil = this.#sigilDoc(input, hit, parts, isoEvent === undefined, shaper);
    return this.#join(
      isoEvent ?? isoCreated ?? "1970-01-01T00:00:00.000Z",
      hit === undefined ? "sigil.events" : "sigil.alerts",
      {
        ...(parts === undefined ? messagePart(own.action ?? event.kind) : parts.parts),
        ...(hit?.indicator === undefined
          ? {}
          : { threat: JSON.stringify(threatOfIndicator(hit.indicator, event.timeMs, shaper)) }),
        event: JSON.stringify(eventPart),
        ...(host === undefined ? {} : { host }),
        agent: replay === undefined ? this.#agent.live : this.#agent.replay,
      },
      { ...doc, sigil },
    );
  }

  #sigilDoc(
    input: EventInput,
    hit: Hit | undefined,
    rule: RuleParts | undefined,
    isTimeless: boolean,
    shaper: Shaper,
  ): Doc {
    const { event, process } = input;
    const doc: Doc = {};
    if (hit !== undefined) {
      doc.engine = hit.engine;
      doc.level = hit.rule.level;
      doc.match = matchDocs(hit, shaper);
      doc.rule = rule?.sigil;
    }
    if (process !== undefined) {
      const facts = ownFacts(process, shaper);
      if (facts !== undefined) doc.process = facts;
      if (shaper.isMinimal) shaper.cut("sigil.ancestors");
      else doc.ancestors = ancestors(process, shaper);
      const links = event.kind.startsWith("process_") ? integer(process.file?.links, 0) : undefined;
      if (links !== undefined) doc.file = { links };
    }
    if (isTimeless) doc.time_unknown = true;
    doc.pending = shaper.texts(input.pending, "sigil.pending", 64, 256);
    if (input.replay !== undefined) doc.replay = true;
    doc.event = eventFieldsDoc(event, shaper);
    if (event.extra !== undefined) {
      if (shaper.isMinimal) shaper.cut("sigil");
      else {
        // The names above are the agent's own: where a source uses one too, the agent's value stands.
        const extra = shaper.json(event.extra, "sigil");
        if (isDoc(extra)) fillAbsent(doc, extra);
      }
    }
    for (const name of rule?.cut ?? []) shaper.cut(name);
    for (const name of event.truncated)
      shaper.cut(
        (Object.hasOwn(ecsNames, name) ? ecsNames[name] : undefined) ??
          `sigil.event.${name.slice(0, 128).toWellFormed()}`,
      );
    doc.truncated = shaper.truncated.size === 0 ? undefined : [...shaper.truncated];
    // `sigil.event` keeps empty values (they were values to the rule), so only members of `doc` itself are dropped.
    return Object.fromEntries(Object.entries(doc).filter(([, value]) => value !== undefined));
  }

  #stateDocument(input: StateInput, shaper: Shaper): string {
    const iso = isoTime(input.timeMs) ?? "1970-01-01T00:00:00.000Z";
    const host = this.#host === undefined ? undefined : this.#hostText(this.#host, shaper);
    const values = shaper.json(input.values, `sigil.${input.kind}`);
    const event = {
      kind: input.kind,
      category: ["host"],
      type: ["info"],
      action: shaper.text(input.action, "event.action", 64),
      id: Bun.randomUUIDv7(),
      module: "sigil",
      dataset: `sigil.${input.kind}`,
      created: iso,
      outcome: input.outcome,
    };
    const sigil: Doc = { [input.kind]: values };
    const message = messagePart(shaper.text(input.message, "message", 4096) ?? input.kind);
    if (shaper.truncated.size > 0) sigil.truncated = [...shaper.truncated];
    return this.#join(
      iso,
      `sigil.${input.kind}`,
      {
        ...message,
        event: JSON.stringify(event),
        ...(host === undefined ? {} : { host }),
        agent: this.#agent.live,
      },
      { sigil },
    );
  }

  /** One object: what is serialized already, then the rest. The order is fixed, so that lines can be compared. */
  #join(timestamp: string, dataset: string, parts: Parts, doc: Doc): string {
    const stream = JSON.stringify({ type: "logs", dataset, namespace: this.#namespace });
    let line = `{"@timestamp":"${timestamp}","ecs":{"version":"${ecsVersion}"},"data_stream":${stream}`;
    for (const name of Object.keys(parts)) line += `,"${name}":${parts[name]}`;
    for (const name of memberOrder) {
      const value = doc[name];
      if (value !== undefined) line += `,"${name}":${JSON.stringify(value)}`;
    }
    return `${line}}`;
  }

  #hostOf(input: EventInput, shaper: Shaper): Common {
    const host = input.host ?? (input.replay === undefined ? this.#host : undefined);
    const isWindows =
      host?.os.type === "windows" || (host?.os.type !== "linux" && /^Microsoft-/i.test(input.event.provider));
    return { host: host === undefined ? undefined : this.#hostText(host, shaper), isWindows };
  }

  #hostText(host: HostContext, shaper: Shaper): string | undefined {
    let known = this.#hosts.get(host);
    if (known === undefined) {
      known = { json: hostJson(host, new Shaper()) };
      this.#hosts.set(host, known);
    }
    return shaper.isMinimal ? hostJson(host, shaper) : known.json;
  }

  #ruleOf(hit: Hit, isReplay: boolean, shaper: Shaper): RuleParts {
    if (shaper.isMinimal) return ruleParts(hit.rule, hit.engine, isReplay, new Shaper(shrinkFactors.at(-1)));
    const cache = isReplay ? this.#rules.replay : this.#rules.live;
    let known = cache.get(hit.rule);
    if (known === undefined) {
      known = ruleParts(hit.rule, hit.engine, isReplay, new Shaper());
      cache.set(hit.rule, known);
    }
    return known;
  }
}

const memberOrder = [
  "process",
  "user",
  "file",
  "dll",
  "registry",
  "network",
  "source",
  "destination",
  "dns",
  "container",
  "orchestrator",
  "related",
  "log",
  "winlog",
  "sigil",
] as const;

function messagePart(text: string): Parts {
  return { message: JSON.stringify(text) };
}

function eventDoc(
  input: EventInput,
  hit: Hit | undefined,
  words: Categories,
  created: string | undefined,
  shaper: Shaper,
): Doc {
  const { event, replay } = input;
  const severity = hit === undefined ? undefined : (severities[hit.rule.level] ?? severities.medium);
  return {
    kind: hit === undefined ? "event" : "alert",
    category: words.category,
    type: words.type,
    action: words.action,
    outcome: outcomeOf(event.fields),
    id: replay === undefined ? Bun.randomUUIDv7() : replayId(input, hit),
    code: shaper.text(event.code, "event.code", 256),
    module: "sigil",
    dataset: hit === undefined ? "sigil.events" : "sigil.alerts",
    provider: shaper.text(event.provider, "event.provider", 256),
    sequence: integer(replay === undefined ? event.sequence : replay.sequence, 0),
    severity: severity?.severity,
    risk_score: severity?.riskScore,
    reason: hit === undefined ? undefined : reasonOf(hit, shaper),
    created,
  };
}

/** The same for the same file, position, rule and group of a correlation on every machine; written as a UUID of version 8 (RFC 9562, 5.8). */
function replayId(input: EventInput, hit: Hit | undefined): string {
  const { digest, sequence } = input.replay ?? { digest: "", sequence: 0 };
  const group = hit?.group === undefined ? "" : `\n${hit.group}`;
  const about = hit === undefined ? "event" : `${hit.engine}:${hit.rule.id}${group}`;
  const hash = new Bun.CryptoHasher("sha256").update(`${digest}\n${sequence}\n${about}`).digest();
  hash[6] = 0x80 | ((hash[6] ?? 0) & 0x0f);
  hash[8] = 0x80 | ((hash[8] ?? 0) & 0x3f);
  const hex = hash.toString("hex", 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Which parts of the rule matched: `selection_img: Image|endswith; keywords`. */
function reasonOf(hit: Hit, shaper: Shaper): string | undefined {
  const parts = new Set<string>();
  for (const { selection, field, modifier } of hit.matches.slice(0, 16)) {
    const what = modifier === "" ? field : `${field}|${modifier}`;
    parts.add(what === "" ? selection : `${selection}: ${what}`);
  }
  return shaper.text([...parts].join("; "), "event.reason", 1024);
}

function matchDocs(hit: Hit, shaper: Shaper): Doc[] {
  if (shaper.isMinimal && hit.matches.length > 0) {
    shaper.cut("sigil.match");
    return [];
  }
  if (hit.matches.length > matchCountMax) shaper.cut("sigil.match");
  return hit.matches.slice(0, matchCountMax).map(({ selection, field, modifier, pattern, value }) => ({
    selection: shaper.anyText(selection, "sigil.match.selection", 256),
    field: shaper.anyText(field, "sigil.match.field", 256),
    modifier: shaper.anyText(modifier, "sigil.match.modifier", 256),
    pattern: shaper.anyText(pattern, "sigil.match.pattern", matchTextLengthMax),
    value: shaper.anyText(value, "sigil.match.value", matchTextLengthMax),
  }));
}

/** `sigil.event`: the fields as the rules saw them, all values text. */
function eventFieldsDoc(event: EventContext, shaper: Shaper): Doc | undefined {
  if (shaper.isMinimal) {
    shaper.cut("sigil.event");
    return undefined;
  }
  const members: [string, string][] = [];
  for (const name of Object.keys(event.fields)) {
    if (members.length === fieldCountMax) {
      shaper.cut("sigil.event");
      break;
    }
    const short = shaper.anyText(name, "sigil.event", 256);
    const cutName = (Object.hasOwn(ecsNames, name) ? ecsNames[name] : undefined) ?? `sigil.event.${short}`;
    members.push([short, shaper.anyText(String(event.fields[name]), cutName, longTextLengthMax)]);
  }
  // fromEntries defines its members, so that a field `__proto__` is data like any other.
  return Object.fromEntries(members);
}

/** The executable of a process event as `file.*`. */
function executableFile(file: FileContext, shaper: Shaper): Doc {
  return {
    ...fileDoc(file.path, "file", shaper),
    inode: shaper.text(file.inode, "file.inode", 64),
    device: shaper.text(file.device, "file.device", 64),
    mode: shaper.text(file.mode, "file.mode", 16),
    uid: shaper.text(file.uid, "file.uid", 64),
    gid: shaper.text(file.gid, "file.gid", 64),
    ctime: isoTime(file.ctimeMs),
  };
}

/** Copies members of `from` that `into` lacks, at every depth. */
function fillAbsent(into: Doc, from: Doc | FieldSets): void {
  for (const [name, value] of Object.entries(from)) {
    const there = into[name];
    if (there === undefined) into[name] = value;
    else if (isDoc(there) && isDoc(value)) fillAbsent(there, value);
  }
}

function isDoc(value: unknown): value is Doc {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * JSON leaves C1 controls, line separators and direction marks as they are; here they become escapes, so that a line is one
 * line to every reader and harmless on a terminal. It parses to the same document.
 */
function escapeUnsafe(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
