// Puts a report where it was asked for: whole or not at all, so that nobody opens half of one.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

/** Replaces `path`; only its owner may read it, because command lines hold secrets. Throws what the system says (ENOSPC, EACCES …). */
export function writeReport(path: string, html: string): void {
  const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
  try {
    const file = openSync(partial, "wx", 0o600);
    try {
      const bytes = Buffer.from(html, "utf8");
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
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
