// The types that a flag or an operand may have.

import {
  alertFormats,
  formatDurationMs,
  levels,
  logLevels,
  parseDurationMs,
  parseSizeBytes,
} from "../control/config/mod.ts";
import { nearest, shorten } from "../std/mod.ts";
import { type ArgumentType, BadValue } from "./spec.ts";

function oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): ArgumentType<Choice> {
  return {
    name,
    choices,
    complete: "nothing",
    parse(text) {
      const found = choices.find((choice) => choice === text);
      if (found !== undefined) return found;
      const near = nearest(text, choices);
      const hint = near === undefined ? "" : `did you mean '${near}'?`;
      return new BadValue(`'${shorten(text, 60)}' is none of ${choices.join(", ")}`, hint);
    },
  };
}

function pathNamed(name: string, allowsDash: boolean): ArgumentType<string> {
  return {
    name,
    complete: "path",
    parse(text) {
      if (text === "") return new BadValue("a path must not be empty");
      if (text === "-" && !allowsDash) return new BadValue("'-' has no meaning here");
      return text;
    },
  };
}

export const level = oneOf("LEVEL", levels);
export const logLevel = oneOf("LEVEL", logLevels);
export const alertFormat = oneOf(
  "FORMAT",
  alertFormats.filter((one) => one !== "auto"),
);
export const replayInput = oneOf("KIND", ["auto", "ndjson", "json", "evtx", "auditd", "syslog", "capture"]);
export const shell = oneOf("SHELL", ["bash", "zsh", "fish", "powershell"]);
export const platform = oneOf("PLATFORM", ["linux", "windows"]);

export const file = pathNamed("FILE", false);
export const fileOrStdout = pathNamed("FILE", true);
export const path = pathNamed("PATH", false);
export const pathOrStdin = pathNamed("PATH", true);

/** Longest `--duration`: timers of the runtime hold 2³¹ ms. */
const durationMaxMs = 2 ** 31 - 1;

export const duration: ArgumentType<number> = {
  name: "DURATION",
  complete: "nothing",
  parse(text) {
    const ms = parseDurationMs(text);
    if (ms === undefined) return new BadValue(`'${shorten(text, 60)}' is not a duration`, "write 30s, 5m or 1h30m");
    if (ms < 1 || ms > durationMaxMs) {
      return new BadValue(`${shorten(text, 60)} is out of range`, `from 1ms to ${formatDurationMs(durationMaxMs)}`);
    }
    return ms;
  },
};

/** Smallest size that holds anything. */
const sizeMinBytes = 8 * 1024 * 1024;

export const size: ArgumentType<number> = {
  name: "SIZE",
  complete: "nothing",
  parse(text) {
    const bytes = parseSizeBytes(text);
    if (bytes === undefined) return new BadValue(`'${shorten(text, 60)}' is not a size`, "write 64MiB or 2GiB");
    return bytes >= sizeMinBytes ? bytes : new BadValue(`${shorten(text, 60)} is too small`, "8MiB or more");
  },
};

const timePattern = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Milliseconds since 1970; without a zone the time is UTC, so that it means the same on every machine. */
export const time: ArgumentType<number> = {
  name: "TIME",
  complete: "nothing",
  parse(text) {
    const match = timePattern.exec(text);
    const [, day, clock = "00:00:00", zone = "Z"] = match ?? [];
    const ms = match === null ? Number.NaN : Date.parse(`${day}T${clock}${zone}`);
    // Date.parse takes 31 February for 3 March; going back shows it.
    const isReal = !Number.isNaN(ms) && new Date(Date.parse(`${day}T00:00:00Z`)).toISOString().startsWith(day!);
    if (isReal) return ms;
    return new BadValue(`'${shorten(text, 60)}' is not a time`, "write 2026-11-22 or 2026-11-22T08:30:00Z (UTC)");
  },
};

/** Most things that a person asks to see one by one. */
/** Largest pid that Linux gives (PID_MAX_LIMIT). */
const pidMax = 2 ** 22;

export const pid: ArgumentType<number> = {
  name: "PID",
  complete: "nothing",
  parse(text) {
    const value = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= pidMax) return value;
    return new BadValue(`'${shorten(text, 60)}' is not the number of a process`);
  },
};

const countMax = 1000;

export const count: ArgumentType<number> = {
  name: "N",
  complete: "nothing",
  parse(text) {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= countMax) return value;
    return new BadValue(`'${shorten(text, 60)}' is not a number from 1 to ${countMax}`);
  },
};

/** A rule: by id, title, file name, or path. */
export const rule: ArgumentType<string> = {
  name: "RULE",
  complete: "path",
  parse: (text) => (text === "" ? new BadValue("a rule must not be empty") : text),
};

/** Words of a command, for `help`. */
export const commandWord: ArgumentType<string> = { name: "COMMAND", complete: "command", parse: (text) => text };
