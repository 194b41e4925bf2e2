// The address of a socket as SOCKADDR records have it: struct sockaddr in hexadecimal, in the byte order of the machine (little-endian on all
// that Sigil knows), under the names that auditd uses when it interprets it.

const addressMaxBytes = 128;

/** `saddr_fam`, and `laddr` and `lport` or `path`; nothing when it cannot be read. O(1). */
export function decodeSockaddr(saddr: string): (readonly [name: string, value: string])[] {
  if (saddr.length > 2 * addressMaxBytes || !/^(?:[0-9A-F]{2}){2,}$/.test(saddr)) return [];
  const bytes = Buffer.from(saddr, "hex");
  const family = bytes.readUInt16LE(0);
  if (family === 1) {
    const end = bytes.indexOf(0, bytes[2] === 0 ? 3 : 2);
    // An abstract name begins with NUL, shown as @.
    const path = bytes.toString("utf8", 2, end === -1 ? bytes.length : end).replace(/^\0/, "@");
    return [["saddr_fam", "local"], ...(path === "" ? [] : [["path", path] as const])];
  }
  if (family === 2 && bytes.length >= 8)
    return [
      ["saddr_fam", "inet"],
      ["laddr", [...bytes.subarray(4, 8)].join(".")],
      ["lport", String(bytes.readUInt16BE(2))],
    ];
  if (family === 10 && bytes.length >= 24)
    return [
      ["saddr_fam", "inet6"],
      ["laddr", inet6(bytes.subarray(8, 24))],
      ["lport", String(bytes.readUInt16BE(2))],
    ];
  const name = family === 16 ? "netlink" : family === 17 ? "packet" : undefined;
  return name === undefined ? [] : [["saddr_fam", name]];
}

/** In the form of RFC 5952: the longest run of zeros shortened, an IPv4 address of RFC 4291 2.5.5.2 with dots. */
function inet6(bytes: Buffer): string {
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff)
    return `::ffff:${[...bytes.subarray(12)].join(".")}`;
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; ) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
    at += Math.max(1, length);
  }
  const text = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(":");
  return best.at === -1 ? text(0, 8) : `${text(0, best.at)}::${text(best.at + best.length, 8)}`;
}
