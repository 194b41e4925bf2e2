// Every bound of the program in one file, each with its reason; relations between neighbours are asserted at the end and
// so checked whenever the program starts. Units stand last in the names.

const KiB = 1024;
const MiB = 1024 * KiB;

// Configuration.

/** Bytes of a configuration file. The commented default is 10 KiB; a hundred times that is no configuration. */
export const configFileSizeMaxBytes = 1 * MiB;
/** Nesting of a TOML value. Our deepest key is a list in a table in a section. */
export const configDepthMax = 16;
/** Entries of a list in the configuration: rule paths, tags, names. A list that is longer belongs in a file. */
export const configListLengthMax = 4096;
/** UTF-16 units of one text value: PATH_MAX of Linux, which also bounds what an environment variable may bring. */
export const configTextLengthMax = 4096;
/** Diagnostics shown for one input; the others are counted. Nobody reads the 101st. */
export const diagnosticsMax = 100;
/** UTF-16 units of a source line shown with a diagnostic: wide terminals have 200 columns. */
export const diagnosticLineLengthMax = 160;

// Rule files.

/** Bytes of one rule file. The largest of SigmaHQ is 60 KiB; generated packs hold thousands of documents in one file. */
export const ruleFileSizeMaxBytes = 8 * MiB;
/** Bytes of all rule files together. SigmaHQ is 10 MiB; the parsed form takes some ten times as much memory. */
export const rulesSizeMaxBytes = 256 * MiB;
/** Rule files. SigmaHQ has under 4,000. */
export const ruleFilesMax = 100_000;
/** Bytes of one file of indicators: the largest public lists of domains have some 200 MB. */
export const indicatorFileSizeMaxBytes = 512 * MiB;
/** Bytes of all of them together: what they are packed into takes about three times as much. */
export const indicatorsSizeMaxBytes = 1024 * MiB;
/** Entries looked at below the given paths, rules or not: the walk ends even when someone passes `/`. */
export const ruleWalkEntriesMax = 1_000_000;
/** Folders below a given path. SigmaHQ has 6. */
export const ruleWalkDepthMax = 32;
/** Skipped files that are named one by one; the others are counted. */
export const ruleSkippedNamedMax = 1000;

// Operational log.

/** UTF-16 units of one log line: with 4 bytes a unit at worst it still fits the 64 KiB of a pipe. */
export const logLineLengthMax = 8192;
/** UTF-16 units of one value in a log line, so that one hostile file name cannot push out the others. */
export const logValueLengthMax = 1024;
/** Bytes waiting for a slow stderr or log file. A stalled terminal costs this much memory and then counted lines. */
export const logQueueSizeMaxBytes = 1 * MiB;
/** Lines of one kind (component and message) let through in one window; the others are counted and said so. */
export const logRateBurstMax = 20;
/** Length of that window. Ten seconds of silence are short enough to see that a fault goes on. */
export const logRateWindowMs = 10_000;
/** Kinds of lines that are rate-limited at once. There are some hundred call sites; beyond, the oldest is forgotten. */
export const logRateKeysMax = 1024;
/** Secrets that are masked in log lines: configuration has a handful. */
export const logSecretsMax = 64;
/** How long the end of the program waits for the last log lines to leave. */
export const logCloseTimeoutMs = 1000;

// Sensor and state.

/** Pause between two drains of the kernel's ring: a thousand wake-ups a second at most, and a millisecond of latency under load. */
export const sensorBatchUs = 5000;
/** Processes remembered, running and exited: twice the default pid_max. */
export const processesMax = 65_536;
/**
 * Exited processes among them, for events that come late. Whoever is the parent of somebody who still runs is kept besides: this
 * is for the others, and a second of a storm of starts is enough.
 */
export const exitedProcessesMax = 2048;
/** Bytes of their programs' records. At 700 bytes a program, room for 45,000 of them. */
export const processBytesMax = 32 * MiB;
/** Generations after which an exited ancestor is forgotten: nobody reads a longer chain in an alert. */
export const processAncestorsMax = 16;
/** Ports of name servers: every packet is compared with each of them; as `dns_ports` in native/abi/network.h. */
export const dnsPortsMax = 8;
/** Mount namespaces with a table of user names: containers on a busy node. */
export const userNamespacesMax = 512;
/** Ring for alerts from the detect worker to the main thread. A large alert is 64 KiB: a burst of 128 at once, or thousands of usual ones. */
export const alertRingBytes = 8 * MiB;
/** How often the detect worker reports its counters. */
export const detectReportMs = 5000;
/** Events in one such time that make it a busy one, and at most how many make it a quiet one: after the storm, memory is given back. */
export const busyEventsMin = 1000;
export const quietEventsMax = 100;
/** Restarts of a detect worker that died, within the window, before the agent gives up. */
export const detectRestartsMax = 5;
export const detectRestartWindowMs = 10 * 60_000;
/** Least time between two state lines about lost events: loss is told soon, and a flood of it does not become a flood of lines. */
export const lossReportMs = 60_000;
/** How long a start may take before it is called failed: loading eBPF programs under software emulation takes seconds. */
export const startTimeoutMs = 60_000;

// Guarding the agent itself.

/** Acts against the agent told one by one between two reports; more are told as a number. */
export const tamperToldMax = 20;
/** Events of one kind that a control group may cause in a second: one program that goes round in circles must not cost the others. */
export const throttleEventsMax = 5000;
/** How often the main thread looks whether it was stopped, and after how long a time it says so. */
export const pauseWatchMs = 1000;
export const pauseToldMs = 5000;
/** How often the file that says that the agent lives is written. */
export const stateFileMs = 5000;
/** Bytes of that file; ours has some hundred. */
export const stateFileSizeMaxBytes = 65_536;
/** Processes that began unseen and still run, named when the agent starts again. */
export const unseenNamedMax = 20;

// Captures.

/** Bytes of entries gathered before they are compressed and written: large enough to compress well, small enough to lose little. */
export const captureBlockBytes = 2 * MiB;
/** Largest block that a replay unpacks: a block and room for a program with larger ones, and no more than a bomb may cost. */
export const captureBlockPlainMaxBytes = 4 * MiB;
/** Names of users in one table of a capture, as text; JSON makes six characters of one at worst. */
export const captureUsersTextMax = 320 * KiB;
/** UTF-16 units of one text of a manifest. */
export const captureManifestTextMax = 4096;
/** Size that a capture ends at unless told otherwise: hours of a busy host, and still a file that can be carried away. */
export const captureSizeMaxBytes = 4 * 1024 * MiB;
/** How long entries may wait to be written: what a crash may cost. */
export const captureFlushMs = 1000;
/** Longest sleep of the loop: signals are heard between two. */
export const captureSleepMs = 50;

/** Bytes of saved correlation windows: they are about as large as in memory, where 32 MiB by estimate are the limit. */
export const correlationStateSizeMaxBytes = 64 * MiB;
/** How often they are saved: what a crash may cost. Saving all that may be held stops evaluation for some tenths of a second. */
export const correlationStateMs = 60_000;

function relation(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Cannot start: limits contradict each other: ${what}`);
}

relation(quietEventsMax < busyEventsMin, "a quiet time is not a busy one");
relation(exitedProcessesMax < processesMax, "exited processes must leave room for running ones");
relation(processBytesMax >= 256 * 65_536, "the largest programs must not push out each other at once");
relation(alertRingBytes >= 64 * 65_536, "the alert ring must hold a burst of the largest alerts");
relation(ruleFileSizeMaxBytes <= rulesSizeMaxBytes, "one rule file must fit into all rule files");
relation(indicatorFileSizeMaxBytes <= indicatorsSizeMaxBytes, "one file of indicators must fit into all of them");
relation(ruleFilesMax <= ruleWalkEntriesMax, "every rule file is an entry of the walk");
relation(logValueLengthMax * 4 <= logLineLengthMax, "a log line must have room for several long values");
relation(logLineLengthMax * 4 <= logQueueSizeMaxBytes, "the log queue must hold more than one line");
relation(configTextLengthMax <= configFileSizeMaxBytes, "a text value must fit into the file");
relation(captureBlockBytes >= 16 * 65_536, "a block of a capture must hold several of the largest records");
relation(captureBlockBytes <= captureBlockPlainMaxBytes, "a capture's own blocks must be readable");
relation(captureUsersTextMax * 6 + 1024 <= captureBlockBytes, "a table of users must fit into a block of a capture");
