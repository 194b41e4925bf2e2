// What there is to read in an input: the file itself, or the members of an archive, each a stream of bytes with a name and a digest.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileRange, pipeChunks, toUtf8 } from "./bytes.ts";
import { InputError, inputReason, isInputError } from "./input-error.ts";
import { archiveDepthMax, spoolMaxBytes } from "./limits.ts";
import { BombError, countStored, type UnpackBudget, unpackLayers } from "./unpack.ts";
import { isZip, openZip } from "./zip.ts";

export interface Source {
  /** The input as given; of a member, the archive as given, `!` and the member's name in it. */
  readonly path: string;
  /** When it was last changed, milliseconds since the epoch, as its folder or its archive says; `undefined` for a stream. */
  readonly modifiedMs: number | undefined;
  /** Something was unpacked to get at it. */
  readonly isPacked: boolean;
  /** Chunks, of text in UTF-8 without a byte order mark; a chunk is valid until the next one is asked for. May end with an error. */
  readonly chunks: AsyncIterable<Buffer>;
  /**
   * SHA-256, hex, of the file as it is stored; of a member, as it would be after unpacking the archive. Complete once `chunks` has
   * ended, also when it ended with an error.
   */
  digest(): string;
}

/** Part of an input that cannot be read at all. */
export interface Refusal {
  readonly path: string;
  readonly problem: string;
  /** Something was lost by it; false when there was nothing to be read. */
  readonly isLoss: boolean;
}

/**
 * Opens `path`, or standard input for `-`, and gives what is in it, one after the other: each must be read or left before the next is asked for.
 * Compression (gzip, zstd), archives (zip) and UTF-16 are told by the first bytes, not by the name. What the system refuses is thrown
 * from here; what is wrong with a member is a {@link Refusal}, and the others follow.
 */
export async function* openSources(
  path: string,
  stdin: NodeJS.ReadableStream,
  isText: boolean,
  budget: UnpackBudget,
): AsyncGenerator<Source | Refusal> {
  let file: FileHandle | undefined;
  try {
    if (path === "-") {
      yield* sourcesOf(path, countStored(toBuffers(stdin), budget), undefined, {
        isText,
        budget,
        depth: 0,
        modifiedMs: undefined,
      });
      return;
    }
    file = await open(path, "r");
    const stat = await file.stat();
    const isRegular = stat.isFile();
    const modifiedMs = isRegular ? stat.mtimeMs : undefined;
    // Pipes and devices have no offsets and no end that could be asked for.
    const chunks = isRegular ? fileRange(file, 0, Number.POSITIVE_INFINITY) : pipeChunks(file);
    yield* sourcesOf(path, countStored(chunks, budget), isRegular ? file : undefined, {
      isText,
      budget,
      depth: 0,
      modifiedMs,
    });
  } finally {
    await file?.close();
  }
}

interface Context {
  readonly isText: boolean;
  readonly budget: UnpackBudget;
  /** Archives around this one. */
  readonly depth: number;
  readonly modifiedMs: number | undefined;
}

async function* sourcesOf(
  path: string,
  stored: AsyncIterable<Buffer>,
  file: FileHandle | undefined,
  context: Context,
): AsyncGenerator<Source | Refusal> {
  const { isText, budget, depth } = context;
  const hash = createHash("sha256");
  const { head, chunks, isPacked, close } = await unpackLayers(hashed(stored, hash), budget);
  if (!isZip(head)) {
    let digest: string | undefined;
    yield {
      path,
      modifiedMs: context.modifiedMs,
      isPacked: isPacked || depth > 0,
      chunks: isText ? toUtf8(chunks) : chunks,
      digest: () => {
        digest ??= hash.digest("hex");
        return digest;
      },
    };
    return;
  }
  if (depth >= archiveDepthMax) {
    await close();
    throw new InputError(`archives are nested deeper than ${archiveDepthMax}`);
  }
  if (file !== undefined && !isPacked) {
    await close();
    budget.size((await file.stat()).size);
    yield* membersOf(path, file, context, true);
    return;
  }
  // The directory is at the end: what cannot be read there at once is put on disk first.
  const folder = mkdtempSync(join(tmpdir(), "sigil-replay-"));
  try {
    const spool = await spooled(chunks, join(folder, "archive"));
    // Nothing is left behind then, however this ends. Where an open file keeps its name, it goes below.
    if (process.platform !== "win32") rmSync(folder, { recursive: true, force: true });
    try {
      yield* membersOf(path, spool, context, false);
    } finally {
      await spool.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* membersOf(
  path: string,
  file: FileHandle,
  context: Context,
  isInPlace: boolean,
): AsyncGenerator<Source | Refusal> {
  const { members, problems, close } = await openZip(file, context.budget);
  try {
    for (const problem of problems) yield { path, problem, isLoss: true };
    if (members.length === 0 && problems.length === 0)
      yield { path, problem: "no recording is in the archive", isLoss: false };
    for (const member of members) {
      const name = `${path}!${member.name}`;
      try {
        const chunks = member.chunks(isInPlace ? context.budget : undefined);
        yield* sourcesOf(name, chunks, undefined, {
          ...context,
          depth: context.depth + 1,
          modifiedMs: member.modifiedMs,
        });
      } catch (error) {
        if (!isInputError(error) || error instanceof BombError) throw error;
        yield { path: name, problem: inputReason(error), isLoss: true };
      }
    }
  } finally {
    close();
  }
}

async function spooled(chunks: AsyncIterable<Buffer>, path: string): Promise<FileHandle> {
  const file = await open(path, "wx+", 0o600);
  try {
    let size = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > spoolMaxBytes) throw new InputError(`the archive is larger than ${spoolMaxBytes} bytes`);
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
    }
    return file;
  } catch (error) {
    await file.close();
    if (isInputError(error)) throw error;
    throw new Error(`Cannot unpack an archive: nothing can be written below ${tmpdir()}`, { cause: error });
  }
}

async function* toBuffers(stream: NodeJS.ReadableStream): AsyncIterable<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer | string>)
    yield typeof chunk === "string"
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}
