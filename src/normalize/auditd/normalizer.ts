// Records of the audit log to events. Each record is an event, with the fields that it has itself, as rules for auditd are written; records that belong
// together (same time and number) are held until all are there, so that an alert about one can say what the others know of the process, and
// a command line that the kernel spread over several EXECVE records is one event.

import { type FieldTable, sourceId } from "../../event/mod.ts";
import { type Fields, RecordedEvent } from "../json/mod.ts";
import { type AuditRecord, argument, parseAuditLine } from "./record.ts";

/** Events whose records may still come. Records of several CPUs interleave; more than a handful at once is hostile input. */
const openMax = 64;
/** Characters of the records that are held, of one event and of all: the longest command line (2 MiB, in hexadecimal 4) fits. */
const eventMaxLength = 8 << 20;
const heldMaxLength = 32 << 20;
/** Arguments of one command line that become fields, and characters of the joined one. */
const argumentsMax = 8192;
const argvMaxLength = 1 << 20;
/** Records of an event are written within milliseconds; auditd itself gives up after two seconds. */
const openMaxMs = 2000;

/** What the records of an event say of its process, under the names of the SYSCALL record; `argv` is the list of arguments. */
export type AuditProcess = Readonly<Record<string, string | readonly string[]>>;

export interface AuditOptions {
  /** The table that the rules are compiled against. */
  readonly table: FieldTable;
  /** Gets each event with the position of its record, in the order of the events' ends and, within one, of its records. */
  readonly onEvent: (event: RecordedEvent, position: number) => void;
  /** Something was left out of the record at a position. */
  readonly onDamage: (position: number, problem: string) => void;
}

interface Open {
  readonly timeMs: number;
  length: number;
  readonly records: { readonly record: AuditRecord; readonly position: number }[];
  /** The EXECVE record that later ones continue. */
  command: AuditRecord | undefined;
}

const source = sourceId("linux/auditd");

/** Record types that the kernel writes several of for one event; all others are complete in themselves. */
const isCompound = (type: string): boolean =>
  !/^(?:USER|SERVICE|DAEMON|CRED|ADD|DEL|GRP|ACCT|SYSTEM|SOFTWARE)_/.test(type);

/** What an alert says of the process: fields of SYSCALL and of records of user space. */
const processFields = ["pid", "ppid", "auid", "uid", "gid", "euid", "comm", "exe"] as const;

export class AuditNormalizer {
  readonly #options: AuditOptions;
  readonly #open = new Map<string, Open>();
  #heldLength = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** Takes one line, without its end, as `position`. A text says why it is no record. Never throws. */
  line(text: string, position: number): string | undefined {
    const record = parseAuditLine(text);
    if (record === undefined || typeof record === "string") return record;
    this.#take(record, position, text.length);
    return undefined;
  }

  /** Gives the events whose last records have not come: at the end, and when nothing came for some time. */
  flush(): void {
    for (const key of [...this.#open.keys()]) this.#close(key);
  }

  #take(record: AuditRecord, position: number, length: number): void {
    const { type, timeMs, serial, node } = record;
    const key = `${timeMs}:${serial}:${node}`;
    let open = this.#open.get(key);
    if (open === undefined) {
      if (!isCompound(type)) {
        this.#give([{ record, position }]);
        return;
      }
      // In the order of their beginnings: all before one that is not old are not old.
      for (const [old, { timeMs: since }] of this.#open) {
        const isFull = this.#open.size >= openMax || this.#heldLength >= heldMaxLength;
        if (!isFull && Math.abs(timeMs - since) <= openMaxMs) break;
        this.#close(old);
      }
      open = { timeMs, length: 0, records: [], command: undefined };
      this.#open.set(key, open);
    }
    if (type !== "EOE") this.#add(open, record, position);
    open.length += length;
    this.#heldLength += length;
    if (type === "EOE" || type === "PROCTITLE" || open.length >= eventMaxLength) this.#close(key);
  }

  #add(open: Open, record: AuditRecord, position: number): void {
    if (record.type === "EXECVE") {
      const { command } = open;
      if (command !== undefined && record.fields.argc === undefined) {
        continueCommand(command.fields, record.fields);
        return;
      }
      open.command = record;
    }
    open.records.push({ record, position });
  }

  #close(key: string): void {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    this.#heldLength -= open.length;
    this.#give(open.records);
  }

  #give(records: Open["records"]): void {
    const about: Record<string, string | readonly string[]> = {};
    for (const { record, position } of records) {
      const { type, fields } = record;
      if (type === "EXECVE") {
        const argv = joinCommand(fields, (problem) => this.#options.onDamage(position, problem));
        if (argv.length > 0) about.argv ??= argv;
      }
      if (type === "CWD" && typeof fields.cwd === "string") about.cwd ??= fields.cwd;
      for (const name of processFields) {
        const value = fields[name];
        if (typeof value === "string" && type !== "PATH" && type !== "OBJ_PID") about[name] ??= value;
      }
    }
    for (const { record, position } of records) {
      const { type, timeMs, node, fields } = record;
      const event = new RecordedEvent(this.#options.table, fields, {
        source,
        timeMs,
        product: "linux",
        host: node,
        provider: "auditd",
        code: type,
        recordId: "",
        raw: fields,
        process: about,
      });
      this.#options.onEvent(event, position);
    }
  }
}

function continueCommand(fields: Fields, more: Fields): void {
  for (const name in more) if (name !== "type" && !Object.hasOwn(fields, name)) fields[name] = more[name];
}

/** Puts arguments that came in pieces together, adds `argv`, the command line as one text, and gives the arguments. */
function joinCommand(fields: Fields, onDamage: (problem: string) => void): string[] {
  const argv: string[] = [];
  const pieces = new Map<number, [number, string][]>();
  let left = 0;
  for (const name in fields) {
    const found = argument.exec(name);
    const value = fields[name];
    if (found === null || typeof value !== "string") continue;
    const index = Number(found[1]);
    if (index >= argumentsMax) {
      delete fields[name];
      left++;
    } else if (found[2] === undefined) argv[index] = value;
    else {
      delete fields[name];
      const list = pieces.get(index) ?? [];
      list.push([Number(found[2]), value]);
      pieces.set(index, list);
    }
  }
  for (const [index, list] of pieces) {
    const value = joinPieces(list);
    fields[`a${index}`] = value;
    argv[index] = value;
  }
  if (left > 0) onDamage(`${left} arguments beyond the first ${argumentsMax} are left out`);
  if (argv.length === 0) return [];
  const list = Array.from(argv, (value) => value ?? "");
  fields.argv = list.join(" ").slice(0, argvMaxLength);
  return list;
}

/** Pieces in hexadecimal are marked with NUL, which no text of a record has. */
function joinPieces(pieces: readonly (readonly [number: number, text: string])[]): string {
  const inOrder = pieces.toSorted(([a], [b]) => a - b);
  const bytes = inOrder.map(([, text]) =>
    text.startsWith("\0") ? Buffer.from(text.slice(1), "hex") : Buffer.from(text),
  );
  return Buffer.concat(bytes).toString("utf8");
}
