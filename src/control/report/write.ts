// Puts a report where it was asked for: whole or not at all, so that nobody opens half of one.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from "node:fs";

/**
 * Replaces `path`, or the file that a link there leads to; only its owner may read it, because command lines hold secrets. What is no
 * regular file (a pipe, a device) is written to and stays. Throws what the system says (ENOSPC, EACCES …).
 */
export function writeReport(path: string, html: string): void {
  const bytes = Buffer.from(html, "utf8");
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    const file = openSync(path, "w");
    try {
      writeAll(file, bytes);
    } finally {
      closeSync(file);
    }
    return;
  }
  if (there !== undefined) path = realpathSync(path);
  const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
  try {
    const file = openSync(partial, "wx", 0o600);
    try {
      writeAll(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
}
