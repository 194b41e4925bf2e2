// The first events of one recording, in the order of the file, through the readers and the normalizer of the replay: for looking at
// single events, not for evaluating streams.

import type { FieldTable } from "../../event/mod.ts";
import { EvtxError, JsonNormalizer, type RecordedEvent } from "../../normalize/mod.ts";
import { openBytes, take } from "./bytes.ts";
import { detectFormat } from "./format.ts";
import { errorCode } from "./inputs.ts";
import { probeBytes } from "./limits.ts";
import { openReader } from "./readers.ts";

export interface FirstEvents {
  readonly events: readonly RecordedEvent[];
  /** The input has more than was asked for. */
  readonly hasMore: boolean;
  /** Records that could not be read, up to the last event given. */
  readonly malformed: number;
  /** Where the first of these is and why, or why the input could not be read (to its end). */
  readonly problem?: string;
}

/** Reads no further than `countMax` events. Never rejects for what is in the input; `-` is `stdin`. */
export async function readFirstEvents(
  path: string,
  fields: FieldTable,
  countMax: number,
  stdin: NodeJS.ReadableStream = process.stdin,
): Promise<FirstEvents> {
  const events: RecordedEvent[] = [];
  let hasMore = false;
  let malformed = 0;
  let problem: string | undefined;
  try {
    const { head, rest, close } = await take(openBytes(path, stdin, true).chunks, probeBytes);
    const found = detectFormat(head);
    if ("unsupported" in found) {
      await close();
      return { events, hasMore, malformed, problem: `this version does not read ${found.unsupported} here` };
    }
    if (found.format === "capture") {
      await close();
      return {
        events,
        hasMore,
        malformed,
        problem: "it is a capture: replay it, and look at `sigil.event` of an alert",
      };
    }
    const reader = openReader(found.format, {
      normalizer: new JsonNormalizer(fields),
      sorter: {
        add: ({ event }) => {
          if (events.length < countMax) events.push(event);
          else hasMore = true;
        },
      },
      input: 0,
      onDamage: (where, reason, lost) => {
        if (hasMore) return;
        malformed += lost;
        problem ??= "line" in where ? `line ${where.line}: ${reason}` : `byte ${where.offset}: ${reason}`;
      },
    });
    for await (const chunk of rest) {
      reader.push(chunk);
      if (hasMore) break;
    }
    if (!hasMore) reader.end();
  } catch (error) {
    if (error instanceof EvtxError) problem = error.message;
    else if (errorCode(error) === "unknown") throw error;
    else problem = `cannot be read: ${reasonOf(errorCode(error))}`;
  }
  return { events, hasMore, malformed, ...(problem === undefined ? {} : { problem }) };
}

function reasonOf(code: string): string {
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a folder";
    default:
      return code;
  }
}
