// Records of Windows' own logs that describe what Sysmon also describes: their fields under Sysmon's names too, so that a
// rule for process_creation sees Security 4688. The original names stay, for rules with `service: security`.

import type { SourceId } from "../../event/mod.ts";
import { sourceId } from "../../event/mod.ts";
import { type Fields, own } from "./recorded-event.ts";

const renames: Readonly<Record<string, readonly (readonly [to: string, from: string])[]>> = {
  "windows/security/4688": [
    ["Image", "NewProcessName"],
    ["ParentImage", "ParentProcessName"],
    ["LogonId", "SubjectLogonId"],
  ],
  "windows/security/4689": [
    ["Image", "ProcessName"],
    ["LogonId", "SubjectLogonId"],
  ],
  "windows/security/4657": [
    ["Image", "ProcessName"],
    ["Details", "NewValue"],
  ],
  "windows/security/5156": [
    ["Image", "Application"],
    ["SourceIp", "SourceAddress"],
    ["DestinationIp", "DestAddress"],
    ["DestinationPort", "DestPort"],
  ],
  "windows/windefend/antivirus": [
    ["Signature", "ThreatName"],
    ["Filename", "Path"],
  ],
};

const bySource: ReadonlyMap<
  SourceId,
  { readonly name: string; readonly pairs: readonly (readonly [string, string])[] }
> = new Map(Object.entries(renames).map(([name, pairs]) => [sourceId(name), { name, pairs }]));
const classicPowerShell: ReadonlySet<SourceId> = new Set(
  ["", "/400", "/600", "/800"].map((suffix) => sourceId(`windows/powershell-classic${suffix}`)),
);

/** Well-known integrity level SIDs (Windows SDK, winnt.h: SECURITY_MANDATORY_*_RID). */
const integrity: Readonly<Record<string, string>> = {
  "S-1-16-0": "Untrusted",
  "S-1-16-4096": "Low",
  "S-1-16-8192": "Medium",
  "S-1-16-8448": "MediumPlus",
  "S-1-16-12288": "High",
  "S-1-16-16384": "System",
  "S-1-16-20480": "ProtectedProcess",
};

/** Adds Sysmon's names where a record of a Windows log has the same fact under another; never overwrites. */
export function addBuiltin(source: SourceId, fields: Fields): void {
  if (classicPowerShell.has(source)) {
    // The text of these records is their unnamed data; exports that keep only the message lose nothing.
    if (own(fields, "Data") === undefined && typeof own(fields, "Message") === "string") fields.Data = fields.Message;
    return;
  }
  const known = bySource.get(source);
  if (known === undefined) return;
  for (const [to, from] of known.pairs) add(fields, to, own(fields, from));
  switch (known.name) {
    case "windows/security/4688":
      add(fields, "User", account(fields, "Target") ?? account(fields, "Subject"));
      add(fields, "IntegrityLevel", integrity[String(own(fields, "MandatoryLabel"))]);
      add(fields, "ParentProcessId", own(fields, "ProcessId"));
      break;
    case "windows/security/4689":
      add(fields, "User", account(fields, "Subject"));
      break;
    case "windows/security/4657":
      add(fields, "User", account(fields, "Subject"));
      add(fields, "TargetObject", registryPath(own(fields, "ObjectName"), own(fields, "ObjectValueName")));
      break;
    case "windows/security/5156": {
      const direction = own(fields, "Direction");
      // %%14593 is the message table's "Outbound", %%14592 "Inbound".
      if (direction === "%%14593" || direction === "Outbound") add(fields, "Initiated", "true");
      if (direction === "%%14592" || direction === "Inbound") add(fields, "Initiated", "false");
      break;
    }
  }
}

function add(fields: Fields, name: string, value: Fields[string]): void {
  if (value !== undefined && own(fields, name) === undefined) fields[name] = value;
}

function account(fields: Fields, prefix: string): string | undefined {
  const name = own(fields, `${prefix}UserName`);
  if (typeof name !== "string" || name === "-" || name === "") return undefined;
  const domain = own(fields, `${prefix}DomainName`);
  return typeof domain === "string" && domain !== "-" && domain !== "" ? `${domain}\\${name}` : name;
}

function registryPath(key: unknown, value: unknown): string | undefined {
  if (typeof key !== "string") return undefined;
  const path = key.replace(/^\\REGISTRY\\MACHINE/i, "HKLM").replace(/^\\REGISTRY\\USER/i, "HKU");
  return typeof value === "string" && value !== "" && value !== "-" ? `${path}\\${value}` : path;
}
