// Names of signals by number on Linux (x86-64, arm64 and most others; signal(7)).

import { constants } from "node:os";

const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) if (!names.has(number)) names.set(number, name);

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
    signalName: signal === 0 ? "" : (names.get(signal) ?? (signal >= 34 ? `SIGRTMIN+${signal - 34}` : `SIG${signal}`)),
    dumpedCore: (status & 0x80) !== 0,
  };
}
