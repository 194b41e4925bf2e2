// What the file programs of the kernel side are told: which names sensitive files have, and which paths nobody wants to hear of.

/** As NAME_ROOM and PREFIX_ROOM in native/bpf/file.bpf.c. */
const nameRoomBytes = 64;
const prefixRoomBytes = 128;
/** As in the maps there. */
export const fileNamesMax = 256;
export const filePrefixesMax = 256;

export interface FileSettings {
  /** Last components of the paths whose opening for reading is told; longer ones than 63 bytes are not. */
  readonly sensitiveNames: readonly string[];
  /** Beginnings of paths of files whose opening and closing is not told; at most 128 bytes of each count. */
  readonly excludedPrefixes: readonly string[];
}

/** Entries of the kernel's maps. What does not fit is left out; {@link fileNamesMax} and its kin say what does. */
export function fileMapEntries(settings: FileSettings): { map: string; key: Uint8Array; value: Uint8Array }[] {
  const one = new Uint8Array([1]);
  const entries: { map: string; key: Uint8Array; value: Uint8Array }[] = [];
  let lengths = 0n;
  for (const name of settings.sensitiveNames.slice(0, fileNamesMax)) {
    const bytes = Buffer.from(name);
    if (bytes.length === 0 || bytes.length >= nameRoomBytes) continue;
    const key = new Uint8Array(nameRoomBytes);
    key.set(bytes);
    lengths |= 1n << BigInt(bytes.length);
    entries.push({ map: "file_names", key, value: one });
  }
  const prefixes = settings.excludedPrefixes.filter((prefix) => prefix !== "").slice(0, filePrefixesMax);
  for (const prefix of prefixes) {
    const bytes = Buffer.from(prefix).subarray(0, prefixRoomBytes);
    const key = new Uint8Array(4 + prefixRoomBytes);
    new DataView(key.buffer).setUint32(0, bytes.length * 8, true);
    key.set(bytes, 4);
    entries.push({ map: "file_excluded", key, value: one });
  }
  entries.push(setting(0, lengths), setting(1, BigInt(prefixes.length)));
  return entries;
}

function setting(index: number, value: bigint): { map: string; key: Uint8Array; value: Uint8Array } {
  const key = new Uint8Array(4);
  const bytes = new Uint8Array(8);
  new DataView(key.buffer).setUint32(0, index, true);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return { map: "file_settings", key, value: bytes };
}
