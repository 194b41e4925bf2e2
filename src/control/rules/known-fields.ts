// Table: the names that fields of an event can have, for the log sources whose events have a fixed shape: those of Sysmon (names by
// Sysmon's manifest, schema 4.90) and what our own sensors add. Tells a misspelt field from one that we only know nothing of.

import type { Finding, LogSource } from "../../detect/sigma/mod.ts";
import { liveFields } from "../../event/mod.ts";
import { nearest } from "../../std/mod.ts";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** In every event that Sysmon writes; and of the record around it, what rules commonly ask for. */
const common = words(`
  RuleName UtcTime EventID EventType Provider_Name Provider Channel Computer Hostname Level Keywords Task Opcode TimeCreated
`);
const actor = words("ProcessGuid ProcessId Image User");
/** One field holds all digests; pipelines of Sigma split it. */
const hashes = words("Hashes Hash md5 sha1 sha256 MD5 SHA1 SHA256 imphash Imphash");
const version = words("FileVersion Description Product Company OriginalFileName");
const signature = words("Signed Signature SignatureStatus");
const registry = words("TargetObject");

/** Category of a rule to the names beyond {@link common}. */
const byCategory: Readonly<Record<string, readonly string[]>> = {
  process_creation: [
    ...actor,
    ...hashes,
    ...version,
    ...words(`
      CommandLine CurrentDirectory LogonGuid LogonId TerminalSessionId IntegrityLevel ParentProcessGuid ParentProcessId ParentImage
      ParentCommandLine ParentUser
    `),
  ],
  process_termination: actor,
  file_change: [...actor, ...words("TargetFilename CreationUtcTime PreviousCreationUtcTime")],
  network_connection: [
    ...actor,
    ...words(`
      Protocol Initiated SourceIsIpv6 SourceIp SourceHostname SourcePort SourcePortName DestinationIsIpv6 DestinationIp DestinationHostname
      DestinationPort DestinationPortName
    `),
  ],
  driver_load: [...hashes, ...signature, "ImageLoaded"],
  image_load: [...actor, ...hashes, ...version, ...signature, "ImageLoaded"],
  create_remote_thread: words(`
    SourceProcessGuid SourceProcessId SourceImage TargetProcessGuid TargetProcessId TargetImage NewThreadId StartAddress StartModule
    StartFunction SourceUser TargetUser
  `),
  raw_access_thread: [...actor, "Device"],
  process_access: words(`
    SourceProcessGUID SourceProcessId SourceThreadId SourceImage TargetProcessGUID TargetProcessId TargetImage GrantedAccess CallTrace
    SourceUser TargetUser
  `),
  file_event: [...actor, ...words("TargetFilename CreationUtcTime")],
  registry_add: [...actor, ...registry],
  registry_delete: [...actor, ...registry],
  registry_set: [...actor, ...registry, "Details"],
  registry_rename: [...actor, ...registry, "NewName"],
  registry_event: [...actor, ...registry, "Details", "NewName"],
  create_stream_hash: [...actor, ...hashes, ...words("TargetFilename CreationUtcTime Contents")],
  pipe_created: [...actor, "PipeName"],
  wmi_event: words("Operation User EventNamespace Name Query Type Destination Consumer Filter"),
  dns_query: [...actor, ...words("QueryName QueryStatus QueryResults")],
  file_delete: [...actor, ...hashes, ...words("TargetFilename IsExecutable Archived")],
  file_delete_detected: [...actor, ...hashes, ...words("TargetFilename IsExecutable")],
  clipboard_capture: [...actor, ...hashes, ...words("Session ClientInfo Archived")],
  process_tampering: [...actor, "Type"],
  file_block_executable: [...actor, ...hashes, "TargetFilename"],
  file_block_shredding: [...actor, ...hashes, ...words("TargetFilename IsExecutable")],
  file_executable_detected: [...actor, ...hashes, "TargetFilename"],
};

const known = new Map<string, ReadonlySet<string>>();

/** Names for a log source, or `undefined` when its events have no shape that we know. */
export function knownFields({ product, category, service }: LogSource): ReadonlySet<string> | undefined {
  if (category === undefined || (service !== undefined && service.toLowerCase() !== "sysmon")) return undefined;
  const os = product?.toLowerCase() ?? "";
  if (os !== "" && os !== "windows" && os !== "linux") return undefined;
  const key = `${os}/${category.toLowerCase()}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const own = Object.hasOwn(byCategory, category.toLowerCase()) ? byCategory[category.toLowerCase()] : undefined;
  if (own === undefined) return undefined;
  const live = Object.entries(liveFields).flatMap(([source, fields]) =>
    source === key || (os === "" && source.endsWith(key)) ? fields.map(({ name }) => name) : [],
  );
  const names = new Set([...common, ...own, ...live]);
  known.set(key, names);
  return names;
}

/** What is wrong with a field's name, or `undefined`. */
export function checkField(logsource: LogSource, field: string): Finding | undefined {
  const names = knownFields(logsource);
  // Dots reach into objects: such a rule is written for somebody's own documents.
  if (names === undefined || names.has(field) || field.includes(".")) return undefined;
  const near = nearest(field, names);
  const source = [logsource.product, logsource.category].filter((part) => part !== undefined).join("/");
  return {
    code: "unknown_field",
    message: `Events of ${source} have no field '${field}'`,
    hint: near === undefined ? "" : `did you mean '${near}'?`,
  };
}
