// The windows of correlations in a file, so that a restart does not forget half of an attack. One line says what the file is and what its content
// has to be; a file that is not exactly that is refused, never half understood. What is in the content is checked again where it is taken in.

import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { correlationStateSizeMaxBytes } from "../config/limits.ts";

const format = "sigil-correlation-state";
const version = 1;
/** The first line: a few numbers and a digest. */
const headLengthMax = 512;

/** What a file holds, or why it is not used. `absent`: nothing was ever saved, which is no fault. */
export type ReadState = { readonly text: string } | { readonly absent: true } | { readonly refused: string };

/** Reads a file that {@link CorrelationStateFile} wrote. Never throws, never follows a link at the end of the path. */
export function readCorrelationState(path: string): ReadState {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { absent: true };
    return { refused: code === "ELOOP" ? "it is a symbolic link" : (code ?? String(error)) };
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return { refused: "it is not a regular file" };
    // Whoever can write it can make correlations fire, or be silent.
    if (stat.uid !== process.geteuid?.()) return { refused: "it belongs to somebody else" };
    if ((stat.mode & 0o022) !== 0) return { refused: "others may write it" };
    if (stat.size > headLengthMax + correlationStateSizeMaxBytes) return { refused: "it is too large" };
    const bytes = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const got = readSync(file, bytes, length, bytes.length - length, null);
      if (got === 0) break;
      length += got;
    }
    return parse(bytes.subarray(0, length));
  } catch (error) {
    return { refused: (error as NodeJS.ErrnoException).code ?? String(error) };
  } finally {
    closeSync(file);
  }
}

function parse(bytes: Buffer): ReadState {
  const end = bytes.subarray(0, headLengthMax).indexOf(10);
  if (end === -1) return { refused: "it is no saved state" };
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString("utf8", 0, end));
  } catch {
    return { refused: "it is no saved state" };
  }
  if (typeof head !== "object" || head === null || !("format" in head) || head.format !== format)
    return { refused: "it is no saved state" };
  if (!("version" in head) || head.version !== version)
    return { refused: `it was written by another version of the format (this is ${version})` };
  const body = bytes.subarray(end + 1);
  if (!("sha256" in head) || head.sha256 !== createHash("sha256").update(body).digest("hex"))
    return { refused: "its content is not what was written: it is cut short or damaged" };
  return { text: body.toString("utf8") };
}

/** Writes states one at a time; one that comes meanwhile waits, and only the newest of them. */
export class CorrelationStateFile {
  readonly #path: string;
  readonly #failed: (reason: string) => void;
  #next: string | undefined;
  #writing: Promise<void> | undefined;

  /** `failed` is told why a state could not be written; the file is then as it was. */
  constructor(path: string, failed: (reason: string) => void) {
    this.#path = path;
    this.#failed = failed;
  }

  put(text: string): void {
    this.#next = text;
    this.#writing ??= this.#run();
  }

  /** Resolves when everything that was put is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #run(): Promise<void> {
    for (let text = this.#next; text !== undefined; text = this.#next) {
      this.#next = undefined;
      try {
        await this.#write(text);
      } catch (error) {
        this.#failed((error as NodeJS.ErrnoException).code ?? String(error));
      }
    }
    this.#writing = undefined;
  }

  async #write(text: string): Promise<void> {
    const body = Buffer.from(text, "utf8");
    if (body.length > correlationStateSizeMaxBytes)
      throw new Error(`it has ${body.length} bytes, more than ${correlationStateSizeMaxBytes}`);
    const head = JSON.stringify({ format, version, sha256: createHash("sha256").update(body).digest("hex") });
    const partial = `${this.#path}.${randomBytes(6).toString("hex")}.partial`;
    try {
      const file = await open(partial, "wx", 0o600);
      try {
        await file.writeFile(Buffer.concat([Buffer.from(`${head}\n`), body]));
        // Before the name: after a crash the old file or the new one is there, and whole.
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(partial, this.#path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }
}
