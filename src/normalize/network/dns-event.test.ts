import { describe, expect, test } from "bun:test";
import { dnsKind } from "../../event/mod.ts";
import { framed, type KitMessage, messageBytes } from "../dns/dns-kit.ts";
import { NetworkWorld, networkFlag, networkRecord } from "./network-kit.ts";

const { query, answer } = dnsKind;
const asked = (name: string, type = 1): Buffer => messageBytes({ id: 9, questions: [{ name, type }] });
const answered = (name: string, more: KitMessage = {}): Buffer =>
  messageBytes({ id: 9, flags: 0x8180, questions: [{ name, type: 1 }], ...more });
const address = (name: string, last: number) => ({ name, type: 1, data: Buffer.from([192, 0, 2, last]) });
const udp = { protocol: 17, destinationPort: 53, destination: "192.0.2.53" };
const fromServer = {
  protocol: 17,
  source: "192.0.2.53",
  destination: "192.0.2.1",
  sourcePort: 53,
  destinationPort: 40_000,
};

describe("a lookup", () => {
  test("is an event for the question, with Sysmon's fields", () => {
    expect(new NetworkWorld().take(query, { ...udp, payload: asked("WWW.Example.test", 28) })).toEqual([
      {
        EventID: "22",
        EventType: "query",
        QueryName: "WWW.Example.test",
        QueryType: "AAAA",
        Protocol: "udp",
        SourceIp: "192.0.2.1",
        SourcePort: "40000",
        DestinationIp: "192.0.2.53",
        DestinationPort: "53",
      },
    ]);
  });

  test("is an event for the answer, the name server still the destination, all of it in ECS", () => {
    const payload = answered("www.example.test", {
      answers: [
        { name: "*www.example.test", type: 5, data: Buffer.from("\x04edge\x04test\0", "latin1"), ttl: 30 },
        address("edge.test", 7),
      ],
    });
    const world = new NetworkWorld();
    let shown: unknown;
    world.each(answer, { ...fromServer, payload }, (event) => {
      shown = event.details().ecs;
      const { QueryName, QueryStatus, QueryResults, SourceIp, SourcePort, DestinationIp, DestinationPort } =
        event.snapshot();
      expect([QueryName, QueryStatus, QueryResults]).toEqual([
        "www.example.test",
        "0",
        "type:  5 edge.test;::ffff:192.0.2.7;",
      ]);
      expect([SourceIp, SourcePort, DestinationIp, DestinationPort]).toEqual([
        "192.0.2.1",
        "40000",
        "192.0.2.53",
        "53",
      ]);
    });
    expect(shown).toEqual({
      dns: {
        type: "answer",
        id: "9",
        op_code: "QUERY",
        header_flags: ["RD", "RA"],
        question: { name: "www.example.test", type: "A", class: "IN" },
        response_code: "NOERROR",
        resolved_ip: ["192.0.2.7"],
        answers: [
          { name: "www.example.test", type: "CNAME", class: "IN", ttl: 30, data: "edge.test" },
          { name: "edge.test", type: "A", class: "IN", ttl: 60, data: "192.0.2.7" },
        ],
      },
      network: { protocol: "dns", transport: "udp", direction: "ingress" },
    });
    // The name that was asked for, not the last of the chain; for the process that asked, and for others.
    expect(world.network.names.nameOf("100.5", "192.0.2.7", 1000)).toBe("www.example.test");
    expect(world.network.names.nameOf(undefined, "192.0.2.7", 1000)).toBe("www.example.test");
  });

  test("that found nothing says so, and teaches nothing", () => {
    const world = new NetworkWorld();
    const none = world.take(answer, { ...fromServer, payload: answered("none.test", { flags: 0x8183 }) });
    const empty = world.take(answer, { ...fromServer, payload: answered("empty.test") });
    expect([none[0]?.QueryStatus, none[0]?.QueryResults, empty[0]?.QueryStatus]).toEqual(["9003", undefined, "9501"]);
    expect(world.network.names.stats.learned).toBe(0);
  });

  test("that nobody is known to have made still names its addresses", () => {
    const world = new NetworkWorld();
    world.take(answer, { ...fromServer, pid: 0, payload: answered("a.test", { answers: [address("*a.test", 1)] }) });
    expect(world.network.names.stats).toMatchObject({ hostEntries: 1, processEntries: 0 });
  });

  test("that was cut says which field is not whole", () => {
    const world = new NetworkWorld();
    const payload = answered("a.test", { answers: [address("*a.test", 1), address("*a.test", 2)] });
    world.each(answer, { ...fromServer, payload: payload.subarray(0, payload.length - 3), isCut: true }, (event) => {
      expect(event.details().truncated).toEqual(["QueryResults"]);
      expect(event.snapshot().QueryResults).toBe("::ffff:192.0.2.1;");
    });
    expect(world.network.dns).toEqual({ messages: 1, others: 0, damaged: 1 });
  });
});

describe("what is no lookup", () => {
  const world = new NetworkWorld();
  const notify = messageBytes({ flags: 0x2000, questions: [{ name: "a.test", type: 6 }] });
  for (const [what, kind, payload] of [
    ["bytes of another protocol", query, Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["nothing", query, Buffer.alloc(0)],
    ["a server's answer on its way out", query, answered("a.test")],
    ["a question that comes in", answer, asked("a.test")],
    ["a notification of a zone", query, notify],
  ] as const)
    test(`${what} is no event, and is counted`, () => {
      const before = world.network.dns.others;
      expect(world.take(kind, { ...udp, payload })).toEqual([]);
      expect(world.network.dns.others - before).toBe(payload.length === 0 ? 0 : 1);
    });
});

describe("several messages in one record", () => {
  test("over TCP are an event each, however they are cut into segments", () => {
    const world = new NetworkWorld();
    const stream = Buffer.concat(["a.test", "b.test", "c.test"].map((name) => framed(asked(name))));
    const names: (string | undefined)[] = [];
    for (const [from, to] of [
      [0, 30],
      [30, 31],
      [31, stream.length],
    ] as const) {
      const piece = { ...udp, protocol: 6, flags: networkFlag.stream, sequence: 1000 + from };
      for (const event of world.take(query, { ...piece, payload: stream.subarray(from, to) }))
        names.push(event.QueryName);
    }
    expect(names).toEqual(["a.test", "b.test", "c.test"]);
  });

  test("of two connections and of the two directions do not mix", () => {
    const world = new NetworkWorld();
    const one = framed(asked("one.test"));
    const two = framed(answered("two.test"));
    const stream = { protocol: 6, flags: networkFlag.stream };
    expect(world.take(query, { ...udp, ...stream, socket: 1n, payload: one.subarray(0, 9) })).toEqual([]);
    expect(world.take(query, { ...udp, ...stream, socket: 2n, payload: one.subarray(0, 9) })).toEqual([]);
    expect(world.take(answer, { ...fromServer, ...stream, socket: 1n, payload: two })).toHaveLength(1);
    expect(
      world
        .take(query, { ...udp, ...stream, socket: 1n, sequence: 9, payload: one.subarray(9) })
        .map((e) => e.QueryName),
    ).toEqual(["one.test"]);
  });

  test("as datagrams of one packet are as long as the first", () => {
    const world = new NetworkWorld();
    const parts = ["aa.test", "bb.test", "c.test"].map((name) => asked(name));
    const payload = Buffer.concat(parts);
    const events = world.take(query, { ...udp, sequence: parts[0]!.length, payload });
    expect(events.map(({ QueryName }) => QueryName)).toEqual(["aa.test", "bb.test", "c.test"]);
  });

  test("do not leak into the next record", () => {
    const world = new NetworkWorld();
    const stream = Buffer.concat([framed(asked("a.test")), framed(asked("b.test"))]);
    // The first event is taken, the second is not asked for.
    const record = networkRecord(query, { ...udp, protocol: 6, flags: networkFlag.stream, payload: stream });
    expect(world.normalizer.take(record, 0)).toBeDefined();
    expect(world.take(query, { ...udp, payload: asked("c.test") }).map(({ QueryName }) => QueryName)).toEqual([
      "c.test",
    ]);
  });
});
