// One line of a log file to its parts: RFC 5424, RFC 3164 and what rsyslog, syslog-ng, BusyBox and programs with files of their own
// make of it. Every line is somebody else's text: what does not follow a form is a message without a header, never an error.

import { type LogClock, type ReadTime, readTime } from "./time.ts";

/** A line taken apart; what it does not say is empty or absent. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timeMs: number | undefined;
  readonly host: string;
  /** The tag of RFC 3164, the APP-NAME of RFC 5424: `sshd`, `CRON`, `postfix/smtpd`. */
  readonly program: string;
  readonly pid: string;
  /** 0 to 23 (RFC 5424, table 1). */
  readonly facility: number | undefined;
  /** 0 to 7 (RFC 5424, table 2). */
  readonly severity: number | undefined;
  readonly message: string;
}

/** UTF-16 units of a line that are looked at. rsyslog's largest message is 8 KiB by default. */
export const logLineLengthMax = 16_384;

export const facilityNames = (
  "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock " +
  "local0 local1 local2 local3 local4 local5 local6 local7"
).split(" ");
export const severityNames = "emerg alert crit err warning notice info debug".split(" ");

const facilities: ReadonlyMap<string, number> = new Map(facilityNames.map((name, number) => [name, number]));
const severities: ReadonlyMap<string, number> = new Map([
  ...severityNames.map((name, number) => [name, number] as const),
  ["error", 3],
  ["warn", 4],
  ["panic", 0],
]);

/** `<34>`: facility times eight plus severity, 191 at most. */
const priority = /^<(\d{1,3})>/;
/** `sshd[12]: `, `kernel: `, also at the end of a line. */
const tag = /^([^\s:[\]]{1,128})(?:\[(\d{1,10})\])?:(?: |$)/;
/** BusyBox writes facility and severity as words between the host and the tag. */
const words = /^([a-z]{3,8}\d?)\.([a-z]{3,7}) /;
/** VERSION HOSTNAME APP-NAME PROCID MSGID of RFC 5424, 6.2, with its own limits of length. */
const modern = /^(\S{1,255}) (\S{1,128}) (\S{1,128}) (\S{1,32}) /;

/** Takes a line apart. Never throws; linear in its length. The line end is not part of it. */
export function parseLogLine(text: string, clock: LogClock): LogLine {
  let line = text.length > logLineLengthMax ? text.slice(0, logLineLengthMax) : text;
  let facility: number | undefined;
  let severity: number | undefined;
  const found = priority.exec(line);
  if (found !== null && Number(found[1]) <= 191) {
    facility = Number(found[1]) >> 3;
    severity = Number(found[1]) & 7;
    line = line.slice(found[0].length);
    // VERSION is 1, and 2 to 99 are reserved.
    const version = /^[1-9]\d? /.exec(line);
    if (version !== null) return parseModern(line.slice(version[0].length), facility, severity, clock);
  }
  const time = readTime(line, clock);
  const bare = { timeMs: time?.timeMs, host: "", program: "", pid: "", facility, severity };
  if (time === undefined) {
    // Without a time a tag is told from a sentence only by its pid, or by the priority that stood before it.
    const own = tag.exec(line);
    if (own === null || (own[2] === undefined && facility === undefined)) return { ...bare, message: line };
    return { ...bare, program: own[1] ?? "", pid: own[2] ?? "", message: line.slice(own[0].length) };
  }
  const rest = line.slice(time.end);
  // A program that writes its own file (vsftpd, ClamAV, dpkg) names neither host nor itself.
  if (isOwnFile(time)) return { ...bare, message: rest.replace(/^-> /, "") };
  return parseClassic(rest, bare);
}

const isOwnFile = ({ form }: ReadTime): boolean => form === "ctime" || form === "iso-spaced";

/** `host tag: message`, of which host and tag may be missing. */
function parseClassic(rest: string, bare: Omit<LogLine, "message">): LogLine {
  const local = tag.exec(rest);
  if (local !== null) return withTag(local, rest, bare);
  const space = rest.indexOf(" ");
  const host = space === -1 ? "" : rest.slice(0, space);
  if (host === "" || host.length > 255) return { ...bare, message: rest };
  let after = rest.slice(space + 1);
  let { facility, severity } = bare;
  const named = words.exec(after);
  if (named !== null && facilities.has(named[1] ?? "") && severities.has(named[2] ?? "")) {
    facility = facilities.get(named[1] ?? "");
    severity = severities.get(named[2] ?? "");
    after = after.slice(named[0].length);
  }
  const base = { ...bare, host, facility, severity };
  const own = tag.exec(after);
  return own === null ? { ...base, message: after } : withTag(own, after, base);
}

function withTag(found: RegExpExecArray, text: string, base: Omit<LogLine, "message">): LogLine {
  return { ...base, program: found[1] ?? "", pid: found[2] ?? "", message: text.slice(found[0].length) };
}

const present = (text = ""): string => (text === "-" ? "" : text);

/** Behind `<pri>VERSION `: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]. */
function parseModern(text: string, facility: number, severity: number, clock: LogClock): LogLine {
  const noTime = text.startsWith("- ");
  const time = noTime ? undefined : readTime(text, clock);
  const bare = { timeMs: time?.timeMs, host: "", program: "", pid: "", facility, severity };
  if (!noTime && time === undefined) return { ...bare, message: text };
  const rest = text.slice(time?.end ?? 2);
  const header = modern.exec(rest);
  if (header === null) return { ...bare, message: rest };
  const [whole, host, program, pid] = header;
  const data = rest.slice(whole.length);
  const end = endOfStructuredData(data);
  // The BOM says that what follows is UTF-8 (RFC 5424, 6.4); everything here is.
  const message = data
    .slice(end)
    .replace(/^ /, "")
    .replace(/^\ufeff/, "");
  const number = present(pid);
  return {
    ...bare,
    host: present(host),
    program: present(program),
    pid: /^\d{1,10}$/.test(number) ? number : "",
    message,
  };
}

/** `-`, or elements in brackets, in whose quoted values a backslash takes the meaning from `"`, `\` and `]` (RFC 5424, 6.3.3). */
function endOfStructuredData(text: string): number {
  if (text.startsWith("-")) return 1;
  let at = 0;
  while (text.charCodeAt(at) === 91) {
    let isQuoted = false;
    let i = at + 1;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (isQuoted && code === 92) i++;
      else if (code === 34) isQuoted = !isQuoted;
      else if (code === 93 && !isQuoted) break;
    }
    // Not closed: all of it is the message.
    if (i >= text.length) return 0;
    at = i + 1;
  }
  return at;
}
