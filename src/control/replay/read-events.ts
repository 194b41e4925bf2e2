// The first events of one recording, in the order of the file, through the readers and the normalizer of the replay: for looking at
// single events, not for evaluating streams.

import type { FieldTable } from "../../event/mod.ts";
import { EvtxError, type RecordedEvent } from "../../normalize/mod.ts";
import { take } from "./bytes.ts";
import { detectFormat } from "./format.ts";
import { InputError, inputReason, isInputError } from "./input-error.ts";
import { probeBytes } from "./limits.ts";
import { openReader } from "./readers.ts";
import { openSources } from "./sources.ts";
import { UnpackBudget } from "./unpack.ts";

export interface FirstEvents {
  readonly events: readonly RecordedEvent[];
  /** The input has more than was asked for. */
  readonly hasMore: boolean;
  /** Records that could not be read, up to the last event given. */
  readonly malformed: number;
  /** Where the first of these is and why, or why the input could not be read (to its end). */
  readonly problem?: string;
}

/** Reads no further than `countMax` events; of an archive, its first member. Never rejects for what is in the input; `-` is `stdin`. */
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
  const budget = new UnpackBudget();
  const sources = openSources(path, stdin, true, budget);
  try {
    const first = await sources.next();
    if (first.done === true) throw new InputError("nothing is in it");
    if ("problem" in first.value) throw new InputError(first.value.problem);
    const { isPacked } = first.value;
    const { head, rest, close } = await take(first.value.chunks, probeBytes);
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
      table: fields,
      path,
      modifiedMs: first.value.modifiedMs,
      onEvent: ({ event }) => {
        if (events.length < countMax) events.push(event);
        else hasMore = true;
      },
      input: 0,
      onDamage: (where, reason, lost) => {
        if (hasMore) return;
        malformed += lost;
        problem ??= "line" in where ? `line ${where.line}: ${reason}` : `byte ${where.offset}: ${reason}`;
      },
    });
    for await (const chunk of rest) {
      const before = events.length;
      reader.push(chunk);
      if (isPacked) budget.delivered(chunk.length, events.length > before);
      if (hasMore) break;
    }
    if (!hasMore) reader.end();
  } catch (error) {
    if (error instanceof EvtxError) problem = error.message;
    else if (!isInputError(error)) throw error;
    else problem = `cannot be read: ${inputReason(error)}`;
  } finally {
    await sources.return(undefined);
  }
  return { events, hasMore, malformed, ...(problem === undefined ? {} : { problem }) };
}
