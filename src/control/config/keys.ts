// The table of configuration keys. From it come the defaults, the checks, `AppConfig`, the commented `config.toml`, the
// JSON Schema, the reference page and the names of environment variables. Adding a key is adding a row; a row stands
// here only when something reads it.

import { defaultSensitiveFiles } from "../../normalize/mod.ts";
import { dnsPortsMax } from "./limits.ts";
import {
  boolean,
  choice,
  duration,
  integer,
  list,
  path,
  ringSize,
  size,
  text,
  textLists,
  type ValueType,
} from "./value-type.ts";

export const levels = ["informational", "low", "medium", "high", "critical"] as const;
export const logLevels = ["error", "warn", "info", "debug", "trace"] as const;
export const alertFormats = ["auto", "ndjson", "compact"] as const;
export const ruleStatuses = ["stable", "test", "experimental", "deprecated", "unsupported"] as const;

/** How far a key can be relied on: stable ones change only with a major version. */
export type Stability = "stable" | "incubating";

export interface ConfigKey<T, Suffix extends string> {
  readonly type: ValueType<T, Suffix>;
  readonly default: T;
  /** One or more sentences, each a fact that the user needs; shown in `config.toml` and the reference. */
  readonly doc: string;
  readonly stability: Stability;
  /** Masked in `config show`, in logs and in diagnostics. */
  readonly secret: boolean;
}

type Marks = { readonly stability?: Stability; readonly secret?: boolean };

function key<T, Suffix extends string>(
  type: ValueType<T, Suffix>,
  value: T,
  doc: string,
  marks: Marks = {},
): ConfigKey<T, Suffix> {
  return { type, default: value, doc, stability: marks.stability ?? "stable", secret: marks.secret ?? false };
}

const KiB = 1024;
const MiB = 1024 * KiB;
const environmentName = text(/^[A-Za-z_][A-Za-z0-9_]{0,63}\*?$/, "the name of an environment variable");
const sensitiveFile = text(/^\/(?:(?:\*\*|[^/\0]+)\/){0,32}[^/*\0]{1,63}$/, "a path whose last component has no star");
const pathPrefix = text(/^\/[^\0]{0,1023}$/, "an absolute path");
const tag = text(/^[A-Za-z0-9_.-]{1,128}\*?$/, "a tag such as attack.t1059 or attack.*");

/** Sections in the order of the file. Those without keys are known, so that a later version's file gets a clear answer. */
export const sections = {
  sensor: {
    doc: "Where events come from.",
    keys: {
      kernel_ring_size: key(
        ringSize(64 * KiB, 256 * MiB),
        8 * MiB,
        "Kernel memory for process events while the agent is held up: thousands of starts. When it is full, events are lost and counted. A power of two.",
        { stability: "incubating" },
      ),
      kernel_bulk_ring_size: key(
        ringSize(64 * KiB, 256 * MiB),
        8 * MiB,
        "Kernel memory for all other events, taken when the first rule asks for one. When it is full, they are lost and counted. A power of two.",
        { stability: "incubating" },
      ),
      critical_ring_size: key(
        ringSize(256 * KiB, 256 * MiB),
        4 * MiB,
        "Memory for events that must not be lost: process start and exit, credentials, tampering. A power of two.",
        { stability: "incubating" },
      ),
      bulk_ring_size: key(ringSize(256 * KiB, 1024 * MiB), 16 * MiB, "Memory for all other events. A power of two.", {
        stability: "incubating",
      }),
      sensitive_files: key(
        list(sensitiveFile, "patterns of paths"),
        defaultSensitiveFiles,
        "Files whose being opened for reading is an event (category file_access). A star stands for anything within a component, /**/ for any number of components; the last component is literal.",
        { stability: "incubating" },
      ),
      file_exclude_paths: key(
        list(pathPrefix, "beginnings of paths"),
        [],
        "Files below these paths whose opening, writing and closing is not recorded. End a folder with a slash. At most 128 bytes count.",
        { stability: "incubating" },
      ),
      compat_system_calls: key(
        choice(["auto", "always", "never"]),
        "auto",
        "Whether file activities by 32-bit system calls are recorded. It makes every system call of the host slower; auto: once a 32-bit program was started.",
        { stability: "incubating" },
      ),
      environment_names: key(
        list(environmentName, "environment variable names"),
        [
          "LD_PRELOAD",
          "LD_LIBRARY_PATH",
          "LD_AUDIT",
          "SSH_CONNECTION",
          "SUDO_COMMAND",
          "SUDO_GID",
          "SUDO_UID",
          "SUDO_USER",
          "HISTFILE",
        ],
        "Environment variables of a new process that its event carries. Values of all others never leave the process.",
        { stability: "incubating" },
      ),
      logs_enabled: key(
        boolean,
        true,
        "Whether the journal and log files are read while a rule asks about sshd, sudo, cron, auth, syslog and the like. Off: such rules are inert.",
        { stability: "incubating" },
      ),
      journal: key(
        choice(["auto", "on", "off"]),
        "auto",
        "The systemd journal, read through journalctl. auto: where there is one; then the files that hold the same lines are not read.",
        { stability: "incubating" },
      ),
      log_files: key(
        list(path(), "paths"),
        [],
        "Log files to follow, from their ends. Program, facility and the name of the file decide which service a line belongs to. Empty: auth.log, syslog, secure, messages, cron and those of vsftpd and ClamAV below /var/log, as far as the journal does not hold the same lines.",
        { stability: "incubating" },
      ),
    },
  },
  scanner: {
    doc: "Files that are read and scanned. Scans run in processes of their own that can do nothing else.",
    keys: {
      workers: key(
        integer(0, 64),
        0,
        "Processes that scan. 0: one for the running agent, one for each core for agent scan.",
      ),
      file_timeout: key(
        duration(100, 600_000),
        30_000,
        "How long one file may take, its archive members included. Whatever takes longer is not scanned and counted.",
      ),
      file_size_max: key(size(64 * KiB, 1024 * MiB), 128 * MiB, "Larger files are not scanned, and counted."),
      memory_max: key(
        size(256 * MiB, 16 * 1024 * MiB),
        1024 * MiB,
        "Memory after which a scan worker is replaced; one that takes half as much again is killed.",
        { stability: "incubating" },
      ),
      written_files: key(
        boolean,
        false,
        "Whether files are scanned when they are closed after writing, half a second after the last change. Off: a host that compiles or unpacks writes more than a scanner reads.",
        { stability: "incubating" },
      ),
      cache_folder: key(
        path({ empty: "/var/lib/sigil for root, a folder sigil in the user's cache for others" }),
        "",
        "Folder for compiled rules, signed with a key of this installation; nobody else may write to it.",
        { stability: "incubating" },
      ),
    },
  },
  allowlist: {
    doc: "What is never reported.",
    keys: {
      paths: key(
        list(path(), "paths"),
        [],
        "Files and folders (with all below) that the running agent does not scan. Sigma rules see their events all the same.",
      ),
    },
  },
  sigma: {
    doc: "Sigma rules.",
    keys: {
      enabled: key(boolean, true, "Whether Sigma rules are evaluated."),
      rules_paths: key(
        list(path(), "paths"),
        [],
        "Files and folders of rules. Empty: the rules that ship inside the agent. Flag: --rules.",
      ),
      pipelines: key(
        list(path(), "paths"),
        [],
        "Processing pipelines (pySigma's YAML) that rename fields and change log sources of all rules, for logs that are not named as Sigma names them. Flag: --pipeline.",
      ),
      correlation_state: key(
        path({ empty: "not kept" }),
        "",
        "File that the windows of correlations are kept in over a restart; written every minute and at the end. Empty: a restart begins with empty windows.",
      ),
      min_level: key(
        choice(levels),
        "informational",
        "Rules below this level are not loaded. A rule without a level counts as medium. Flag: --min-level.",
      ),
      statuses: key(
        list(choice(ruleStatuses), "statuses"),
        ["stable", "test", "experimental"],
        "Rules of another status are not loaded. A rule without a status is.",
      ),
      include_tags: key(
        list(tag, "tags"),
        [],
        "When not empty: only rules that carry one of these tags are loaded. A star at the end stands for any ending.",
      ),
      exclude_tags: key(list(tag, "tags"), [], "Rules that carry one of these tags are not loaded."),
      placeholders: key(
        textLists(/^[A-Za-z0-9_.-]{1,128}$/),
        {},
        'Values for %name% in rules with the modifier expand, such as { admins = ["alice", "bob"] }.',
      ),
    },
  },
  yara: {
    doc: "YARA rules.",
    keys: {
      enabled: key(boolean, true, "Whether programs are scanned with YARA rules when they start."),
      rules_paths: key(
        list(path(), "paths"),
        [],
        "Files and folders of rules. Empty: the rules that ship inside the agent. Flag: --rules.",
      ),
    },
  },
  ioc: {
    doc: "Indicators of compromise.",
    keys: {
      enabled: key(boolean, true, "Whether events are looked up in the indicators."),
      paths: key(list(path(), "paths"), [], "Files and folders of indicators, besides those below sigma.rules_paths."),
      default_severity: key(choice(levels), "high", "Level of an indicator whose list does not say how bad it is."),
    },
  },
  signature: { doc: "Code signatures.", keys: {} },
  network: {
    doc: "Network events.",
    keys: {
      loopback: key(
        boolean,
        true,
        "Whether connections within this host are events. Lookups at a name server of this host always are.",
      ),
      dns_ports: key(
        list(integer(1, 65_535), "port numbers", dnsPortsMax),
        [53],
        "Ports of name servers: what is sent there and comes from there is read as DNS. 5353 adds multicast DNS.",
      ),
      fold_interval: key(
        duration(0, 86_400_000),
        60_000,
        "A connection of a process to a place that it connected to within this time counts as a repeat. Rules see repeats; what comes after them does not. 0: nothing is a repeat.",
      ),
    },
  },
  reload: { doc: "Reloading while running.", keys: {} },
  logging: {
    doc: "The operational log (not the alerts).",
    keys: {
      level: key(choice(logLevels), "info", "Lines below this level are not written. Flag: --log-level."),
      format: key(choice(["text", "json"]), "text", "One line of text or one JSON object for each entry."),
      file: key(
        path({ empty: "no file" }),
        "",
        "File that gets the log besides stderr. Reopened on SIGUSR1. Empty: stderr only.",
      ),
    },
  },
  alerts: {
    doc: "What alerts look like and where they go.",
    keys: {
      output: key(path({ dash: "stdout" }), "-", "File that alerts are appended to, or - for stdout. Flag: --alerts."),
      format: key(
        choice(alertFormats),
        "auto",
        "auto is compact on a terminal and ndjson everywhere else. Flag: --format.",
      ),
      min_level: key(
        choice(levels),
        "informational",
        "Alerts below this level are not written, whatever engine made them. Flag: --min-level.",
      ),
      namespace: key(
        text(/^[a-z0-9_.]{1,100}$/, "a data stream namespace: lower-case letters, digits, _ and ."),
        "default",
        "data_stream.namespace of every alert.",
      ),
      heartbeat: key(
        duration(0, 86_400_000),
        300_000,
        "How often a state line says that the agent watches, with the account of its events, so that silence can be told from death. 0s: never.",
      ),
      queue_size: key(
        size(64 * KiB, 1024 * MiB),
        16 * MiB,
        "Alerts that wait for a slow output. When it is full, new alerts are dropped and counted.",
        { stability: "incubating" },
      ),
    },
  },
  outputs: { doc: "Other outputs.", keys: {} },
  response: { doc: "Acting on alerts.", keys: {} },
  redaction: { doc: "What is removed from alerts.", keys: {} },
  service: {
    doc: "Running as a service.",
    keys: {
      state_file: key(
        path({ empty: "no file, unless systemd gives a folder" }),
        "",
        "File that says that the agent lives, so that the next start can say how long nobody watched and what was missed. Empty: state.json in the folder that systemd gives a service (STATE_DIRECTORY), elsewhere none.",
        { stability: "incubating" },
      ),
      control_socket: key(
        path({ empty: "no socket" }),
        "/run/sigil/control.sock",
        "Socket behind agent status, events, top, reload and doctor; only its owner can open it. Empty: none.",
        { stability: "incubating" },
      ),
      shutdown_timeout: key(duration(1000, 30_000), 20_000, "How long a stop may take to deliver what is under way.", {
        stability: "incubating",
      }),
    },
  },
  metrics: {
    doc: "Counters.",
    keys: {
      listen: key(
        text(
          /^(?:|(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):\d{1,5})$/,
          "an address and a port such as 127.0.0.1:9464",
        ),
        "",
        "Address and port for Prometheus metrics (/metrics), /healthz and /readyz. Empty: only the control socket has them.",
        { stability: "incubating" },
      ),
    },
  },
} as const;

export type Sections = typeof sections;
export type SectionName = keyof Sections;

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;
type KeysOf<Section extends SectionName> = Sections[Section]["keys"];
type Property<Name, Key> = Name extends string
  ? Key extends ConfigKey<infer _, infer Suffix>
    ? `${Camel<Name>}${Suffix}`
    : never
  : never;
type ValueOf<Key> = Key extends ConfigKey<infer T, infer _> ? T : never;

/**
 * The configuration as the program reads it: complete, checked, frozen; paths are absolute, except those of flags, which
 * are as typed. A key `critical_ring_size` of section `sensor` is `config.sensor.criticalRingSizeBytes`: camel case,
 * the unit last.
 */
export type AppConfig = {
  readonly [Section in SectionName]: {
    readonly [Name in keyof KeysOf<Section> as Property<Name, KeysOf<Section>[Name]>]: ValueOf<KeysOf<Section>[Name]>;
  };
};

type DottedNames<Section extends SectionName> = Section extends SectionName
  ? `${Section}.${keyof KeysOf<Section> & string}`
  : never;
/** `sigma.min_level` and the like: every key there is. */
export type KeyName = DottedNames<SectionName>;

/** A row of the table with its types set aside, for code that walks over all of them. */
export interface Row {
  readonly section: SectionName;
  readonly name: string;
  /** `sigma.min_level`. */
  readonly dotted: KeyName;
  /** `EDR__SIGMA__MIN_LEVEL`. */
  readonly environment: string;
  /** Name of the property in {@link AppConfig}. */
  readonly property: string;
  readonly key: ConfigKey<unknown, string>;
}

/** All rows in the order of the table. */
export const rows: readonly Row[] = (Object.keys(sections) as SectionName[]).flatMap((section) =>
  Object.entries(sections[section].keys as Record<string, ConfigKey<unknown, string>>).map(([name, one]) => ({
    section,
    name,
    dotted: `${section}.${name}` as KeyName,
    environment: `EDR__${section.toUpperCase()}__${name.toUpperCase()}`,
    property: name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) + one.type.suffix,
    key: one,
  })),
);

export const rowsByName: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row.dotted, row]));

/** Names (without section) of keys whose values must not be seen. */
export const secretKeyNames: readonly string[] = rows.filter((row) => row.key.secret).map((row) => row.name);
