// Audit records that user programs write (AUDIT_USER_* of linux/audit.h), made from what the same programs write to the system log:
// accounts from the shadow suite, services from systemd.

import { type FieldTable, sourceId } from "../../event/mod.ts";
import { type Fields, own, RecordedEvent } from "../json/mod.ts";

/** Types of records that are made from log lines. */
export const loggedAuditTypes = [
  "ADD_USER",
  "ADD_GROUP",
  "DEL_USER",
  "DEL_GROUP",
  "SERVICE_START",
  "SERVICE_STOP",
] as const;
export type LoggedAuditType = (typeof loggedAuditTypes)[number];

/** Fields of such records. */
export const loggedAuditFields: ReadonlySet<string> = new Set("type op acct id pid uid exe unit comm res".split(" "));

const source = sourceId("linux/auditd");

/** `new user: name=x`, `new group: name=x`, `delete user 'x'`, `removed group 'x' owned by 'y'`. */
const accounts: readonly (readonly [program: RegExp, message: RegExp, type: LoggedAuditType, op: string])[] = [
  [/^(?:useradd|newusers|adduser)$/, /^new user: name=/, "ADD_USER", "adding user"],
  [/^(?:useradd|groupadd|newusers|addgroup)$/, /^new group: name=/, "ADD_GROUP", "adding group"],
  [/^(?:userdel|deluser)$/, /^delete user '([^']{1,256})'/, "DEL_USER", "deleting user"],
  [/^(?:userdel|groupdel|delgroup)$/, /^(?:removed group|group) '([^']{1,256})'/, "DEL_GROUP", "deleting group"],
];

/** systemd's messages about units (sd-messages.h), and how its text begins where there is no journal. */
const services: readonly (readonly [id: string, action: string, type: LoggedAuditType])[] = [
  ["39f53479d3a045ac8e11786248231fbf", "started", "SERVICE_START"],
  ["9d1aaa27d60140bd96365438aad20286", "stopped", "SERVICE_STOP"],
];

/** The audit record that the program behind a log event would have written besides; `undefined` when there is none. O(1). */
export function auditOfLog(event: RecordedEvent, table: FieldTable): RecordedEvent | undefined {
  const { fields } = event;
  const text = (name: string): string => {
    const value = own(fields, name);
    return typeof value === "string" ? value : "";
  };
  const program = text("program");
  const message = text("message");
  const make = (type: LoggedAuditType, more: Fields): RecordedEvent =>
    new RecordedEvent(
      table,
      { type, ...more, res: "success" },
      {
        ...event.origin,
        source,
        timeMs: event.undated ? undefined : event.timeMs,
        raw: fields,
      },
    );
  for (const [by, pattern, type, op] of accounts) {
    const found = by.test(program) ? pattern.exec(message) : null;
    if (found === null) continue;
    const facts: Fields = { op, acct: found[1] ?? text("name") };
    if (text("UID") !== "" && type === "ADD_USER") facts.id = text("UID");
    if (text("pid") !== "") facts.pid = text("pid");
    if (text("exe") !== "") facts.exe = text("exe");
    return make(type, facts);
  }
  if (program !== "systemd") return undefined;
  const unit = text("unit");
  if (!unit.endsWith(".service")) return undefined;
  const id = text("message_id");
  // auditd names a unit without its suffix.
  for (const [messageId, action, type] of services)
    if (id === messageId || (id === "" && text("action") === action))
      return make(type, { unit: unit.slice(0, -".service".length), comm: "systemd", pid: "1", uid: "0" });
  return undefined;
}
