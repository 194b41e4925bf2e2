// Builds DNS messages for tests, by the letter of RFC 1035 and without the parser's code. Names are given in plain text without
// escapes; `*name` is written as a pointer to where that name was written first.

export interface KitRecord {
  readonly name: string;
  readonly type: number;
  readonly class?: number;
  readonly ttl?: number;
  readonly data: Buffer;
}

export interface KitMessage {
  readonly id?: number;
  readonly flags?: number;
  readonly questions?: readonly { name: string; type: number; class?: number }[];
  readonly answers?: readonly KitRecord[];
  readonly authorities?: readonly KitRecord[];
  readonly additionals?: readonly KitRecord[];
}

export function nameBytes(name: string): Buffer {
  const labels = name === "." || name === "" ? [] : name.split(".");
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);

export function messageBytes(message: KitMessage): Buffer {
  const { questions = [], answers = [], authorities = [], additionals = [] } = message;
  const parts: Buffer[] = [
    u16(message.id ?? 1),
    u16(message.flags ?? 0x0100),
    ...[questions, answers, authorities, additionals].map((section) => u16(section.length)),
  ];
  const places = new Map<string, number>();
  const write = (name: string): void => {
    const at = name.startsWith("*") ? places.get(name.slice(1)) : undefined;
    if (at !== undefined) parts.push(u16(0xc000 | at));
    else {
      if (!places.has(name)) places.set(name, Buffer.concat(parts).length);
      parts.push(nameBytes(name));
    }
  };
  for (const question of questions) {
    write(question.name);
    parts.push(u16(question.type), u16(question.class ?? 1));
  }
  for (const record of [...answers, ...authorities, ...additionals]) {
    write(record.name);
    parts.push(u16(record.type), u16(record.class ?? 1), u32(record.ttl ?? 60), u16(record.data.length), record.data);
  }
  return Buffer.concat(parts);
}

/** The same with its length before it, as TCP carries it. */
export function framed(message: Buffer): Buffer {
  return Buffer.concat([u16(message.length), message]);
}
