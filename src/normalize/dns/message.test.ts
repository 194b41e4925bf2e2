import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { framed, type KitRecord, messageBytes, nameBytes } from "./dns-kit.ts";
import { dataLengthMax, messageTextLengthMax, questionsMax, recordsMax } from "./limits.ts";
import { type DnsMessage, parseDns } from "./message.ts";
import { queryResults, queryResultsLengthMax } from "./query-results.ts";
import { queryStatus, recordType, recordTypeName, responseCodeName } from "./types.ts";

const response = 0x8180;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const parsed = (bytes: Buffer): DnsMessage => {
  const message = parseDns(bytes);
  if (message === undefined) throw new Error("no message");
  return message;
};
const answer = (type: number, data: Buffer, more: Partial<KitRecord> = {}): DnsMessage =>
  parsed(
    messageBytes({
      flags: response,
      questions: [{ name: "a.test", type }],
      answers: [{ name: "*a.test", type, data, ...more }],
    }),
  );
const dataOf = (type: number, data: Buffer): string => answer(type, data).answers[0]?.data ?? "";

describe("a message", () => {
  test("of a resolver's query, byte by byte", () => {
    // Id 0x1234, RD; www.example.com IN AAAA; OPT: 1232 bytes, DO.
    const bytes = hex(`1234 0100 0001 0000 0000 0001
      03 777777 07 6578616d706c65 03 636f6d 00 001c 0001
      00 0029 04d0 00 00 8000 0000`);
    expect(parsed(bytes)).toEqual({
      id: 0x1234,
      isResponse: false,
      opcode: 0,
      responseCode: 0,
      isAuthoritative: false,
      isTruncated: false,
      wantsRecursion: true,
      offersRecursion: false,
      isAuthentic: false,
      questions: [{ name: "www.example.com", type: 28, class: 1 }],
      answers: [],
      authorities: [],
      additionals: [],
      edns: { version: 0, udpSizeBytes: 1232, wantsDnssec: true, extendedErrors: [] },
      isDamaged: false,
      isCut: false,
    });
  });

  test("of an answer with a chain of names, pointers and both kinds of addresses", () => {
    // www.example.com → CNAME e.example.net (its own labels, then the root) → A and AAAA under the data of the CNAME.
    const bytes = hex(`beef 8580 0001 0003 0000 0000
      03 777777 07 6578616d706c65 03 636f6d 00 0001 0001
      c00c 0005 0001 0000012c 000f 01 65 07 6578616d706c65 03 6e6574 00
      c02d 0001 0001 0000003c 0004 c0000207
      c02d 001c 0001 ffffffff 0010 20010db8 00000000 00000000 00000001`);
    const message = parsed(bytes);
    expect(message.isResponse && message.isAuthoritative && message.offersRecursion).toBe(true);
    expect(message.isDamaged).toBe(false);
    expect(message.answers).toEqual([
      { name: "www.example.com", type: 5, class: 1, ttlSeconds: 300, data: "e.example.net", addresses: [] },
      { name: "e.example.net", type: 1, class: 1, ttlSeconds: 60, data: "192.0.2.7", addresses: ["192.0.2.7"] },
      // A time to live with the top bit set counts as none.
      { name: "e.example.net", type: 28, class: 1, ttlSeconds: 0, data: "2001:db8::1", addresses: ["2001:db8::1"] },
    ]);
    expect(queryResults(message)).toBe("type:  5 e.example.net;::ffff:192.0.2.7;2001:db8::1;");
  });

  test("of a refusal carries the response code of both halves, and the extended errors with their text", () => {
    const text = Buffer.from("signature expired\0");
    const options = Buffer.concat([
      hex("000a 0008 0102030405060708"),
      Buffer.from([0, 15, 0, text.length + 2, 0, 7]),
      text,
      hex("000f 0002 0016"),
    ]);
    const bytes = Buffer.concat([
      hex("0001 8180 0001 0000 0000 0001"),
      nameBytes("a.test"),
      hex("0001 0001 00 0029 1000 01 00 0000"),
      Buffer.from([options.length >> 8, options.length & 255]),
      options,
    ]);
    const message = parsed(bytes);
    expect(message.responseCode).toBe(16);
    expect(responseCodeName(message.responseCode)).toBe("BADVERS");
    expect(message.edns?.extendedErrors).toEqual([
      { code: 7, text: "signature expired" },
      { code: 22, text: "" },
    ]);
  });

  test("that was truncated says so, and keeps what there is", () => {
    const whole = messageBytes({
      flags: response | 0x200,
      questions: [{ name: "a.test", type: 1 }],
      answers: [1, 2, 3].map((last) => ({ name: "*a.test", type: 1, data: Buffer.from([192, 0, 2, last]) })),
    });
    const message = parsed(whole.subarray(0, whole.length - 5));
    expect(message.isTruncated && message.isDamaged).toBe(true);
    expect(message.answers.map(({ data }) => data)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  test("with all of one octet short is none, or a damaged one with what came before", () => {
    const whole = messageBytes({ questions: [{ name: "a.test", type: 1 }] });
    for (let length = 0; length < whole.length; length++) {
      const message = parseDns(whole.subarray(0, length));
      if (length < 12) expect(message).toBeUndefined();
      else expect([message?.isDamaged, message?.questions]).toEqual([true, []]);
    }
  });

  test("is none when no DNS program sends such a header", () => {
    const ask = (flags: number): DnsMessage | undefined =>
      parseDns(messageBytes({ flags, questions: [{ name: "a.test", type: 1 }] }));
    expect(ask(0x0100)).toBeDefined();
    expect(ask(0x7800)).toBeUndefined();
    expect(ask(0x1800)).toBeUndefined();
    expect(ask(0x0140)).toBeUndefined();
    expect(parseDns(messageBytes({ flags: 0x0100 }))).toBeUndefined();
    expect(parseDns(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))).toBeUndefined();
  });

  test("may lie anywhere in a larger buffer: pointers count from where it begins", () => {
    const bytes = messageBytes({
      flags: response,
      questions: [{ name: "a.test", type: 1 }],
      answers: [{ name: "*a.test", type: 1, data: Buffer.from([192, 0, 2, 9]) }],
    });
    const around = Buffer.concat([Buffer.alloc(37, 0xc0), bytes, Buffer.alloc(11, 0xc0)]);
    expect(parseDns(around, 37, 37 + bytes.length)).toEqual(parseDns(bytes));
    expect(parseDns(bytes, -1)).toBeUndefined();
    expect(parseDns(bytes, 0, bytes.length + 1)).toBeUndefined();
  });
});

describe("names", () => {
  const question = (name: Buffer): string | undefined =>
    parseDns(Buffer.concat([hex("0001 0100 0001 0000 0000 0000"), name, hex("0001 0001")]))?.questions[0]?.name;

  test("keep their case, and escape what would be read as something else", () => {
    expect(question(nameBytes("WwW.eXample.COM"))).toBe("WwW.eXample.COM");
    expect(question(nameBytes("."))).toBe(".");
    expect(question(Buffer.concat([Buffer.from([4]), Buffer.from("a.b\\"), Buffer.from([0])]))).toBe("a\\.b\\\\");
    expect(question(Buffer.from([3, 0x41, 0x00, 0xff, 2, 0x20, 0x7f, 0]))).toBe("A\\000\\255.\\032\\127");
    expect(question(nameBytes("_dmarc.xn--bcher-kva.test"))).toBe("_dmarc.xn--bcher-kva.test");
  });

  test("of 255 octets are whole; one more is none", () => {
    const label = (length: number): Buffer => Buffer.concat([Buffer.from([length]), Buffer.alloc(length, 0x61)]);
    const longest = Buffer.concat([label(63), label(63), label(63), label(61), Buffer.from([0])]);
    expect(longest.length).toBe(255);
    expect(question(longest)?.length).toBe(253);
    expect(question(Buffer.concat([label(63), label(63), label(63), label(62), Buffer.from([0])]))).toBeUndefined();
  });

  const damaged: readonly (readonly [what: string, name: string])[] = [
    ["a pointer to itself", "c00c"],
    ["two pointers to each other", "c00e c00c"],
    ["a pointer forwards", "c010 0000"],
    ["a pointer past the end", "ffff"],
    ["labels that end in a pointer to themselves", "01 61 c00c"],
    ["half a pointer at the end", "c0"],
    ["a reserved label type", "40 61 00"],
    ["another reserved label type", "80 61 00"],
    ["a label past the end", "3f 61"],
  ];
  for (const [what, name] of damaged)
    test(`${what} ends the message there`, () => {
      const message = parseDns(hex(`0001 0100 0001 0000 0000 0000 ${name}`));
      expect([message?.isDamaged, message?.questions]).toEqual([true, []]);
    });

  test("of a chain of pointers may be long, but not endless", () => {
    // Each name is one label and a pointer to the name before: 126 labels of one octet fit, and no more.
    const parts = [hex("0001 8180 0000 0001 0000 0000"), hex("00 0010 0001 00000000")];
    const body: Buffer[] = [Buffer.from([0])];
    for (let i = 0; i < 200; i++)
      body.push(
        Buffer.from([
          1,
          0x61,
          0xc0 | ((23 + (i === 0 ? 0 : 1 + (i - 1) * 4)) >> 8),
          (23 + (i === 0 ? 0 : 1 + (i - 1) * 4)) & 255,
        ]),
      );
    const data = Buffer.concat(body);
    const head = Buffer.concat([...parts, Buffer.from([data.length >> 8, data.length & 255]), data]);
    const read = (index: number): string | undefined => {
      const at = 23 + (index === 0 ? 0 : 1 + (index - 1) * 4);
      const bytes = Buffer.concat([
        head,
        Buffer.from([0xc0 | (at >> 8), at & 255]),
        hex("0001 0001 00000000 0004 01020304"),
      ]);
      bytes.writeUInt16BE(2, 6);
      return parsed(bytes).answers[1]?.name;
    };
    expect(read(0)).toBe(".");
    expect(read(126)).toBe(Array.from({ length: 126 }, () => "a").join("."));
    expect(read(127)).toBe(undefined);
    expect(read(200)).toBeUndefined();
  });
});

describe("records", () => {
  const name = nameBytes("x.test");
  const cases: readonly (readonly [type: number, data: Buffer, text: string])[] = [
    [recordType.ns, name, "x.test"],
    [recordType.ptr, name, "x.test"],
    [recordType.dname, name, "x.test"],
    [recordType.cname, hex("c00c"), "a.test"],
    [recordType.mx, Buffer.concat([hex("000a"), name]), "10 x.test"],
    [recordType.srv, Buffer.concat([hex("0001 0002 01bb"), name]), "1 2 443 x.test"],
    [
      recordType.soa,
      Buffer.concat([name, hex("c00c 00000001 00000002 00000003 00000004 00000005")]),
      "x.test a.test 1 2 3 4 5",
    ],
    [recordType.txt, Buffer.from('\x03v=1\x04 "a"\x01\xe9', "latin1"), 'v=1 \\"a\\"\\233'],
    [recordType.txt, Buffer.from([0]), ""],
    [recordType.caa, Buffer.from("\0\x05issueca.test", "latin1"), '0 issue "ca.test"'],
    [
      recordType.https,
      hex("0001 00 0001 0006 02 6832 02 6833 0004 0008 c0000201 c0000202"),
      "1 . alpn=h2,h3 ipv4hint=192.0.2.1,192.0.2.2",
    ],
    [
      recordType.svcb,
      Buffer.concat([
        hex("0002"),
        name,
        hex("0000 0002 0003 0003 0002 20fb 0002 0000 0006 0010 20010db8000000000000000000000005 fff0 0001 2a"),
      ]),
      "2 x.test mandatory=port port=8443 no-default-alpn ipv6hint=2001:db8::5 key65520=2a",
    ],
    [recordType.null, hex("0001ff"), "\\# 3 0001ff"],
    [65_280, Buffer.alloc(0), "\\# 0"],
  ];
  for (const [type, data, text] of cases)
    test(`of type ${recordTypeName(type)} read ${JSON.stringify(text)}`, () => expect(dataOf(type, data)).toBe(text));

  test("with data that contradict their type are shown as bytes", () => {
    for (const [type, data] of [
      [recordType.a, hex("c00002")],
      [recordType.aaaa, hex("c0000201")],
      [recordType.cname, hex("01 61 00 00")],
      [recordType.mx, hex("0001")],
      [recordType.srv, hex("0001 0002 0003 01")],
      [recordType.soa, hex("00 00 00000001")],
      [recordType.txt, hex("05 6161")],
      [recordType.caa, hex("00 09 61")],
      [recordType.https, hex("0001 00 0001 00ff 00")],
    ] as const)
      expect(dataOf(type, data)).toBe(`\\# ${data.length} ${data.toString("hex")}`);
  });

  test("give their addresses, hints of a service too", () => {
    const service = hex("0001 00 0004 0004 c0000201 0006 0010 20010db8000000000000000000000005");
    expect(answer(recordType.https, service).answers[0]?.addresses).toEqual(["192.0.2.1", "2001:db8::5"]);
    expect(answer(recordType.a, hex("7f000001")).answers[0]?.addresses).toEqual(["127.0.0.1"]);
  });

  test("write IPv6 as RFC 5952 does", () => {
    for (const [bytes, text] of [
      ["00000000000000000000000000000000", "::"],
      ["00000000000000000000000000000001", "::1"],
      ["fe800000000000000000000000000000", "fe80::"],
      ["20010db8000000010000000000000001", "2001:db8:0:1::1"],
      ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
      ["20010db8000100010001000100010000", "2001:db8:1:1:1:1:1:0"],
      ["00000000000000000000ffffc0000201", "::ffff:192.0.2.1"],
    ] as const)
      expect(dataOf(recordType.aaaa, hex(bytes))).toBe(text);
  });

  test("beyond the bounds are left out, and it is said", () => {
    const many = parsed(
      messageBytes({
        flags: response,
        questions: Array.from({ length: questionsMax + 1 }, () => ({ name: "*a.test", type: 1 })),
        answers: Array.from({ length: recordsMax + 5 }, (_, i) => ({
          name: "*a.test",
          type: 1,
          data: Buffer.from([10, 0, i >> 8, i & 255]),
        })),
      }),
    );
    expect([many.questions.length, many.answers.length, many.isCut, many.isDamaged]).toEqual([
      questionsMax,
      recordsMax,
      true,
      false,
    ]);
    const long = answer(recordType.null, Buffer.alloc(dataLengthMax));
    expect(long.answers[0]?.data.length).toBe(dataLengthMax);
  });
});

describe("Sysmon's spelling", () => {
  test("of a status is zero with an answer, 9501 without one, and 9000 and the code otherwise", () => {
    expect(queryStatus(0, true)).toBe("0");
    expect(queryStatus(0, false)).toBe("9501");
    expect(queryStatus(3, false)).toBe("9003");
    expect(queryStatus(2, false)).toBe("9002");
  });

  test("of the results keeps a semicolon in data from ending a record", () => {
    const message = answer(recordType.txt, Buffer.from("\x05a;b;c", "latin1"));
    expect(queryResults(message)).toBe("type:  16 a\\;b\\;c;");
    expect(
      queryResults(parsed(messageBytes({ flags: response, questions: [{ name: "a.test", type: 1 }] }))),
    ).toBeUndefined();
  });

  test("of the results ends before a record that does not fit", () => {
    const message = parsed(
      messageBytes({
        flags: response,
        questions: [{ name: "a.test", type: 16 }],
        answers: Array.from({ length: 80 }, () => ({
          name: "*a.test",
          type: 16,
          data: Buffer.concat([Buffer.from([250]), Buffer.alloc(250, 0x62)]),
        })),
      }),
    );
    const text = queryResults(message) ?? "";
    expect(text.length).toBeLessThanOrEqual(queryResultsLengthMax);
    expect(text.endsWith(";")).toBe(true);
  });
});

describe("whatever the bytes are", () => {
  /** Holds for every input: no exception, and nothing larger than the bounds say. */
  function check(bytes: Buffer): void {
    const message = parseDns(bytes);
    if (message === undefined) return;
    const records = [...message.answers, ...message.authorities, ...message.additionals];
    expect(message.questions.length).toBeLessThanOrEqual(questionsMax);
    expect(records.length).toBeLessThanOrEqual(3 * recordsMax);
    let length = 0;
    for (const { name, data, addresses } of records) {
      // 255 octets, four characters each at worst.
      expect(name.length).toBeLessThanOrEqual(1020);
      expect(data.length).toBeLessThanOrEqual(dataLengthMax);
      expect(/^[\x20-\x7e]*$/.test(name + data)).toBe(true);
      for (const address of addresses) expect(address).toMatch(/^[\d.]+$|^[0-9a-f:.]+$/);
      length += data.length + name.length;
    }
    expect(length).toBeLessThanOrEqual(messageTextLengthMax + dataLengthMax + 1020);
    expect((queryResults(message) ?? "").length).toBeLessThanOrEqual(queryResultsLengthMax);
  }

  test("random bytes do no harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => check(Buffer.from(bytes))),
      { numRuns: 3000 },
    );
  });

  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join("."));
  const known = fc.constantFrom(...Object.values(recordType));
  const record = fc.record({
    name: fc.oneof(name, fc.constant("*q.test")),
    type: fc.oneof(known, fc.integer({ min: 0, max: 65_535 })),
    ttl: fc.integer({ min: 0, max: 0xffffffff }),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      name.map(nameBytes),
    ),
  });
  const message = fc
    .record({
      flags: fc.integer({ min: 0, max: 65_535 }),
      answers: fc.array(record, { maxLength: 5 }),
      authorities: fc.array(record, { maxLength: 2 }),
      additionals: fc.array(record, { maxLength: 2 }),
    })
    .map((parts) => messageBytes({ ...parts, questions: [{ name: "q.test", type: 1 }] }));

  test("damaged messages do no harm", () => {
    fc.assert(
      fc.property(
        message,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat(),
        (bytes, changes, cut) => {
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          check(bytes.subarray(0, bytes.length - (cut % bytes.length)));
        },
      ),
      { numRuns: 5000 },
    );
  });

  test("what was written is read back", () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        name,
        fc.array(fc.tuple(name, address, fc.integer({ min: 0, max: 0x7fffffff })), { maxLength: 20 }),
        (asked, given) => {
          const read = parsed(
            messageBytes({
              flags: response,
              questions: [{ name: asked, type: 1 }],
              answers: given.map(([owner, data, ttl]) => ({ name: owner, type: 1, ttl, data: Buffer.from(data) })),
            }),
          );
          expect(read.isDamaged || read.isCut).toBe(false);
          expect(read.questions).toEqual([{ name: asked, type: 1, class: 1 }]);
          expect(read.answers.map((one) => [one.name, one.data, one.ttlSeconds])).toEqual(
            given.map(([owner, data, ttl]) => [owner, [...data].join("."), ttl]),
          );
        },
      ),
    );
  });

  test("many pointers to one long name cost no more than the bounds", () => {
    const label63 = Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 1)]);
    const long = Buffer.concat([label63, label63, label63, Buffer.from([0])]);
    const head = hex("0001 8180 0001 1000 0000 0000");
    const one = hex("c00c 0005 0001 00000001 0002 c00c");
    const bytes = Buffer.concat([head, long, hex("0001 0001"), ...Array.from({ length: 4096 }, () => one)]);
    check(bytes);
    expect(parsed(bytes).isCut).toBe(true);
  });
});

test("framed() is what TCP carries", () => {
  const bytes = messageBytes({ questions: [{ name: "a.test", type: 1 }] });
  expect(framed(bytes).readUInt16BE(0)).toBe(bytes.length);
});
