// The fields inside the messages of programs that rules ask about: sudo's own list, the account of useradd, who came to sshd. A
// message that looks otherwise has no such fields; keywords search it all the same.

import type { Fields } from "../json/mod.ts";

/** ` ; NAME=value` of sudo(8), in its order. A command is the rest of the line. */
const sudoNames: ReadonlySet<string> = new Set(
  "HOST TTY CHROOT PWD CWD USER GROUP TSID ENV EXIT SIGNAL COMMAND".split(" "),
);

/** More parts than sudo has names for. */
const sudoPartsMax = 32;

/** sshd's lines about a login, and what stands in them. */
const sshd: readonly (readonly [pattern: RegExp, outcome: string])[] = [
  [/^Accepted (\S{1,64}) for (\S{1,256}) from (\S{1,255}) port (\d{1,5})\b/, "success"],
  [/^Failed (\S{1,64}) for (?:invalid user |illegal user )?(\S{0,256}) from (\S{1,255}) port (\d{1,5})\b/, "failure"],
  [/^(Invalid user) (\S{0,256}) from (\S{1,255})(?: port (\d{1,5}))?\b/, "failure"],
];

/** `new user: name=x, UID=1000, …` and `new group: name=x, GID=1000` of the shadow suite. */
const account = /^(new (?:user|group)|add|delete) ?:? /;

const put = (fields: Fields, name: string, value: string | undefined): void => {
  if (value !== undefined && value !== "") fields[name] = value;
};

/** Adds to `fields` what the message of a program says. Linear in the message. */
export function addMessageFields(fields: Fields, program: string, message: string): void {
  switch (program.toLowerCase()) {
    case "sudo":
      addSudo(fields, message);
      break;
    case "sshd":
    case "sshd-session":
    case "sshd-auth":
      addSshd(fields, message);
      break;
    case "useradd":
    case "groupadd":
    case "usermod":
    case "newusers":
    case "adduser":
      if (account.test(message)) addPairs(fields, message.slice(message.indexOf(":") + 1));
      break;
    case "systemd":
      addUnit(fields, message);
      break;
    default:
  }
}

/** `alice : a problem ; TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/ls`. */
function addSudo(fields: Fields, message: string): void {
  const begin = /^\s*(\S{1,256}) : /.exec(message);
  if (begin === null) return;
  fields.user = begin[1];
  let at = begin[0].length;
  // Each look ahead may go to the end of the line: a line of nothing but separators must not cost its length squared.
  for (let i = 0; i < sudoPartsMax && at < message.length; i++) {
    const equals = message.indexOf("=", at);
    const next = message.indexOf(" ; ", at);
    if (next !== -1 && (equals === -1 || next < equals)) {
      put(fields, "reason", message.slice(at, next));
      at = next + 3;
      continue;
    }
    const name = equals === -1 ? "" : message.slice(at, equals);
    if (!sudoNames.has(name)) {
      if (next === -1) return;
      at = next + 3;
      continue;
    }
    // The command may hold anything, also ` ; USER=`.
    const end = name === "COMMAND" || next === -1 ? message.length : next;
    put(fields, name, message.slice(equals + 1, end));
    at = end + 3;
  }
}

function addSshd(fields: Fields, message: string): void {
  for (const [pattern, outcome] of sshd) {
    const found = pattern.exec(message);
    if (found === null) continue;
    const [, method, user, address, port] = found;
    if (method !== "Invalid user") put(fields, "auth_method", method);
    put(fields, "user", user);
    put(fields, "src_ip", address);
    put(fields, "src_port", port);
    fields.outcome = outcome;
    return;
  }
}

/** `name=x, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/1`. */
function addPairs(fields: Fields, text: string): void {
  for (const part of text.split(", ", 16)) {
    const pair = /^\s*(name|UID|GID|home|shell|from)=(.*)$/.exec(part);
    if (pair !== null) put(fields, pair[1] as string, pair[2]);
  }
}

/** `Stopped ufw.service - Uncomplicated firewall.`: the unit's name, where systemd writes it (250 and later). */
function addUnit(fields: Fields, message: string): void {
  const found =
    /^(Started|Stopped|Starting|Stopping|Reloading|Reloaded|Failed to start) ([^\s/]{1,255}\.[a-z]{3,10})\b/.exec(
      message,
    );
  if (found === null) return;
  put(fields, "unit", found[2]);
  put(fields, "action", (found[1] as string).toLowerCase());
}
