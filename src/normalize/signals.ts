// Names of signals by number on Linux (x86-64, arm64 and most others; signal(7)). A table, not the runtime's constants: a capture
// is replayed on other systems, which number them otherwise.

const names = (
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU " +
  "URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
).split(" ");

/** Name of a signal: `SIGKILL`, `SIGRTMIN+2` (34 is the first that programs get from glibc); empty for 0. */
export function signalName(signal: number): string {
  if (signal === 0) return "";
  const name = names[signal - 1];
  if (name !== undefined) return `SIG${name}`;
  return signal >= 34 && signal <= 64 ? `SIGRTMIN+${signal - 34}` : `SIG${signal}`;
}

/** How a process ended, from its wait status. */
export interface ExitStatus {
  /** Exit code; 0 when a signal ended it. */
  readonly code: number;
  /** Number of the signal that ended it; 0 when it exited by itself. */
  readonly signal: number;
  readonly signalName: string;
  readonly dumpedCore: boolean;
}

export function decodeExit(status: number): ExitStatus {
  const signal = status & 0x7f;
  return {
    code: signal === 0 ? (status >> 8) & 0xff : 0,
    signal,
    signalName: signalName(signal),
    dumpedCore: (status & 0x80) !== 0,
  };
}
