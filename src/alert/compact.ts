// One line for a person at a terminal: time, level, rule, process, user, and what it did, cut to the width. Everything that
// comes from the event is made harmless first: an attacker chooses command lines and file names.

import type { Hit, Level } from "../detect/mod.ts";
import { printable, shorten } from "../std/mod.ts";
import type { EventInput, StateInput } from "./encoder.ts";
import { userDoc } from "./event-fields.ts";
import { isoTime, Shaper, splitPath } from "./shaper.ts";

export interface CompactOptions {
  /** Whether to use ANSI colours. */
  readonly color: boolean;
  /** Columns of the terminal; 0 for no limit. */
  readonly width: number;
}

const levelColors: Readonly<Record<Level, string>> = {
  informational: "\x1b[2m",
  low: "\x1b[36m",
  medium: "\x1b[33m",
  high: "\x1b[31m",
  critical: "\x1b[1;97;41m",
};
const dim = "\x1b[2m";
const bold = "\x1b[1m";
const reset = "\x1b[0m";

/** Levels as four letters, so that columns line up. */
const levelWords: Readonly<Record<Level, string>> = {
  informational: "info",
  low: "low ",
  medium: "med ",
  high: "high",
  critical: "crit",
};

/** Units of any one text that are looked at: more than the widest terminal shows. */
const partLengthMax = 1024;

/** Whether to colour what goes to a stream: not with `NO_COLOR` (any text, no-color.org), always with `FORCE_COLOR`, else on a terminal. */
export function useColor(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if ((env.NO_COLOR ?? "") !== "") return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return isTerminal && env.TERM !== "dumb";
}

/** The line of an alert, an event or a state, without the newline. Never throws. */
export function compactLine(input: EventInput | StateInput, hit: Hit | undefined, options: CompactOptions): string {
  const paint = (style: string, text: string): string =>
    options.color && text !== "" ? `${style}${text}${reset}` : text;
  const isState = !("event" in input);
  // A replay shows days, a live view only the time of day (UTC, as everywhere).
  const iso = isoTime(isState ? input.timeMs : input.event.timeMs) ?? "0000-00-00T00:00:00.000Z";
  const time = !isState && input.replay !== undefined ? iso.replace("T", " ").slice(0, 19) : iso.slice(11, 23);
  const level = hit?.rule.level;
  const word = isState ? input.kind.slice(0, 4).padEnd(4) : level === undefined ? "evt " : (levelWords[level] ?? level);
  const title = clean(isState ? input.message : hit === undefined ? input.event.kind : hit.rule.title || hit.rule.id);
  const who = isState ? "" : processWord(input);
  const user = isState ? "" : userWord(input);
  const what = clean(isState ? stateWord(input) : subject(input));
  const head = [time, word, title, who, user].filter((part) => part !== "");
  const plain = [...head, what].filter((part) => part !== "").join("  ");
  const tooWide = options.width > 0 && Bun.stringWidth(plain) > options.width;
  const used = Bun.stringWidth(head.join("  ")) + 2;
  const room = options.width - used;
  // The last part gives way first; a terminal narrower than the rest cuts the whole line.
  if (tooWide && room < 8) return fitWidth(plain, options.width);
  const end = tooWide ? fitWidth(what, room) : what;
  return [
    paint(dim, time),
    level === undefined ? paint(dim, word) : paint(levelColors[level] ?? "", word),
    paint(bold, title),
    paint("\x1b[36m", who),
    user,
    paint(dim, end),
  ]
    .filter((part) => part !== "")
    .join("  ");
}

function clean(text: string): string {
  return printable(shorten(text, partLengthMax));
}

function processWord({ process, event }: EventInput): string {
  const image = event.fields.Image ?? "";
  const name = process?.name ?? splitPath(process?.executable ?? image).name ?? "";
  const pid = process?.pid ?? event.fields.ProcessId ?? "";
  if (name === "" && pid === "") return "";
  return clean(pid === "" ? shorten(name, 64) : `${shorten(name, 64)}[${pid}]`);
}

function userWord({ process, event }: EventInput): string {
  const { user } = process ?? {};
  const name = user?.name ?? (user === undefined ? userDoc(event.fields.User, new Shaper()).name : user.id);
  return name === undefined ? "" : clean(shorten(name, 64));
}

/** What the event was done to. */
function subject({ process, event }: EventInput): string {
  const { fields, kind } = event;
  const to = fields.DestinationHostname || fields.DestinationIp;
  switch (kind) {
    case "network_connect":
      return `→ ${to ?? ""}:${fields.DestinationPort ?? ""}`;
    case "network_accept":
      return `← ${fields.SourceIp ?? ""}:${fields.SourcePort ?? ""}`;
    case "dns_query":
      return `? ${fields.QueryName ?? ""}`;
    case "image_load":
    case "driver_load":
      return fields.ImageLoaded ?? "";
    case "registry_change":
      return [fields.TargetObject, fields.Details].filter((part) => part !== undefined).join(" = ");
    case "file_create":
    case "file_delete":
    case "file_rename":
    case "file_change":
      return fields.TargetFilename ?? "";
  }
  return process?.commandLine ?? fields.CommandLine ?? fields.TargetFilename ?? "";
}

function stateWord(input: StateInput): string {
  return Object.entries(input.values)
    .filter(([, value]) => typeof value !== "object")
    .slice(0, 16)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** `text` cut to `columns` terminal columns, the last being `…`. */
function fitWidth(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let width = 1;
  let end = 0;
  for (const { segment, index } of new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)) {
    width += Bun.stringWidth(segment);
    if (width > columns) break;
    end = index + segment.length;
  }
  return columns <= 0 ? "" : `${text.slice(0, end)}…`;
}
