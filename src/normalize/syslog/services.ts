// Which log source a line belongs to: by the program that wrote it, by the facility, and by the file it stands in. Sigma's names:
// `sshd`, `sudo`, `cron` and the like; `auth` is what goes to auth.log or secure, `syslog` is all else.

import { type SourceId, sourceId } from "../../event/mod.ts";

const services: Readonly<Record<string, string>> = {
  sshd: "sshd",
  "sshd-session": "sshd",
  "sshd-auth": "sshd",
  sudo: "sudo",
  su: "su",
  cron: "cron",
  crond: "cron",
  crontab: "cron",
  anacron: "cron",
  atd: "cron",
  clamd: "clamav",
  clamav: "clamav",
  "clamav-daemon": "clamav",
  clamscan: "clamav",
  clamdscan: "clamav",
  clamonacc: "clamav",
  "clamav-milter": "clamav",
  freshclam: "clamav",
  vsftpd: "vsftpd",
  guacd: "guacamole",
  guacamole: "guacamole",
};

/** Programs that log as auth or authpriv: told so where only their name is known. */
const authPrograms: ReadonlySet<string> = new Set(
  (
    "login useradd userdel usermod groupadd groupdel groupmod gpasswd passwd chpasswd chage chsh chfn newusers newgrp " +
    "systemd-logind systemd-user polkitd polkit-agent-helper-1 pkexec doas unix_chkpwd gdm-password sssd"
  ).split(" "),
);

/** What the name of a file says of lines that say nothing themselves. */
const files: readonly (readonly [name: RegExp, service: string])[] = [
  [/^(?:auth|secure)\b/i, "auth"],
  [/^(?:cron|crond)\b/i, "cron"],
  [/^vsftpd\b/i, "vsftpd"],
  [/^(?:clam|freshclam)/i, "clamav"],
  [/^(?:guac|catalina)/i, "guacamole"],
];

const ids: ReadonlyMap<string, SourceId> = new Map(
  ["auth", "syslog", ...new Set(Object.values(services))].map((name) => [name, sourceId(`linux/${name}`)]),
);

/** The services that {@link logSource} knows; each is a source `linux/NAME`. */
export const logServices: readonly string[] = [...ids.keys()];

const byFile = (path: string): string | undefined => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return files.find(([pattern]) => pattern.test(name))?.[1];
};

/** The source of a line. `path` is the file that it stands in, empty for the journal. O(1). */
export function logSource(program: string, facility: number | undefined, path: string): SourceId {
  return ids.get(service(program.toLowerCase(), facility, path)) as SourceId;
}

function service(program: string, facility: number | undefined, path: string): string {
  const own = Object.hasOwn(services, program) ? services[program] : undefined;
  if (own !== undefined) return own;
  // auth and authpriv; cron (RFC 5424, table 1).
  if (facility === 4 || facility === 10 || authPrograms.has(program)) return "auth";
  if (facility === 9) return "cron";
  return byFile(path) ?? "syslog";
}
