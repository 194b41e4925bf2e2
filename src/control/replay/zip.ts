// The members of a zip archive that are recordings, in sorted order, each as a stream of bytes. The directory at the archive's end says
// what there is (APPNOTE 4.3.12, read by yauzl); sizes and checksums are compared with what comes out.

import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import {
  type Entry,
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  type ZipFile,
} from "yauzl";
import { fileRange } from "./bytes.ts";
import { errorCode, InputError } from "./input-error.ts";
import { isHidden, isRecording } from "./inputs.ts";
import { archiveEntriesMax, archiveMembersMax, memberNameMaxBytes } from "./limits.ts";
import { type Compression, countStored, countUnpacked, decompress, type UnpackBudget } from "./unpack.ts";

export interface ZipMember {
  /** As the archive has it. */
  readonly name: string;
  /** As the archive has it: a local time of nobody knows where, taken as UTC. Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /**
   * Its bytes as they were before they were archived. May end with an error: {@link InputError}, or of the decompressor. What is read of the
   * archive counts as stored in `stored`.
   */
  chunks(stored: UnpackBudget | undefined): AsyncIterable<Buffer>;
}

export interface ZipDirectory {
  /** Sorted by name; those that cannot be read are there too, and say so when they are asked for their bytes. */
  readonly members: readonly ZipMember[];
  /** Why members were left out that might be recordings. */
  readonly problems: readonly string[];
  close(): void;
}

/** The first bytes of an archive, also of an empty one. */
export const isZip = (head: Buffer): boolean =>
  head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6));

/** What the library reads the directory through. */
class FileReader extends RandomAccessReader {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(bytesRead === length ? null : new Error("it ends early")),
      (error: Error) => callback(error),
    );
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

/** The end record without its comment (APPNOTE 4.3.16), and how long that can be. */
const endBytes = 22;
const commentMaxBytes = 65_535;
/** Downloads and carved files have something behind the archive: the end record is looked for that much further up. */
const trailingMaxBytes = 65_536;

/** Where the archive in a file ends: behind the last end record whose comment fits; the file's size when there is none. */
async function archiveSize(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, endBytes + commentMaxBytes + trailingMaxBytes));
  const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
  for (let at = bytesRead - endBytes; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== 0x06054b50) continue;
    const end = at + endBytes + tail.readUInt16LE(at + 20);
    if (end <= bytesRead) return size - tail.length + end;
  }
  return size;
}

interface Found {
  readonly name: string;
  readonly entry: Entry;
}

/**
 * Reads the directory of the archive in `file`, which the caller closes after `close`. Members are recordings by name, as below a folder; of an
 * archive with one file in it, that file whatever it is called. Rejects with {@link InputError} when it cannot be read.
 */
export async function openZip(file: FileHandle, budget: UnpackBudget): Promise<ZipDirectory> {
  let zip: ZipFile;
  try {
    const options = { autoClose: false, lazyEntries: true, decodeStrings: false };
    zip = await fromRandomAccessReaderPromise(new FileReader(file), await archiveSize(file), options);
  } catch (error) {
    throw damaged(error);
  }
  // One that comes after the last entry has nobody else who listens.
  zip.on("error", () => {});
  const problems: string[] = [];
  const found: Found[] = [];
  let only: Found | undefined;
  let files = 0;
  let looked = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      if (++looked > archiveEntriesMax || found.length >= archiveMembersMax) {
        problems.push(`the archive has more than ${archiveMembersMax} recordings or ${archiveEntriesMax} entries`);
        break;
      }
      if (entry.fileNameLength > memberNameMaxBytes) {
        problems.push(`a name is longer than ${memberNameMaxBytes} bytes`);
        continue;
      }
      const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
      if (name.endsWith("/") || isHidden(name)) continue;
      files++;
      only = { name, entry };
      if (isRecording(name)) found.push(only);
    }
  } catch (error) {
    if (files === 0) throw damaged(error);
    problems.push(`its directory is damaged: ${messageOf(error)}`);
  }
  if (found.length === 0 && files === 1 && only !== undefined) found.push(only);
  // By code unit, as below a folder: the same order from every archiver.
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const members = found.map(({ name, entry }) => ({
    name,
    modifiedMs: entry.getLastModDate({ timezone: "UTC", forceDosFormat: true }).getTime(),
    chunks: (count?: UnpackBudget) => memberBytes(zip, file, entry, budget, count),
  }));
  return { members, problems, close: () => void zip.removeAllListeners("entry") };
}

async function* memberBytes(
  zip: ZipFile,
  file: FileHandle,
  entry: Entry,
  budget: UnpackBudget,
  count: UnpackBudget | undefined,
): AsyncIterable<Buffer> {
  if (entry.isEncrypted()) throw new InputError("it is encrypted");
  const { compressionMethod: method, compressedSize, uncompressedSize } = entry;
  const compression = compressionOfMethod(method);
  let from: number;
  try {
    from = (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
  } catch (error) {
    throw damaged(error);
  }
  const range = fileRange(file, from, compressedSize);
  const stored = count === undefined ? range : countStored(range, count);
  const chunks = compression === undefined ? stored : decompress(stored, compression);
  let size = 0;
  let checksum = 0;
  for await (const chunk of countUnpacked(chunks, budget)) {
    size += chunk.length;
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (size !== uncompressedSize) throw new InputError(`it is ${size} bytes long and should be ${uncompressedSize}`);
  if (checksum !== entry.crc32) throw new InputError("its checksum does not fit");
}

/** `undefined` for a member that is stored as it is. */
function compressionOfMethod(method: number): Compression | undefined {
  if (method === 0) return undefined;
  if (method === 8) return "deflate";
  if (method === 93) return "zstd";
  throw new InputError(`its compression (method ${method}) is not supported: only stored, deflate and zstd are`);
}

/** The library's own faults have a message; those of the system keep their code. */
function damaged(error: unknown): unknown {
  return errorCode(error) === "unknown" ? new InputError(`the archive is damaged: ${messageOf(error)}`) : error;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
