// The tables of zip (APPNOTE 6.3.10) and tar (POSIX.1-2017, pax, ustar; GNU's long names). Nothing a table says is believed: every
// offset and size is held against what is there.

import zlib from "node:zlib";
import { archiveMembersMax, pathLengthMax } from "./limits.ts";

export type Member =
  | { readonly name: string; readonly sizeBytes: number; readonly read: (sizeMaxBytes: number) => Uint8Array }
  /** Cannot be read. */
  | { readonly name: string; readonly reason: string };

const buffer = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const centralSignature = 0x02014b50;
const endSignature = 0x06054b50;
const localSignature = 0x04034b50;
/** End record and its longest comment. */
const endSearchBytes = 22 + 65_535;

/** Members by the central directory. Throws for a zip without one. */
export function* zipMembers(data: Uint8Array): Generator<Member> {
  const zip = buffer(data);
  let end = -1;
  for (let at = zip.length - 22; at >= Math.max(0, zip.length - endSearchBytes); at--)
    if (zip.readUInt32LE(at) === endSignature) {
      end = at;
      break;
    }
  if (end === -1) throw new Error("no central directory");
  let at = zip.readUInt32LE(end + 16);
  const count = Math.min(zip.readUInt16LE(end + 10), archiveMembersMax + 1);
  for (let index = 0; index < count; index++) {
    if (at + 46 > zip.length || zip.readUInt32LE(at) !== centralSignature)
      throw new Error("the central directory is broken");
    const flags = zip.readUInt16LE(at + 8);
    const method = zip.readUInt16LE(at + 10);
    const packedBytes = zip.readUInt32LE(at + 20);
    const sizeBytes = zip.readUInt32LE(at + 24);
    const nameBytes = zip.readUInt16LE(at + 28);
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString("utf8", at + 46, Math.min(zip.length, at + 46 + Math.min(nameBytes, pathLengthMax)));
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    if (name.endsWith("/")) continue;
    if ((flags & 1) !== 0) yield { name, reason: "encrypted" };
    else if (method !== 0 && method !== 8) yield { name, reason: `compression method ${method} is not known` };
    else if (packedBytes === 0xffffffff || sizeBytes === 0xffffffff || local === 0xffffffff)
      yield { name, reason: "zip64 is not known" };
    else yield { name, sizeBytes, read: (sizeMax) => readZip(zip, local, packedBytes, method, sizeMax) };
  }
}

function readZip(zip: Buffer, local: number, packedBytes: number, method: number, sizeMaxBytes: number): Uint8Array {
  if (local + 30 > zip.length || zip.readUInt32LE(local) !== localSignature)
    throw new Error("a member is not where it should be");
  const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  if (from + packedBytes > zip.length) throw new Error("a member is cut off");
  const packed = zip.subarray(from, from + packedBytes);
  if (method === 0) return packed;
  // Not what the table promises: one that lies is scanned all the same, within the limit.
  return zlib.inflateRawSync(packed, { maxOutputLength: Math.max(1, sizeMaxBytes) });
}

const blockBytes = 512;

export function* tarMembers(data: Uint8Array): Generator<Member> {
  const tar = buffer(data);
  let longName: string | undefined;
  for (let at = 0; at + blockBytes <= tar.length; ) {
    const block = tar.subarray(at, at + blockBytes);
    if (block[0] === 0) return;
    const sizeBytes = tarNumber(block.subarray(124, 136));
    const type = String.fromCharCode(block[156] ?? 0);
    const from = at + blockBytes;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error("a tar entry is broken");
    const content = tar.subarray(from, Math.min(tar.length, from + sizeBytes));
    at = from + Math.ceil(sizeBytes / blockBytes) * blockBytes;
    if (type === "L") {
      longName = tarText(content.subarray(0, pathLengthMax));
      continue;
    }
    if (type === "x") {
      // Records "LENGTH path=VALUE\n" (POSIX.1-2017, pax interchange format).
      longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString("utf8", 0, 65_536))?.[1]?.slice(0, pathLengthMax);
      continue;
    }
    const prefix = tarText(block.subarray(345, 500));
    const short = tarText(block.subarray(0, 100));
    const name = longName ?? (prefix === "" ? short : `${prefix}/${short}`);
    longName = undefined;
    if (type !== "0" && type !== "\0" && type !== "7") continue;
    if (content.length < sizeBytes) yield { name, reason: "the archive is cut off" };
    else yield { name, sizeBytes, read: () => content };
  }
}

function tarText(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? bytes.length : end);
}

/** Octal text, or base 256 when the first bit is set. */
function tarNumber(bytes: Buffer): number {
  if ((bytes[0]! & 0x80) === 0) {
    const text = tarText(bytes).trim();
    return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : -1;
  }
  return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}
