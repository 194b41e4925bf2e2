// Which event source a flat record belongs to: by channel and event id, by provider, by ECS category, by the words of a log
// source in the record itself, and at last by the fields that it has.

import { categorySource, channelSource, findSource, type SourceId, sourceId, sysmonSource } from "../../event/mod.ts";
import { ecsSource } from "./ecs.ts";
import { type Fields, own } from "./recorded-event.ts";
import { type Flat, object } from "./shapes.ts";

/** Providers whose records are told by the provider alone, and the channel they write to. */
const providerChannels: Readonly<Record<string, string>> = {
  "microsoft-windows-sysmon": "Microsoft-Windows-Sysmon/Operational",
  "microsoft-windows-security-auditing": "Security",
  "microsoft-windows-powershell": "Microsoft-Windows-PowerShell/Operational",
  powershellcore: "PowerShellCore/Operational",
  powershell: "Windows PowerShell",
  "service control manager": "System",
  "microsoft-windows-windows defender": "Microsoft-Windows-Windows Defender/Operational",
  "microsoft-windows-taskscheduler": "Microsoft-Windows-TaskScheduler/Operational",
  "microsoft-windows-wmi-activity": "Microsoft-Windows-WMI-Activity/Operational",
  "microsoft-windows-bits-client": "Microsoft-Windows-Bits-Client/Operational",
  "microsoft-windows-dns-client": "Microsoft-Windows-DNS Client Events/Operational",
};

const other = sourceId("other");
const linuxSyslog = sourceId("linux/syslog");

/** Never fails: what nothing describes is the source `other`. O(1). */
export function classify(flat: Flat): SourceId {
  const { fields, channel, eventId } = flat;
  if (channel !== "") {
    if (/^linux-sysmon/i.test(channel)) return sysmonSource("linux", eventId);
    return channelSource(channel, eventId, own(fields, "EventType"));
  }
  const provider = flat.provider.toLowerCase();
  if (provider !== "") {
    if (provider === "linux-sysmon") return sysmonSource("linux", eventId);
    const known = providerChannels[provider];
    if (known !== undefined) return channelSource(known, eventId, own(fields, "EventType"));
  }
  const words = fromWords(flat.raw);
  if (words !== undefined) return words;
  if (flat.shape === "ecs") {
    const found = ecsSource(flat.raw, flat.product || productOf(fields)) ?? fromModule(flat.raw, flat.provider);
    if (found !== undefined) return found;
  }
  if (Number.isInteger(eventId)) {
    const found = fromEventId(flat, eventId);
    if (found !== undefined) return found;
  }
  return (
    fromFields(fields, flat.product) ??
    fromModule(flat.raw, flat.provider) ??
    productOther(flat.product) ??
    productOther(word(object(own(flat.raw, "logsource")) ?? flat.raw, "product")) ??
    other
  );
}

const productOther = (product: string): SourceId | undefined =>
  product === "" ? undefined : findSource(`${product}/other`);

/** `logsource: {product, category, service}` in the record, or the three words beside the fields. */
function fromWords(raw: Fields): SourceId | undefined {
  const inner = object(own(raw, "logsource"));
  const from = inner ?? raw;
  const [product, category, service] = [word(from, "product"), word(from, "category"), word(from, "service")];
  if (category === "" && service === "") return undefined;
  if (product === "" && inner === undefined)
    return category === "" ? undefined : (findSource(`any/${category}`) ?? findSource(`generic/${category}`));
  for (const parts of [
    [product, category, service],
    [product, category],
    [product, service],
  ]) {
    const found = findSource(parts.filter((part) => part !== "").join("/"));
    if (found !== undefined && parts.every((part) => part !== "" || parts.length === 3)) return found;
  }
  const ofCategory = product === "" || category === "" ? undefined : categorySource(product, category);
  if (ofCategory !== undefined) return ofCategory;
  for (const parts of [
    ["any", category],
    ["generic", category, service],
    ["generic", category],
    ["generic", service],
  ]) {
    const found = findSource(parts.filter((part) => part !== "").join("/"));
    if (found !== undefined && parts.every((part) => part !== "" || parts.length === 3)) return found;
  }
  return undefined;
}

function word(from: Fields, name: string): string {
  const value = own(from, name);
  return typeof value === "string" && value.length <= 64 ? value.toLowerCase() : "";
}

/** Event ids that fields of their own confirm. */
const securityIds = (id: number): boolean => (id >= 4608 && id <= 6424) || id === 1102;

function fromEventId(flat: Flat, id: number): SourceId | undefined {
  const { fields } = flat;
  const has = (name: string): boolean => own(fields, name) !== undefined;
  if (id === 4104 && has("ScriptBlockText")) return channelSource("Microsoft-Windows-PowerShell/Operational", id);
  if (id === 4103 && (has("Payload") || has("ContextInfo")))
    return channelSource("Microsoft-Windows-PowerShell/Operational", id);
  if (id === 7045 && has("ImagePath")) return channelSource("System", id);
  if (
    securityIds(id) &&
    (has("SubjectUserName") || has("SubjectUserSid") || has("TargetUserName") || has("NewProcessName"))
  ) {
    return channelSource("Security", id);
  }
  if ((id >= 1 && id <= 29) || id === 255) {
    const sysmon =
      has("Image") ||
      has("UtcTime") ||
      has("ProcessGuid") ||
      has("SourceImage") ||
      has("TargetObject") ||
      has("PipeName") ||
      has("ImageLoaded");
    if (!sysmon && !has("CommandLine") && !has("TargetFilename") && !has("QueryName")) return undefined;
    const product = flat.product || productOf(fields);
    if (product === "linux") return sysmonSource("linux", id);
    if (product === "windows") return sysmonSource("windows", id, own(fields, "EventType"));
    return sysmonSource("any", id);
  }
  return undefined;
}

/** What a record without an id is, by the field that only one category has. */
const telling: readonly (readonly [field: string, name: string])[] = [
  ["ScriptBlockText", "windows/powershell/4104"],
  ["PipeName", "pipe_created"],
  ["ImageLoaded", "image_load"],
  ["TargetObject", "registry_set"],
  ["QueryName", "dns_query"],
  ["DestinationIp", "network_connection"],
  ["TargetFilename", "file_event"],
  ["GrantedAccess", "process_access"],
  ["CommandLine", "process_creation"],
];

function fromFields(fields: Fields, hint: string): SourceId | undefined {
  for (const [field, name] of telling) {
    if (own(fields, field) === undefined) continue;
    const product = name.includes("/") ? "" : hint || productOf(fields) || "any";
    const found = findSource(product === "" ? name : `${product}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** By the look of a path: `C:\…` is Windows, `/…` is not. */
function productOf(fields: Fields): string {
  for (const name of ["Image", "TargetFilename", "ParentImage", "CurrentDirectory", "ImageLoaded", "SourceImage"]) {
    const path = own(fields, name);
    if (typeof path !== "string" || path === "") continue;
    if (/^(?:[A-Za-z]:\\|\\\\|\\Device\\|\\SystemRoot\\|%)/i.test(path)) return "windows";
    if (path.startsWith("/")) return /^\/(?:Applications|Library|System|Users)\//.test(path) ? "macos" : "linux";
  }
  return own(fields, "TargetObject") === undefined ? "" : "windows";
}

/** Log shippers' own names: `event.dataset`, Zeek's `_path`, the program of a syslog line. */
function fromModule(raw: Fields, provider: string): SourceId | undefined {
  const path = own(raw, "_path");
  if (typeof path === "string") return findSource(`zeek/${path}`);
  const event = object(own(raw, "event"));
  const dataset = event === undefined ? undefined : own(event, "dataset");
  if (provider === "auditd" || object(own(raw, "auditd")) !== undefined) return findSource("linux/auditd");
  const program = object(own(raw, "process"));
  const name =
    program === undefined
      ? (own(raw, "program") ?? own(raw, "SYSLOG_IDENTIFIER") ?? own(raw, "syslog_program"))
      : own(program, "name");
  if (dataset === "system.auth" || dataset === "system.syslog") {
    const service = typeof name === "string" ? findSource(`linux/${name.toLowerCase()}`) : undefined;
    return service ?? findSource(dataset === "system.auth" ? "linux/auth" : "linux/syslog");
  }
  if (typeof dataset === "string" && dataset.length <= 64) return findSource(dataset.replace(".", "/"));
  if (program === undefined && typeof name === "string")
    return findSource(`linux/${name.toLowerCase()}`) ?? linuxSyslog;
  return undefined;
}
