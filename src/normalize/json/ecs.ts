// ECS to Sysmon's names: for records of Elastic's agents (Linux, macOS, and Windows when winlogbeat's Sysmon module moved the
// original fields). Fills only what is absent; what the record calls by Sysmon's name stays as it is.

import { findSource, type SourceId, sourceId } from "../../event/mod.ts";
import { type Fields, own } from "./recorded-event.ts";

const object = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

/** The value at a dotted path of a nested record. */
export function at(record: Fields, ...path: readonly string[]): Fields[string] {
  let value: Fields[string] = record;
  for (const part of path) {
    const here = object(value);
    if (here === undefined) return undefined;
    value = own(here, part);
  }
  return value;
}

/** Field, and where ECS keeps it. The first path that has a value wins. */
const paths: readonly (readonly [field: string, ...paths: readonly string[]])[] = [
  ["Image", "process.executable"],
  ["CommandLine", "process.command_line"],
  ["CurrentDirectory", "process.working_directory"],
  ["ProcessId", "process.pid"],
  ["ProcessGuid", "process.entity_id"],
  ["ParentImage", "process.parent.executable"],
  ["ParentCommandLine", "process.parent.command_line"],
  ["ParentProcessId", "process.parent.pid", "process.ppid"],
  ["ParentProcessGuid", "process.parent.entity_id"],
  ["OriginalFileName", "process.pe.original_file_name", "dll.pe.original_file_name", "file.pe.original_file_name"],
  ["FileVersion", "process.pe.file_version", "dll.pe.file_version"],
  ["Description", "process.pe.description", "dll.pe.description"],
  ["Product", "process.pe.product", "dll.pe.product"],
  ["Company", "process.pe.company", "dll.pe.company"],
  ["IntegrityLevel", "process.Ext.token.integrity_level_name", "winlog.event_data.IntegrityLevel"],
  ["TargetFilename", "file.path"],
  ["SourceFilename", "file.Ext.original.path"],
  ["TargetObject", "registry.path"],
  ["Details", "registry.data.strings"],
  ["ImageLoaded", "dll.path", "driver.path"],
  ["QueryName", "dns.question.name"],
  ["QueryResults", "dns.resolved_ip"],
  ["SourceIp", "source.ip"],
  ["SourcePort", "source.port"],
  ["SourceHostname", "source.domain"],
  ["DestinationIp", "destination.ip"],
  ["DestinationPort", "destination.port"],
  ["DestinationHostname", "destination.domain"],
  ["Protocol", "network.transport"],
  ["RuleName", "rule.name"],
  ["ScriptBlockText", "powershell.file.script_block_text"],
  ["ScriptBlockId", "powershell.file.script_block_id"],
];
const split = paths.map(([field, ...all]) => [field, all.map((path) => path.split("."))] as const);

/** Adds Sysmon's names to `fields` from the ECS fields of `record`. */
export function addEcs(record: Fields, fields: Fields): void {
  for (const [field, candidates] of split) {
    if (own(fields, field) !== undefined) continue;
    for (const path of candidates) {
      const value = at(record, ...path);
      if (value === undefined || value === null) continue;
      fields[field] = Array.isArray(value) && value.length === 1 ? value[0] : value;
      break;
    }
  }
  addCommandLine(fields, "CommandLine", at(record, "process", "args"));
  addCommandLine(fields, "ParentCommandLine", at(record, "process", "parent", "args"));
  if (own(fields, "Image") === undefined) {
    const name = at(record, "process", "name");
    if (typeof name === "string" && name !== "") fields.Image = name;
  }
  const user = userName(object(at(record, "user")) ?? object(at(record, "process", "user")));
  if (own(fields, "User") === undefined && user !== undefined) fields.User = user;
  const parentUser = userName(object(at(record, "process", "parent", "user")));
  if (own(fields, "ParentUser") === undefined && parentUser !== undefined) fields.ParentUser = parentUser;
  const hashes = hashText(
    object(at(record, "process", "hash")) ?? object(at(record, "dll", "hash")) ?? object(at(record, "file", "hash")),
    at(record, "process", "pe", "imphash"),
  );
  if (own(fields, "Hashes") === undefined && hashes !== "") fields.Hashes = hashes;
  const direction = at(record, "network", "direction");
  if (own(fields, "Initiated") === undefined && typeof direction === "string") {
    fields.Initiated = direction === "egress" || direction === "outbound" ? "true" : "false";
  }
}

function addCommandLine(fields: Fields, name: string, args: unknown): void {
  if (own(fields, name) !== undefined || !Array.isArray(args) || args.length === 0) return;
  fields[name] = args.filter((arg) => typeof arg === "string" || typeof arg === "number").join(" ");
}

function userName(user: Fields | undefined): string | undefined {
  if (user === undefined) return undefined;
  const name = own(user, "name");
  if (typeof name !== "string") return undefined;
  const domain = own(user, "domain");
  return typeof domain === "string" && domain !== "" ? `${domain}\\${name}` : name;
}

function hashText(hash: Fields | undefined, imphash: unknown): string {
  const parts: string[] = [];
  for (const kind of ["md5", "sha1", "sha256"]) {
    const value = hash === undefined ? undefined : own(hash, kind);
    if (typeof value === "string" && value !== "") parts.push(`${kind.toUpperCase()}=${value}`);
  }
  if (typeof imphash === "string" && imphash !== "") parts.push(`IMPHASH=${imphash}`);
  return parts.join(",");
}

const words = (value: unknown): readonly string[] =>
  typeof value === "string"
    ? [value]
    : Array.isArray(value)
      ? value.filter((item): item is string => typeof item === "string")
      : [];

/** `event.category` (or dataset's last word), then which type or action, to the name of a source below the product. */
const classes: readonly (readonly [category: string, types: readonly string[], name: string])[] = [
  ["dns", ["*"], "dns_query"],
  ["process", ["end", "exit", "process_stopped"], "process_termination"],
  ["process", ["start", "exec", "process_started", "executed"], "process_creation"],
  ["process", ["access"], "process_access"],
  ["file", ["creation", "create", "created"], "file_event"],
  ["file", ["deletion", "delete", "deleted"], "file_delete"],
  ["file", ["rename", "moved"], "file_rename"],
  ["file", ["change", "modification", "overwrite", "updated"], "file_change"],
  ["file", ["access", "open"], "file_access"],
  ["registry", ["creation"], "registry_add"],
  ["registry", ["deletion"], "registry_delete"],
  ["registry", ["*"], "registry_set"],
  ["library", ["*"], "image_load"],
  ["driver", ["*"], "driver_load"],
  ["network", ["connection", "start", "connection_attempted", "connection_accepted", "allowed"], "network_connection"],
];

/** The source that an ECS record's own categories name, or `undefined`. `product` may be empty. */
export function ecsSource(record: Fields, product: string): SourceId | undefined {
  const categories = words(at(record, "event", "category"));
  const types = new Set([...words(at(record, "event", "type")), ...words(at(record, "event", "action"))]);
  const actions = words(at(record, "event", "action"));
  // A fork runs the same program with the same arguments: no process was created in Sysmon's sense.
  if (actions.length === 1 && actions[0] === "fork") return sourceId(product === "" ? "other" : `${product}/other`);
  const dns = at(record, "dns", "question", "name") !== undefined || at(record, "network", "protocol") === "dns";
  for (const [category, wanted, name] of classes) {
    if (category === "dns" ? !dns : !categories.includes(category)) continue;
    if (wanted[0] !== "*" && !wanted.some((type) => types.has(type))) continue;
    const found = findSource(`${product === "" ? "any" : product}/${name}`) ?? findSource(`${product}/other`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `windows`, `linux`, `macos`, or empty. */
export function ecsProduct(record: Fields): string {
  for (const path of [
    ["host", "os", "type"],
    ["host", "os", "family"],
    ["host", "os", "platform"],
    ["agent", "os"],
  ]) {
    const value = at(record, ...path);
    if (typeof value !== "string") continue;
    const word = value.toLowerCase();
    if (word === "windows" || word === "linux" || word === "macos") return word;
    if (word === "darwin") return "macos";
    if (linuxFamilies.has(word)) return "linux";
  }
  return "";
}
const linuxFamilies: ReadonlySet<string> = new Set(
  "debian ubuntu redhat rhel centos fedora suse opensuse sles arch alpine amazon amzn gentoo oracle".split(" "),
);
