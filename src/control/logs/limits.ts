// Bounds of reading logs, each with its reason. Their relations are asserted below.

import { logLineLengthMax } from "../../normalize/mod.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Ring from the readers to the detect worker: thousands of lines. When it is full the files and the journal wait: they are queues themselves. */
export const logRingBytes = 1 * MiB;
/** Bytes of a line of a file that are kept; the rest of it is skipped and the line counted as cut. The parser reads no more. */
export const logLineSizeMaxBytes = logLineLengthMax;
/** Bytes of one read from a file. */
export const logReadSizeBytes = 64 * KiB;
/** Bytes of one file taken in one turn, so that a file that grows fast holds up neither the others nor the main thread: 3 ms. */
export const logTurnSizeMaxBytes = 1 * MiB;
/** How often files are looked at. A look at a file without news is two system calls. */
export const logPollMs = 250;
/** Files read at once: each is a descriptor. */
export const logFilesMax = 64;
/** Bytes of one record of the journal as JSON: a message that is not text takes four bytes for each of its own. Longer ones are counted as lost. */
export const journalRecordSizeMaxBytes = 256 * KiB;
/** Pauses between the ends of journalctl and its next starts: doubled each time, from and to. */
export const journalRestartMinMs = 1000;
export const journalRestartMaxMs = 60_000;
/** A run that lasted this long was a good one: the next pause is the shortest again. */
export const journalGoodRunMs = 60_000;
/** How long a full ring is left alone. */
export const logFullPauseMs = 20;

if (journalRecordSizeMaxBytes * 2 > logRingBytes || logLineSizeMaxBytes * 2 > logRingBytes)
  throw new Error("Cannot start: the ring of log lines must hold the longest line and the longest record");
