// What the exit status of the agent says. The numbers from 64 on are those of sysexits.h, which systemd prints by name.

export const ExitCode = {
  /** Done. Also when the reader of stdout went away: that is how `head` says thank you. */
  ok: 0,
  /** Findings, failed checks, or a fault inside the agent. */
  findings: 1,
  /** Partly done: something could not be looked at. */
  partial: 2,
  /** The command line is wrong (EX_USAGE). */
  usage: 64,
  /** A sensor cannot run on this machine (EX_UNAVAILABLE). */
  unavailable: 69,
  /** A permission is missing (EX_NOPERM). */
  noPermission: 77,
  /** The configuration is wrong (EX_CONFIG). */
  config: 78,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The table of `--help`, the man page and the reference. */
export const exitCodeDocs: readonly (readonly [ExitCode, string])[] = [
  [ExitCode.ok, "done; also when the reader of stdout went away"],
  [ExitCode.findings, "findings, failed checks, or an internal fault"],
  [ExitCode.partial, "partly done"],
  [ExitCode.usage, "wrong command line"],
  [ExitCode.unavailable, "a sensor cannot run here"],
  [ExitCode.noPermission, "a permission is missing"],
  [ExitCode.config, "wrong configuration"],
];
