// A DNS message from its bytes (RFC 1035, 4; RFC 6891 for EDNS; RFC 8914 for extended errors). The bytes are whatever somebody sent
// to port 53: nothing here throws, loops or grows without a bound, and what is damaged or cut off gives what came before.

import { extendedErrorsMax, messageTextLengthMax, questionsMax, recordsMax } from "./limits.ts";
import { decodeName } from "./names.ts";
import { recordData } from "./record-data.ts";
import { recordType } from "./types.ts";

export interface DnsQuestion {
  /** Presentation form, as it was sent: upper and lower case as the asker wrote it, no dot at the end. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds, 0 to 2^31 - 1 (RFC 2181, 8). */
  readonly ttlSeconds: number;
  readonly data: string;
  readonly addresses: readonly string[];
}

/** What the OPT record says. */
export interface DnsEdns {
  readonly version: number;
  readonly udpSizeBytes: number;
  /** DO: the asker takes DNSSEC records. */
  readonly wantsDnssec: boolean;
  readonly extendedErrors: readonly { readonly code: number; readonly text: string }[];
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  /** Header and EDNS bits together. */
  readonly responseCode: number;
  readonly isAuthoritative: boolean;
  /** TC: the answer did not fit, the asker will come again over TCP. */
  readonly isTruncated: boolean;
  readonly wantsRecursion: boolean;
  readonly offersRecursion: boolean;
  readonly isAuthentic: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
  readonly edns: DnsEdns | undefined;
  /** It ends before its own counts say so, or a part contradicts itself; what comes before is there. */
  readonly isDamaged: boolean;
  /** Records or text beyond the bounds of this parser were left out. */
  readonly isCut: boolean;
}

const headerBytes = 12;

/**
 * The message that fills `bytes` from `from` to `to`; `undefined` when there is none: less than a header, or a header with bytes
 * that no DNS program sends (an opcode that does not exist, a query without a question). O(bytes), at most 64 KiB of text.
 */
export function parseDns(bytes: Buffer, from = 0, to = bytes.length): DnsMessage | undefined {
  if (to - from < headerBytes || from < 0 || to > bytes.length) return undefined;
  const flags = bytes.readUInt16BE(from + 2);
  const opcode = (flags >> 11) & 15;
  const isResponse = (flags & 0x8000) !== 0;
  const count = (offset: number): number => bytes.readUInt16BE(from + offset);
  // QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO. The bit between AD and RA is reserved (RFC 1035, 4.1.1).
  if (opcode > 6 || opcode === 3 || (flags & 0x40) !== 0) return undefined;
  if (!isResponse && opcode === 0 && count(4) === 0) return undefined;

  const reader = new SectionReader(bytes, from, to);
  const questions = reader.questions(count(4));
  const answers = reader.records(count(6));
  const authorities = reader.records(count(8));
  const additionals = reader.records(count(10));
  const { edns, extendedCode } = reader;
  return {
    id: bytes.readUInt16BE(from),
    isResponse,
    opcode,
    responseCode: (extendedCode << 4) | (flags & 15),
    isAuthoritative: (flags & 0x400) !== 0,
    isTruncated: (flags & 0x200) !== 0,
    wantsRecursion: (flags & 0x100) !== 0,
    offersRecursion: (flags & 0x80) !== 0,
    isAuthentic: (flags & 0x20) !== 0,
    questions,
    answers,
    authorities,
    additionals,
    edns,
    isDamaged: reader.isDamaged,
    isCut: reader.isCut,
  };
}

class SectionReader {
  isDamaged = false;
  isCut = false;
  edns: DnsEdns | undefined;
  /** Upper eight bits of the response code. */
  extendedCode = 0;
  readonly #bytes: Buffer;
  readonly #from: number;
  readonly #to: number;
  #at: number;
  #textLength = 0;

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#at = from + headerBytes;
  }

  questions(count: number): DnsQuestion[] {
    const found: DnsQuestion[] = [];
    for (let i = 0; i < count && !this.isDamaged; i++) {
      const name = decodeName(this.#bytes, this.#from, this.#at, this.#to);
      if (name === undefined || name.end + 4 > this.#to) {
        this.isDamaged = true;
        break;
      }
      this.#at = name.end + 4;
      if (found.length === questionsMax) {
        this.isCut = true;
        continue;
      }
      const type = this.#bytes.readUInt16BE(name.end);
      found.push({ name: name.text, type, class: this.#bytes.readUInt16BE(name.end + 2) });
    }
    return found;
  }

  records(count: number): DnsRecord[] {
    const found: DnsRecord[] = [];
    for (let i = 0; i < count && !this.isDamaged; i++) {
      const name = decodeName(this.#bytes, this.#from, this.#at, this.#to);
      const head = name?.end ?? this.#to;
      const end = head + 10 <= this.#to ? head + 10 + this.#bytes.readUInt16BE(head + 8) : this.#to + 1;
      if (name === undefined || end > this.#to) {
        this.isDamaged = true;
        break;
      }
      this.#at = end;
      const type = this.#bytes.readUInt16BE(head);
      if (type === recordType.opt) {
        this.#option(head, end);
        continue;
      }
      if (found.length === recordsMax || this.#textLength > messageTextLengthMax) {
        this.isCut = true;
        continue;
      }
      const ttl = this.#bytes.readUInt32BE(head + 4);
      const { text, addresses } = recordData(this.#bytes, type, { from: this.#from, at: head + 10, end });
      this.#textLength += text.length + name.text.length;
      found.push({
        name: name.text,
        type,
        class: this.#bytes.readUInt16BE(head + 2),
        // The top bit counts as zero (RFC 2181, 8).
        ttlSeconds: ttl > 0x7fffffff ? 0 : ttl,
        data: text,
        addresses,
      });
    }
    return found;
  }

  /** The OPT pseudo-record: its class is a size, its TTL holds bits (RFC 6891, 6.1.3). The first one counts. */
  #option(head: number, end: number): void {
    if (this.edns !== undefined) return;
    const bytes = this.#bytes;
    const extendedErrors: { code: number; text: string }[] = [];
    for (let at = head + 10; at + 4 <= end; ) {
      const stop = at + 4 + bytes.readUInt16BE(at + 2);
      if (stop > end) {
        this.isDamaged = true;
        break;
      }
      const isError = bytes.readUInt16BE(at) === extendedErrorOption && stop - at >= 6;
      if (isError && extendedErrors.length < extendedErrorsMax) {
        const text = bytes.toString("utf8", at + 6, Math.min(stop, at + 6 + 512)).replace(/\0+$/, "");
        extendedErrors.push({ code: bytes.readUInt16BE(at + 4), text });
      }
      at = stop;
    }
    this.extendedCode = bytes[head + 4] as number;
    this.edns = {
      version: bytes[head + 5] as number,
      udpSizeBytes: bytes.readUInt16BE(head + 2),
      wantsDnssec: ((bytes[head + 6] as number) & 0x80) !== 0,
      extendedErrors,
    };
  }
}

/** RFC 8914. */
const extendedErrorOption = 15;
