// The bounds of an output, each with its reason.

import { lineSizeMaxBytes } from "../alert/mod.ts";

/** Bytes that wait for one output. 16 MiB are about 8,000 alerts of 2 KB: a reader may pause for seconds in a storm. */
export const queueSizeMaxBytes = 16 << 20;

/** Lines that wait for one output: bounds what the lines cost beside their bytes (about 100 each). */
export const queueLineCountMax = 65_536;

/** Above this `write` asks its caller to wait. Far enough below the bound that who waits after each line never loses one. */
export const highWaterBytes = 2 << 20;

/** Bytes handed to the system at once: enough that calls cost nothing, small enough that counters keep moving. */
export const batchSizeBytes = 256 << 10;

/** First and longest pause before a failed write to a file is tried again. */
export const retryFirstMs = 250;
export const retryLongestMs = 30_000;

/** Pause between two reports that one output drops lines. */
export const dropReportIntervalMs = 10_000;

/** Outputs of one sink: stdout and a handful of files. */
export const outputCountMax = 16;

if (highWaterBytes + lineSizeMaxBytes > queueSizeMaxBytes)
  throw new Error("Cannot work with these limits: a caller that waits at the high-water mark could still lose a line");
