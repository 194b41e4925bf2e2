// Which `event.category`, `event.type` and `event.action` a document has. Consoles and prebuilt rules filter by exactly these
// words, so they follow ECS's list of pairs and the words that Elastic's own agent uses.

import type { Hit } from "../detect/mod.ts";
import { type EventKind, eventKinds } from "../event/mod.ts";
import type { Fields } from "./event-fields.ts";

export interface Categories {
  readonly category: readonly string[];
  readonly type: readonly string[];
  readonly action: string | undefined;
}

/** The event's own words. `isWindows` because Elastic calls a start `start` there and `exec` on Linux. */
export function eventCategories(kind: EventKind, fields: Fields, isWindows: boolean): Categories {
  const own = eventKinds[kind] ?? eventKinds.other;
  let type: readonly string[] = own.type;
  let action: string | undefined = own.action === "" ? undefined : own.action;
  if (kind === "process_start" && isWindows) action = "start";
  if (
    kind === "dns_query" &&
    (/[^\s;-]/.test(field(fields, "QueryResults")) || field(fields, "EventType") === "answer")
  )
    action = "lookup_result";
  // The other side began: Sysmon's event 3 is both.
  if (kind === "network_connect" && field(fields, "Initiated") === "false") action = eventKinds.network_accept.action;
  // A line of sshd about a login.
  if (kind === "other" && field(fields, "outcome") !== "" && /^sshd(?:-|$)/.test(field(fields, "program")))
    return { category: ["authentication"], type: ["start"], action: "ssh_login" };
  if (kind === "registry_change") {
    // Sysmon 12 tells by `EventType` whether a key came or went; 13 sets a value, 14 renames.
    const verb = /^(Create|Delete|Rename)/.exec(field(fields, "EventType"))?.[1];
    if (verb === "Create") [type, action] = [["creation"], "creation"];
    else if (verb === "Delete") [type, action] = [["deletion"], "deletion"];
    else if (verb === "Rename") action = "rename";
  }
  return { category: own.category, type, action };
}

/**
 * The words of an alert: a rule hit adds `intrusion_detection` and `info` to the event's own; what was found in a file's
 * content or by its hash is `malware` in a file or a process.
 */
export function alertCategories(hit: Hit, kind: EventKind, own: Categories): Categories {
  if (
    hit.engine === "yara" ||
    (hit.engine === "ioc" && hit.matches.some(({ field }) => /hash|md5|sha\d|imphash/i.test(field)))
  ) {
    const place = kind.startsWith("process_") ? "process" : "file";
    return { category: ["malware", place], type: ["info"], action: own.action };
  }
  const type = own.type.includes("info") ? own.type : [...own.type, "info"];
  return { category: [...own.category, "intrusion_detection"], type, action: own.action };
}

function field(fields: Fields, name: string): string {
  return Object.hasOwn(fields, name) ? (fields[name] ?? "") : "";
}
