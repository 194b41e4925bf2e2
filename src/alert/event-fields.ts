// From Sysmon-style fields (and those of the Security log that public rules use most) to ECS. It fills what the sensor's own
// context does not say: all of it in replay, files, network, DNS and registry live. Every value is text from outside.

import type { EventKind } from "../event/mod.ts";
import { longTextLengthMax } from "./limits.ts";
import { address, compactDoc, type Doc, parseBoolean, parseInteger, type Shaper, splitPath } from "./shaper.ts";

export type Fields = Readonly<Record<string, string>>;

/** The ECS field sets that an event's fields fill; each absent when nothing fills it. */
export interface FieldSets {
  process?: Doc;
  user?: Doc;
  file?: Doc;
  dll?: Doc;
  registry?: Doc;
  network?: Doc;
  source?: Doc;
  destination?: Doc;
  dns?: Doc;
}

/** ECS names of the fields that sources cut, for `sigil.truncated`; all others are named `sigil.event.FIELD`. */
export const ecsNames: Readonly<Record<string, string>> = {
  CommandLine: "process.command_line",
  CurrentDirectory: "process.working_directory",
  Image: "process.executable",
  ImageLoaded: "dll.path",
  ParentCommandLine: "process.parent.command_line",
  ParentImage: "process.parent.executable",
  QueryName: "dns.question.name",
  TargetFilename: "file.path",
  TargetObject: "registry.path",
  User: "user.name",
};

const fileKinds: ReadonlySet<EventKind> = new Set(["file_create", "file_delete", "file_rename", "file_change"]);

/** What the fields of one event say in ECS. Never throws; unknown fields are skipped. */
export function fieldSets(kind: EventKind, fields: Fields, shaper: Shaper): FieldSets {
  const get = (name: string): string | undefined => present(fields, name);
  const sets: FieldSets = {};
  const put = (name: keyof FieldSets, doc: Doc): void => {
    const full = compactDoc(doc);
    if (full !== undefined) sets[name] = full;
  };
  const hashes = parseHashes(get("Hashes") ?? get("Hash"));
  // A hash belongs to what the event is about: the file of a file event, the image of a load, else the process.
  const isLoad = kind === "image_load" || kind === "driver_load";
  // `name` of an audit record of type PATH, when it is absolute.
  const audited = get("nametype") === undefined ? undefined : get("name");
  const path = get("TargetFilename") ?? (audited?.startsWith("/") === true ? audited : undefined);
  const isFile = fileKinds.has(kind) || path !== undefined;

  put("process", processDoc(get, shaper, isLoad || isFile ? undefined : hashes));
  put(
    "user",
    userDoc(
      get("User") ?? joinAccount(get("SubjectDomainName"), get("SubjectUserName")) ?? logged(get, "user"),
      shaper,
    ),
  );
  if (isFile) put("file", { ...fileDoc(path, "file", shaper), hash: hashes.hash, pe: hashes.pe });
  if (get("ImageLoaded") !== undefined) put("dll", dllDoc(get, shaper, isLoad ? hashes : undefined));
  if (get("TargetObject") !== undefined) put("registry", registryDoc(get, shaper));
  networkDocs(kind, get, shaper, put);
  if (get("QueryName") !== undefined) put("dns", dnsDoc(get, shaper));
  return sets;
}

type Get = (name: string) => string | undefined;

/** A field of a log line, whose names other sources may use for other things. */
const logged = (get: Get, name: string): string | undefined =>
  get("program") === undefined || get("message") === undefined ? undefined : get(name);

/** Sysmon writes `-` for "not known". */
function present(fields: Fields, name: string): string | undefined {
  if (!Object.hasOwn(fields, name)) return undefined;
  const value = fields[name];
  return typeof value !== "string" || value === "" || value === "-" ? undefined : value;
}

function processDoc(get: Get, shaper: Shaper, hashes: Hashes | undefined): Doc {
  // Security 4688: `NewProcess…` is the process and `ProcessId` its creator.
  const created = get("NewProcessName");
  const executable = get("Image") ?? created ?? get("SourceImage") ?? get("ProcessName");
  const pid = created === undefined ? (get("ProcessId") ?? get("SourceProcessId")) : get("NewProcessId");
  const program = logged(get, "program");
  return {
    entity_id: shaper.text(
      get("ProcessGuid") ?? get("SourceProcessGuid") ?? get("SourceProcessGUID"),
      "process.entity_id",
    ),
    pid: parseInteger(pid ?? logged(get, "pid")),
    name: shaper.text(program, "process.name"),
    ...executableDoc(executable, "process", shaper),
    command_line: shaper.text(get("CommandLine"), "process.command_line", longTextLengthMax, "tail"),
    working_directory: shaper.text(get("CurrentDirectory"), "process.working_directory", undefined, "tail"),
    ...(hashes === undefined ? {} : { hash: hashes.hash, pe: { ...hashes.pe, ...peDoc(get, "process", shaper) } }),
    parent: {
      entity_id: shaper.text(get("ParentProcessGuid"), "process.parent.entity_id"),
      pid: parseInteger(get("ParentProcessId") ?? (created === undefined ? undefined : get("ProcessId"))),
      ...executableDoc(get("ParentImage") ?? get("ParentProcessName"), "process.parent", shaper),
      command_line: shaper.text(get("ParentCommandLine"), "process.parent.command_line", longTextLengthMax, "tail"),
      ...(get("ParentUser") === undefined ? {} : { user: { name: userDoc(get("ParentUser"), shaper).name } }),
    },
  };
}

function executableDoc(path: string | undefined, prefix: string, shaper: Shaper): Doc {
  if (path === undefined) return {};
  return {
    name: shaper.text(splitPath(path).name, `${prefix}.name`),
    executable: shaper.text(path, `${prefix}.executable`, undefined, "tail"),
  };
}

/** `DOMAIN\name`, a name alone, or the number of a user without a name. */
export function userDoc(account: string | undefined, shaper: Shaper): { id?: string; name?: string; domain?: string } {
  if (account === undefined) return {};
  if (/^\d{1,10}$/.test(account)) return { id: account };
  const cut = account.indexOf("\\");
  const name = shaper.text(account.slice(cut + 1), "user.name");
  const domain = cut <= 0 ? undefined : shaper.text(account.slice(0, cut), "user.domain");
  return { ...(name === undefined ? {} : { name }), ...(domain === undefined ? {} : { domain }) };
}

function joinAccount(domain: string | undefined, name: string | undefined): string | undefined {
  return name === undefined || domain === undefined ? name : `${domain}\\${name}`;
}

/** `file.{path,name,directory,extension,drive_letter}` of a path. */
export function fileDoc(path: string | undefined, prefix: string, shaper: Shaper): Doc {
  if (path === undefined) return {};
  const parts = splitPath(path);
  return {
    path: shaper.text(path, `${prefix}.path`, undefined, "tail"),
    name: shaper.text(parts.name, `${prefix}.name`, undefined, "tail"),
    directory: shaper.text(parts.directory, `${prefix}.directory`, undefined, "tail"),
    extension: shaper.text(parts.extension, `${prefix}.extension`, 256),
    drive_letter: parts.driveLetter,
  };
}

function dllDoc(get: Get, shaper: Shaper, hashes: Hashes | undefined): Doc {
  const path = get("ImageLoaded") ?? "";
  const status = get("SignatureStatus");
  return {
    path: shaper.text(path, "dll.path", undefined, "tail"),
    name: shaper.text(splitPath(path).name, "dll.name"),
    hash: hashes?.hash,
    pe: { ...hashes?.pe, ...peDoc(get, "dll", shaper) },
    code_signature: {
      exists: parseBoolean(get("Signed")),
      subject_name: shaper.text(get("Signature"), "dll.code_signature.subject_name"),
      status: shaper.text(status, "dll.code_signature.status"),
      valid: status === undefined ? undefined : status === "Valid",
    },
  };
}

function peDoc(get: Get, prefix: string, shaper: Shaper): Doc {
  return {
    original_file_name: shaper.text(get("OriginalFileName"), `${prefix}.pe.original_file_name`),
    company: shaper.text(get("Company"), `${prefix}.pe.company`),
    description: shaper.text(get("Description"), `${prefix}.pe.description`),
    product: shaper.text(get("Product"), `${prefix}.pe.product`),
    file_version: shaper.text(get("FileVersion"), `${prefix}.pe.file_version`),
  };
}

interface Hashes {
  readonly hash: Doc | undefined;
  readonly pe: Doc | undefined;
}

const hashLengths: Readonly<Record<string, number>> = { md5: 32, sha1: 40, sha256: 64 };

/** Sysmon's `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`; zeros mean that there is none. */
export function parseHashes(text: string | undefined): Hashes {
  const hash: Doc = {};
  let imphash: string | undefined;
  for (const part of (text ?? "").slice(0, 1024).split(",")) {
    const [kind = "", value = ""] = part.trim().toLowerCase().split("=");
    if (!/^[0-9a-f]+$/.test(value) || /^0+$/.test(value)) continue;
    if (value.length === hashLengths[kind]) hash[kind] = value;
    else if (kind === "imphash" && value.length === 32) imphash = value;
  }
  return { hash: compactDoc(hash), pe: imphash === undefined ? undefined : { imphash } };
}

const hives: readonly (readonly [RegExp, string])[] = [
  [/^(?:HKLM|HKEY_LOCAL_MACHINE|\\REGISTRY\\MACHINE)(?=\\|$)/i, "HKLM"],
  [/^(?:HKU|HKEY_USERS|\\REGISTRY\\USER)(?=\\|$)/i, "HKU"],
  [/^(?:HKCU|HKEY_CURRENT_USER)(?=\\|$)/i, "HKCU"],
  [/^(?:HKCR|HKEY_CLASSES_ROOT)(?=\\|$)/i, "HKCR"],
  [/^(?:HKCC|HKEY_CURRENT_CONFIG)(?=\\|$)/i, "HKCC"],
];

function registryDoc(get: Get, shaper: Shaper): Doc {
  const path = get("TargetObject") ?? "";
  let hive: string | undefined;
  let rest = path;
  for (const [prefix, name] of hives) {
    const found = prefix.exec(path);
    if (found === null) continue;
    hive = name;
    rest = path.slice(found[0].length + 1);
    break;
  }
  // Only events about values end in a value's name; a key itself may hold one of the same name.
  const isValue = /Value/.test(get("EventType") ?? "") || get("Details") !== undefined;
  const cut = isValue ? rest.lastIndexOf("\\") : -1;
  return {
    path: shaper.text(path, "registry.path", undefined, "tail"),
    hive,
    key: shaper.text(cut === -1 ? (isValue ? undefined : rest) : rest.slice(0, cut), "registry.key", undefined, "tail"),
    value: shaper.text(isValue ? rest.slice(cut + 1) : undefined, "registry.value"),
    data: registryData(get("Details"), shaper),
  };
}

function registryData(details: string | undefined, shaper: Shaper): Doc | undefined {
  if (details === undefined) return undefined;
  const number = /^(DWORD|QWORD) \(0x([0-9a-f]{8})(?:-0x([0-9a-f]{8}))?\)$/i.exec(details);
  if (number !== null) {
    const value = BigInt(`0x${number[2]}${number[3] ?? ""}`);
    return { type: `REG_${number[1]?.toUpperCase()}`, strings: [value.toString()] };
  }
  if (details === "Binary Data") return { type: "REG_BINARY" };
  const text = shaper.text(details, "registry.data.strings");
  return text === undefined ? undefined : { strings: [text] };
}

function networkDocs(kind: EventKind, get: Get, shaper: Shaper, put: (name: keyof FieldSets, doc: Doc) => void): void {
  const from = address(get("SourceIp") ?? get("IpAddress") ?? get("src_ip"));
  const to = address(get("DestinationIp"));
  const fromHost = shaper.text(get("SourceHostname"), "source.domain");
  const toHost = shaper.text(get("DestinationHostname"), "destination.domain");
  const isNetwork = kind.startsWith("network_");
  if (!isNetwork && from === undefined && to === undefined && toHost === undefined && fromHost === undefined) return;
  put("source", {
    ip: from,
    address: from ?? fromHost,
    domain: fromHost,
    port: parseInteger(get("SourcePort") ?? get("IpPort") ?? get("src_port"), 65_535),
  });
  put("destination", {
    ip: to,
    address: to ?? toHost,
    domain: toHost,
    port: parseInteger(get("DestinationPort"), 65_535),
  });
  const initiated =
    parseBoolean(get("Initiated")) ??
    (kind === "network_connect" || kind === "network_accept" ? kind === "network_connect" : undefined);
  const transport = get("Protocol")?.toLowerCase();
  const known = to ?? from;
  put("network", {
    transport: transport !== undefined && /^[a-z][a-z0-9-]{1,15}$/.test(transport) ? transport : undefined,
    type: known === undefined ? undefined : known.includes(":") ? "ipv6" : "ipv4",
    direction: initiated === undefined ? undefined : initiated ? "egress" : "ingress",
  });
}

/** Windows' error numbers for the answers of a name server, as `dns.response_code` spells them (RFC 1035, 4.1.1). */
const dnsStatus: Readonly<Record<string, string>> = {
  "0": "NOERROR",
  "9001": "FORMERR",
  "9002": "SERVFAIL",
  "9003": "NXDOMAIN",
  "9004": "NOTIMP",
  "9005": "REFUSED",
};

/** Record types that Sysmon's `QueryResults` writes as numbers (IANA DNS parameters). */
const dnsTypes: Readonly<Record<string, string>> = {
  "1": "A",
  "2": "NS",
  "5": "CNAME",
  "6": "SOA",
  "12": "PTR",
  "15": "MX",
  "16": "TXT",
  "28": "AAAA",
  "33": "SRV",
};

/** Answers kept of one DNS event; a UDP answer of 4,096 bytes holds about as many addresses. */
const answerCountMax = 64;

function dnsDoc(get: Get, shaper: Shaper): Doc {
  const answers: Doc[] = [];
  const resolved: string[] = [];
  for (const part of (get("QueryResults") ?? "").slice(0, 16_384).split(";")) {
    const text = part.trim();
    if (text === "" || text === "-") continue;
    if (answers.length === answerCountMax) {
      shaper.cut("dns.answers");
      break;
    }
    const typed = /^type:\s*(\d{1,5})\s+(.*)$/.exec(text);
    const data = shaper.text(typed?.[2] ?? text, "dns.answers.data", 1024);
    if (data === undefined) continue;
    const ip = address(data)?.replace(/^::ffff:(?=\d+\.)/i, "");
    const type =
      typed === null ? (ip === undefined ? undefined : ip.includes(":") ? "AAAA" : "A") : dnsTypes[typed[1] ?? ""];
    answers.push({ data, ...(type === undefined ? {} : { type }) });
    if (ip !== undefined && !resolved.includes(ip)) resolved.push(ip);
  }
  return {
    type: answers.length === 0 ? "query" : "answer",
    question: { name: shaper.text(get("QueryName"), "dns.question.name", 1024) },
    response_code: dnsStatus[get("QueryStatus") ?? ""],
    answers: answers.length === 0 ? undefined : answers,
    resolved_ip: resolved.length === 0 ? undefined : resolved,
  };
}

/** How the deed ended, where the source says so: audit keywords of the Security log, `success=` and `res=` of auditd. */
export function outcomeOf(fields: Fields): "success" | "failure" | undefined {
  const keywords = present(fields, "Keywords")?.toLowerCase();
  if (keywords === "0x8020000000000000" || keywords === "audit success") return "success";
  if (keywords === "0x8010000000000000" || keywords === "audit failure") return "failure";
  // The kernel's answer, as the live sensor has it.
  const result = present(fields, "Result");
  if (result !== undefined && /^(0|-\d{1,4})$/.test(result)) return result === "0" ? "success" : "failure";
  switch ((present(fields, "success") ?? present(fields, "res") ?? present(fields, "outcome"))?.toLowerCase()) {
    case "yes":
    case "success":
    case "1":
      return "success";
    case "no":
    case "failed":
    case "failure":
    case "0":
      return "failure";
  }
  return undefined;
}
