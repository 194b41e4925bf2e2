// The name of a process that stays unique across hosts, restarts of the agent and reuse of pids: what joins the events of
// one process. Stands here and not with the alerts because normalizers write it into events (`ProcessGuid`).

/** A process's identity in both spellings, from the same hash. */
export interface ProcessIdentity {
  /** `process.entity_id`: the first 22 characters (132 bits) of the base64url SHA-256 of `host|pid|start`. */
  readonly entityId: string;
  /** Sysmon's `ProcessGuid`: the first 16 bytes of the same hash as `{8-4-4-4-12}`, upper case. */
  readonly guid: string;
}

/**
 * The identity of a process. `start` is what tells two processes with one pid apart, exact and never rounded: nanoseconds since boot
 * on Linux (with the boot id as part of `hostId` or of `start`), creation FILETIME on Windows. Same input, same result, on
 * every machine. About 1 µs.
 */
export function processIdentity(hostId: string, pid: number, start: number | bigint | string): ProcessIdentity {
  const hash = new Bun.CryptoHasher("sha256").update(`${hostId}|${pid}|${start}`).digest();
  const hex = hash.toString("hex", 0, 16).toUpperCase();
  const guid = `{${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}}`;
  return { entityId: hash.toString("base64url").slice(0, 22), guid };
}
