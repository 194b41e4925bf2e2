// Snapshots of compiled rules on disk, signed with a key that only this installation has. A file that is not by this key, of another
// version or cut off is as good as none: the rules are compiled again.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { checkedSnapshot, signatureBytes, signSnapshot } from "../../detect/yara/mod.ts";
import { snapshotSizeMaxBytes, snapshotsKeptMax } from "./limits.ts";
import type { LoadedSnapshot } from "./pool.ts";
import type { StoredFacts } from "./rules.ts";

/** What a file holds behind the snapshot and before the signature: JSON, and its size. */
const trailerBytes = 4;

export class SnapshotStore {
  readonly #folder: string;
  readonly #key: Uint8Array;
  /** Why the last snapshot could not be used or kept; for the log. */
  trouble = "";

  /** Opens a folder, making it and its key when they are not there. Throws when others could write to it. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = statSync(folder);
    if (stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0)
      throw new Error(`Cannot keep compiled rules in ${folder}: others can write to it`);
    this.#key = this.#openKey();
  }

  /** The set of this digest: checked, its descriptor open. */
  open(digest: string): ({ readonly snapshot: LoadedSnapshot } & StoredFacts) | undefined {
    let fd: number | undefined;
    try {
      fd = openSync(this.#path(digest), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch {
      return undefined;
    }
    try {
      const { size } = fstatSync(fd);
      if (size > snapshotSizeMaxBytes) throw new Error("it is too large");
      const bytes = checkedSnapshot(readWhole(fd, size), this.#key);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const factBytes = view.readUInt32LE(view.length - trailerBytes);
      const sizeBytes = view.length - trailerBytes - factBytes;
      const facts = JSON.parse(view.toString("utf8", sizeBytes, sizeBytes + factBytes)) as StoredFacts;
      return { snapshot: { digest, descriptor: fd, sizeBytes }, ...facts };
    } catch (error) {
      closeSync(fd);
      this.trouble = `a snapshot was not used: ${(error as Error).message}`;
      return undefined;
    }
  }

  /** Keeps a set; what cannot be kept is compiled again next time. */
  put(snapshot: LoadedSnapshot, facts: StoredFacts): void {
    const path = this.#path(snapshot.digest);
    const partial = `${path}.${process.pid}.partial`;
    let fd: number | undefined;
    try {
      const text = Buffer.from(JSON.stringify(facts));
      const size = Buffer.alloc(trailerBytes);
      size.writeUInt32LE(text.length);
      const bytes = Buffer.concat([readWhole(snapshot.descriptor, snapshot.sizeBytes), text, size]);
      if (bytes.length + signatureBytes > snapshotSizeMaxBytes) throw new Error("it is too large");
      fd = openSync(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
      for (const part of [bytes, signSnapshot(bytes, this.#key)])
        for (let at = 0; at < part.length; ) at += writeSync(fd, part, at);
      renameSync(partial, path);
      this.#forgetOld();
    } catch (error) {
      this.trouble = `compiled rules were not kept: ${(error as Error).message}`;
      try {
        unlinkSync(partial);
      } catch {
        // It was never there.
      }
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #path(digest: string): string {
    return join(this.#folder, `yara-${digest}.snapshot`);
  }

  /** The newest stay. */
  #forgetOld(): void {
    const names = readdirSync(this.#folder).filter((name) => /^yara-[0-9a-f]{64}\.snapshot$/.test(name));
    const ages = names.map((name) => ({ name, at: statSync(join(this.#folder, name)).mtimeMs }));
    for (const { name } of ages.sort((a, b) => b.at - a.at).slice(snapshotsKeptMax))
      unlinkSync(join(this.#folder, name));
  }

  #openKey(): Uint8Array {
    const path = join(this.#folder, "snapshot.key");
    try {
      const fd = openSync(
        path,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      try {
        fchmodSync(fd, 0o600);
        writeSync(fd, randomBytes(32));
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const key = readWhole(fd, 32);
      if (fstatSync(fd).size !== 32) throw new Error(`Cannot use ${path}: it is no key`);
      return key;
    } finally {
      closeSync(fd);
    }
  }
}

function readWhole(fd: number, sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const got = readSync(fd, bytes, at, sizeBytes - at, at);
    if (got === 0) throw new Error("it is cut off");
    at += got;
  }
  return bytes;
}
