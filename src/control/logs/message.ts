// A log line on its way from the main thread, which reads files, to the detect worker, which never does. Written and read here
// alone.
//
//   line     f64 when it was read, ms since the epoch │ u16 length of path │ path │ the line's bytes
//   journal  one record as `journalctl --output=json` writes it

export const logLineKind = 1;
export const journalRecordKind = 2;

const headBytes = 10;

/** Payload of a {@link logLineKind}. */
export function packLogLine(path: string, readMs: number, line: Uint8Array): Buffer {
  const name = Buffer.from(path);
  const bytes = Buffer.allocUnsafe(headBytes + name.length + line.length);
  bytes.writeDoubleLE(readMs, 0);
  bytes.writeUInt16LE(name.length, 8);
  name.copy(bytes, headBytes);
  bytes.set(line, headBytes + name.length);
  return bytes;
}

/** What {@link packLogLine} was given; the line as text, whatever its bytes are. */
export function unpackLogLine(bytes: Buffer): {
  readonly path: string;
  readonly readMs: number;
  readonly line: string;
} {
  const end = headBytes + bytes.readUInt16LE(8);
  return {
    path: bytes.toString("utf8", headBytes, end),
    readMs: bytes.readDoubleLE(0),
    line: bytes.toString("utf8", end),
  };
}
