// Looks into archives: zip, tar, gzip, zstd, xz, one in another to a depth, to a number of bytes in all. Runs inside a scan worker: a
// bomb costs its worker's time limit at worst. What is not unfolded is named with the reason.

import zlib from "node:zlib";
import { tarMembers, zipMembers } from "./archive-index.ts";
import { archiveDepthMax, archiveExpandedMaxBytes, archiveMembersMax, memberSizeMaxBytes } from "./limits.ts";
import { unpackXz } from "./xz.ts";

/** What happens with each member; `path` names it from the outermost archive inwards, with slashes. */
export interface MemberSink {
  scan(path: string, data: Uint8Array): void;
  skip(path: string, reason: string): void;
}

/** One archive's account: what is left of its limits. */
export interface Budget {
  bytes: number;
  members: number;
}

export const newBudget = (): Budget => ({ bytes: archiveExpandedMaxBytes, members: archiveMembersMax });

type Kind = "zip" | "tar" | "gzip" | "zstd" | "xz";

export function archiveKind(data: Uint8Array): Kind | undefined {
  const starts = (...magic: readonly number[]): boolean => magic.every((byte, at) => data[at] === byte);
  if (starts(0x50, 0x4b, 3, 4) || starts(0x50, 0x4b, 5, 6)) return "zip";
  if (starts(0x1f, 0x8b, 8)) return "gzip";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)) return "xz";
  if (data.length >= 512 && Buffer.from(data.buffer, data.byteOffset + 257, 5).toString("latin1") === "ustar")
    return "tar";
  return undefined;
}

/** Unfolds `data`, which the caller scans itself. Never throws; what is broken is skipped with the reason. */
export async function unfold(
  data: Uint8Array,
  path: string,
  sink: MemberSink,
  budget: Budget,
  depth = 1,
): Promise<void> {
  const kind = archiveKind(data);
  if (kind === undefined) return;
  if (depth > archiveDepthMax) {
    sink.skip(path, `archives are opened ${archiveDepthMax} levels deep`);
    return;
  }
  const below = path === "" ? "" : `${path}/`;
  const take = async (name: string, member: Uint8Array): Promise<void> => {
    budget.members--;
    budget.bytes -= member.length;
    // What lies in a tar lies there as it is, and is scanned as a member.
    if (archiveKind(member) !== "tar" || depth >= archiveDepthMax) sink.scan(name, member);
    await unfold(member, name, sink, budget, depth + 1);
  };
  /** A member is refused before it costs anything. */
  const refusal = (sizeBytes: number): string | undefined => {
    if (budget.members <= 0) return `more than ${archiveMembersMax} members in one archive`;
    if (sizeBytes > memberSizeMaxBytes) return `larger than ${memberSizeMaxBytes} bytes`;
    if (sizeBytes > budget.bytes) return `the archive unfolds to more than ${archiveExpandedMaxBytes} bytes`;
    return undefined;
  };
  try {
    if (kind === "zip" || kind === "tar") {
      for (const member of kind === "zip" ? zipMembers(data) : tarMembers(data)) {
        const name = below + member.name;
        const reason = "reason" in member ? member.reason : refusal(member.sizeBytes);
        if (reason !== undefined) {
          sink.skip(name, reason);
          if (budget.members <= 0) return;
          budget.members--;
          continue;
        }
        if ("reason" in member) continue;
        let content: Uint8Array;
        try {
          content = member.read(Math.min(memberSizeMaxBytes, budget.bytes));
        } catch (error) {
          budget.members--;
          sink.skip(name, reasonOf(error));
          continue;
        }
        await take(name, content);
      }
      return;
    }
    const name = `${below}(${kind})`;
    const reason = refusal(0);
    if (reason !== undefined) {
      sink.skip(name, reason);
      return;
    }
    const maxOutputLength = Math.max(1, Math.min(memberSizeMaxBytes, budget.bytes));
    let content: Uint8Array;
    try {
      content = kind === "xz" ? await unpackXz(data, maxOutputLength) : unpack(kind, data, maxOutputLength);
    } catch (error) {
      sink.skip(name, reasonOf(error));
      return;
    }
    await take(name, content);
  } catch (error) {
    sink.skip(path, reasonOf(error));
  }
}

const unpack = (kind: "gzip" | "zstd", data: Uint8Array, maxOutputLength: number): Uint8Array =>
  kind === "gzip" ? zlib.gunzipSync(data, { maxOutputLength }) : zlib.zstdDecompressSync(data, { maxOutputLength });

function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  if (code === "ERR_BUFFER_TOO_LARGE") return "it unfolds to more than is allowed";
  return `cannot unfold: ${(message ?? String(error)).slice(0, 100)}`;
}
