// THE table of commands. Parser, help, completions, man page and docs/reference/cli.md are made from it: a command that
// does not stand here does not exist, and adding one is adding a row (and a module to `loaders.ts`).

import * as type from "./argument-types.ts";
import type { ArgsOf, Command, Flag } from "./spec.ts";

function flag<const F extends Flag>(one: F): F {
  return one;
}

const config = flag({ name: "config", value: type.file, doc: "read the configuration from FILE" });
const logLevel = flag({
  name: "log-level",
  value: type.logLevel,
  doc: "log only this and more important levels",
  keys: ["logging.level"],
});
const rules = flag({
  name: "rules",
  value: type.path,
  repeat: true,
  doc: "rules instead of the configured ones",
  more:
    "A file or a folder; may be repeated. Below a folder, .yml and .yaml are Sigma rules, .tests.yml their tests (left out), .yar and .yara YARA rules. Without it: the configured paths, and " +
    "without those the rules that ship inside the agent.",
  keys: ["sigma.rules_paths", "yara.rules_paths"],
});
const pipeline = flag({
  name: "pipeline",
  value: type.file,
  repeat: true,
  doc: "apply a processing pipeline to the rules",
  more: "A YAML file as pySigma reads it: renames fields, changes log sources, adds conditions. May be repeated.",
  keys: ["sigma.pipelines"],
});
const alerts = flag({
  name: "alerts",
  value: type.fileOrStdout,
  doc: "append alerts to FILE; - is stdout",
  keys: ["alerts.output"],
});
const minLevel = flag({
  name: "min-level",
  value: type.level,
  doc: "ignore rules and alerts below LEVEL",
  keys: ["sigma.min_level", "alerts.min_level"],
});
const json = flag({ name: "json", doc: "print JSON" });
const platform = flag({
  name: "platform",
  value: type.platform,
  doc: "platform to judge for (default: this one)",
});

export const commands = [
  {
    id: "run",
    summary: "Watch this machine and print alerts",
    description: [
      "Starts the sensors, evaluates every event against the rules and writes alerts: compact lines on a terminal, NDJSON " +
        "everywhere else. The log goes to stderr; a line with the message 'agent ready' says that events are being watched. " +
        "This is what the agent does when no command is given. It needs root.",
      "SIGTERM and SIGINT deliver what is under way and stop; SIGHUP reloads rules and configuration; SIGUSR1 reopens files.",
    ],
    flags: [
      config,
      rules,
      pipeline,
      alerts,
      flag({
        name: "format",
        value: type.alertFormat,
        doc: "how alerts look: ndjson or compact",
        keys: ["alerts.format"],
      }),
      minLevel,
      logLevel,
      flag({ name: "duration", value: type.duration, doc: "stop after this time, such as 30s" }),
    ],
    examples: [
      { line: "agent", doc: "watch with the rules inside the agent" },
      { line: "agent run --rules ./rules --alerts alerts.ndjson", doc: "own rules, alerts to a file" },
      { line: "agent run --min-level high | vector", doc: "only high and critical, to a shipper" },
    ],
  },
  {
    id: "replay",
    summary: "Evaluate recorded events",
    description: [
      "Reads events from files, folders or stdin (-), evaluates them in order of time and prints alerts. Nothing is started, " +
        "watched or acted on; no privileges are needed. The same input and rules give the same bytes on every machine.",
      "Reads EVTX (event logs of Windows), captures ('agent capture'), and JSON: flat Sysmon-style objects, nested ECS or winlogbeat documents, or the output of evtx_dump.",
    ],
    flags: [
      config,
      rules,
      pipeline,
      flag({ name: "input", value: type.replayInput, doc: "kind of input (default: auto)" }),
      alerts,
      flag({ name: "report", value: type.file, doc: "write a report for people to FILE, one HTML page" }),
      flag({ name: "summary", doc: "end with one JSON line on stderr" }),
      flag({ name: "per-file", doc: "take each file for a stream of its own" }),
      flag({
        name: "follow",
        doc: "go on with what is appended, until interrupted",
        more: "Text inputs only (NDJSON, JSON, logs), each file by name through rotation. Events are evaluated as they come, not sorted by time.",
      }),
      minLevel,
      flag({ name: "since", value: type.time, doc: "only events at or after TIME" }),
      flag({ name: "until", value: type.time, doc: "only events before TIME" }),
      flag({ name: "fail-on-alert", doc: "exit 1 when there was an alert" }),
      logLevel,
    ],
    operand: {
      value: type.pathOrStdin,
      countMin: 1,
      countMax: Number.POSITIVE_INFINITY,
      doc: "files or folders; - is stdin",
    },
    examples: [
      { line: "agent replay --rules rule.yml events.ndjson", doc: "does this rule match?" },
      { line: "agent replay --summary --fail-on-alert recordings/", doc: "a check for CI" },
      { line: "agent replay --report report.html Security.evtx > alerts.ndjson", doc: "a page to look around in" },
    ],
  },
  {
    id: "capture",
    summary: "Record what the sensor delivers, for a replay",
    description: [
      "Starts the sensor and writes every record to FILE as it came, with what a replay needs to make the same events of it: the processes that " +
        "ran before, names of users, the clock, and the account of what was lost. No rule is evaluated; 'agent replay FILE' does that, " +
        "on any machine and without privileges. Ends after its time, at the largest size, or on SIGINT and SIGTERM. It needs root.",
      "The file is compressed and sealed block by block: a capture that is cut or damaged is usable up to there, and a replay says so. It holds " +
        "command lines and the chosen environment variables, and only its owner can read it.",
    ],
    flags: [
      config,
      flag({ name: "output", value: type.file, doc: "the file to write; one that is there is replaced" }),
      flag({ name: "duration", value: type.duration, doc: "stop after this time, such as 30s" }),
      flag({ name: "max-size", value: type.size, doc: "stop at this size, such as 256MiB (default: 4GiB)" }),
      logLevel,
    ],
    examples: [
      { line: "agent capture --output scene.capture --duration 30s", doc: "half a minute of this machine" },
      { line: "agent replay --rules rule.yml scene.capture", doc: "would this rule have fired?" },
    ],
  },
  {
    id: "scan",
    summary: "Scan files, folders and processes with YARA rules",
    description: [
      "Scans files, everything below folders, members of archives (zip, tar, gzip, zstd, xz; three deep) and the memory of processes, and prints one alert for " +
        "each finding: compact lines on a terminal, NDJSON elsewhere or with --json. Links below a folder are not followed; file systems without files, such as " +
        "/proc, are left out unless they are named.",
      "Scans run in confined processes, one file at a time, with limits for time, size and memory. What could not be scanned is named in the log and " +
        "counted. Exit status 0: nothing found; 1: findings; 2: nothing found, and something could not be scanned.",
    ],
    flags: [
      config,
      rules,
      flag({ name: "pid", value: type.pid, repeat: true, doc: "scan the memory of a process" }),
      json,
      logLevel,
    ],
    operand: {
      value: type.path,
      countMin: 0,
      countMax: Number.POSITIVE_INFINITY,
      doc: "files or folders",
    },
    examples: [
      { line: "agent scan ~/Downloads", doc: "with the rules inside the agent" },
      { line: "agent scan --rules ./rules --json /srv/uploads | jq .rule.name", doc: "own rules" },
      { line: "agent scan --pid 4711", doc: "what a process has in memory" },
    ],
  },
  {
    id: "rules list",
    summary: "List the rules and say which can fire here",
    description: [
      "Every rule with level, status, log source, file, and its state: active, inert (nothing on this platform produces what it " +
        "looks at) or filtered (the configuration leaves it out), with the reason. A table on a terminal; elsewhere a line for each rule with " +
        "id, title, level, status, log source, state, reason and file between tabs. Exit status 2 when documents were rejected.",
    ],
    flags: [config, rules, pipeline, platform, json, logLevel],
    examples: [
      { line: "agent rules list", doc: "the rules that would run" },
      { line: "agent rules list --rules ./rules | grep -w inert | cut -f 2,7", doc: "which are inert, and why" },
    ],
  },
  {
    id: "rules validate",
    summary: "Check rules and say which can fire here",
    description: [
      "Parses and compiles every rule. Rejected rules are listed with file, line, column and a hint; inert ones (nothing on " +
        "this platform produces what they look at) with the reason. Exit status 1 when a rule is rejected.",
      "Warnings name what is probably not meant in rules that load: conditions that are always or never true, selections that nobody uses, fields " +
        "that the log source does not have, tags that ATT&CK does not know, and the like.",
    ],
    flags: [config, rules, pipeline, platform, json, logLevel],
    examples: [{ line: "agent rules validate --rules ./rules", doc: "check a folder" }],
  },
  {
    id: "rules explain",
    summary: "Show what a rule asks, or why it matches an event",
    description: [
      "With --event: holds the rule against the first events of a recording, part by part: what holds, what does not, and what the event has " +
        "instead. Exit status 0 when an event matched, 1 when none did, 2 when the rule or the events could not be read.",
      "Without --event: what each selection and modifier of the rule amounts to, which events it is shown, and which of its fields are never filled.",
      "A correlation is told in words: what has to happen, in which groups and within which time; with --event how often it fires over the recording, and how far its fullest groups came.",
    ],
    flags: [
      flag({
        name: "rule",
        value: type.rule,
        doc: "the rule: its id, title, file name or path",
        more: "A path is read by itself, whatever the configuration says; a file of several rules has all of them explained.",
      }),
      flag({ name: "event", value: type.pathOrStdin, doc: "recorded events, as replay reads them; - is stdin" }),
      flag({
        name: "limit",
        value: type.count,
        doc: "events to look at (default: 10; correlations: 10000)",
      }),
      config,
      rules,
      pipeline,
      platform,
      json,
      logLevel,
    ],
    examples: [
      { line: "agent rules explain --rule shell-on-socket", doc: "what a rule looks for" },
      { line: "agent rules explain --rule rule.yml --event events.ndjson", doc: "why does it not match?" },
    ],
  },
  {
    id: "rules test",
    summary: "Run the tests that lie beside rules",
    description: [
      "For each rule file NAME.yml with a NAME.tests.yml beside it: evaluates the events of the tests, compiled and interpreted, and says which " +
        "match that must not, or do not match that must, with an explanation. Detonations are counted and not run.",
      "Exit status 1 when a test fails; 2 when one could not be run, or when there was none.",
    ],
    flags: [
      config,
      rules,
      pipeline,
      flag({ name: "junit", value: type.file, doc: "write a JUnit report to FILE as well" }),
      json,
      logLevel,
    ],
    examples: [{ line: "agent rules test --rules ./rules --junit report.xml", doc: "in CI" }],
  },
  {
    id: "rules coverage",
    summary: "Show what the rules cover of MITRE ATT&CK",
    description: [
      "Makes a layer for the ATT&CK Navigator (format 4.5): each technique that a rule is tagged with, scored by the number of rules, with their " +
        "titles. Without --output the layer goes to stdout; with it, a summary by tactic does.",
      "Without --platform all rules that load count; with it, those that can fire there.",
    ],
    flags: [
      config,
      rules,
      pipeline,
      flag({ name: "output", value: type.file, doc: "write the layer to FILE, print a summary" }),
      flag({ name: "platform", value: type.platform, doc: "count only rules that can fire there" }),
      flag({ name: "json", doc: "print the summary as JSON" }),
      logLevel,
    ],
    examples: [{ line: "agent rules coverage --output layer.json", doc: "a layer for the Navigator" }],
  },
  {
    id: "status",
    summary: "Say how the running agent is",
    description: [
      "Asks the running agent over its control socket: what it watches, what became of every kind of event, rules, outputs, memory. Exit " +
        "status 0 when all is well, 1 when something is lost or does not run, 69 when no agent answers.",
    ],
    flags: [config, json],
    examples: [{ line: "agent status --json | jq .sensor.events", doc: "the account of events" }],
  },
  {
    id: "events",
    summary: "Follow the alerts of the running agent",
    description: [
      "Prints alerts as the running agent makes them, beside its outputs: compact lines on a terminal, NDJSON everywhere else. Ends with Ctrl-C or " +
        "with the agent. A reader that is too slow misses lines, and is told how many.",
    ],
    flags: [config, json, flag({ name: "count", value: type.count, doc: "end after this many alerts" })],
    examples: [{ line: "agent events", doc: "look over its shoulder" }],
  },
  {
    id: "top",
    summary: "Watch the running agent at work",
    description: [
      "A live view of rates, losses, rules that fire, outputs and memory; q or Ctrl-C ends it. Without a terminal it prints one view and ends.",
    ],
    flags: [config, flag({ name: "interval", value: type.duration, doc: "time between two views (default: 1s)" })],
    examples: [{ line: "agent top", doc: "is it keeping up?" }],
  },
  {
    id: "reload",
    summary: "Make the running agent read rules and configuration again",
    description: [
      "The same as SIGHUP. The outcome is in the agent's log; a set that cannot be used leaves the running one in place.",
    ],
    flags: [config],
    examples: [{ line: "agent reload", doc: "after rules changed" }],
  },
  {
    id: "doctor",
    summary: "Check this machine, the configuration and the running agent",
    description: [
      "Each check says what it found, what that affects and how to mend it. Changes nothing. Exit status 0 when all is well, 1 with warnings, 2 when " +
        "something fails.",
    ],
    flags: [config, rules, json],
    examples: [{ line: "agent doctor", doc: "why does it not see anything?" }],
  },
  {
    id: "config check",
    summary: "Check the configuration",
    description: ["Reports every fault of the file and of the environment at once. Exit status 78 when there is one."],
    flags: [config],
    examples: [{ line: "agent config check --config ./config.toml", doc: "check a file before it is deployed" }],
  },
  {
    id: "config show",
    summary: "Print every value with its origin",
    description: ["Secrets are masked."],
    flags: [config, json],
    examples: [{ line: "EDR__SIGMA__MIN_LEVEL=high agent config show", doc: "see what a variable does" }],
  },
  {
    id: "config init",
    summary: "Write a commented configuration",
    description: [
      "Prints a configuration with every key at its default, or writes it to a file that must not exist yet.",
    ],
    flags: [flag({ name: "output", value: type.file, doc: "write to FILE, which must not exist" })],
    examples: [{ line: "agent config init --output /etc/sigil/config.toml", doc: "start a configuration" }],
  },
  {
    id: "config schema",
    summary: "Print the JSON Schema of the configuration",
    description: ["For editors and for checks before deployment."],
    flags: [],
    examples: [{ line: "agent config schema > config.schema.json", doc: "keep it for an editor" }],
  },
  {
    id: "completion",
    summary: "Print a completion script for a shell",
    description: ["Source its output, or put it where the shell looks for completions."],
    flags: [],
    operand: { value: type.shell, countMin: 1, countMax: 1, doc: "bash, zsh, fish or powershell" },
    examples: [{ line: 'eval "$(agent completion bash)"', doc: "try it in this shell" }],
  },
  {
    id: "man",
    summary: "Print the manual page",
    description: ["In roff, for man(1)."],
    flags: [],
    examples: [{ line: "agent man | man -l -", doc: "read it" }],
  },
  {
    id: "version",
    summary: "Print the version and what it is made of",
    description: [
      "Version, commit, target, Bun, the digest of the record layout, and the number of embedded rule files.",
    ],
    flags: [json],
    examples: [{ line: "agent version --json", doc: "for inventories" }],
  },
  {
    id: "help",
    summary: "Explain a command",
    description: ["The same as --help after the command."],
    flags: [],
    operand: { value: type.commandWord, countMin: 0, countMax: 2, doc: "words of a command" },
    examples: [{ line: "agent help config show", doc: "explain one command" }],
  },
] as const satisfies readonly Command[];

export type CommandId = (typeof commands)[number]["id"];
export type CommandOf<Id extends CommandId> = Extract<(typeof commands)[number], { readonly id: Id }>;
/** Parsed arguments of the command with this id. */
export type CommandArgs<Id extends CommandId> = ArgsOf<CommandOf<Id>>;

/** First words that stand for a family of commands. */
export const families: Readonly<Record<string, string>> = {
  config: "Check, show or write the configuration",
  rules: "List, check, explain and test rules",
};

/** `agent --service install` and `agent service install` are the same. Takes effect once the command exists. */
export const flagAliases: Readonly<Record<string, string>> = { "--service": "service" };

/** Every command has these; they are handled before its own flags. */
export const commonFlags: readonly Flag[] = [{ name: "help", short: "h", doc: "explain this command" }];
/** Only without a command. */
export const topFlags: readonly Flag[] = [{ name: "version", short: "V", doc: "print the version" }];

export const programName = "agent";
