import { describe, expect, test } from "bun:test";
import { NetworkWorld, networkFlag, networkKind } from "./network-kit.ts";

const { connect, accept, send, close, bind, listen } = networkKind;
const statistics = { ConnectionCount: "1", ConnectionIntervalMs: "0", ConnectionJitterMs: "0" };

describe("a connection", () => {
  test("that this host began has Sysmon's fields, the source here", () => {
    expect(new NetworkWorld().take(connect, {})).toEqual([
      {
        EventID: "3",
        EventType: "connect",
        Initiated: "true",
        Protocol: "tcp",
        SourceIsIpv6: "false",
        SourceIp: "192.0.2.1",
        SourcePort: "40000",
        DestinationIsIpv6: "false",
        DestinationIp: "192.0.2.2",
        DestinationPort: "443",
        DestinationPortName: "https",
        Result: "0",
        ...statistics,
      },
    ]);
  });

  test("that was accepted has the other side as its source, and no result", () => {
    const [event] = new NetworkWorld().take(accept, {
      source: "20010db8000000000000000000000007",
      destination: "1",
      sourcePort: 50_000,
      destinationPort: 22,
    });
    expect(event).toEqual({
      EventID: "3",
      EventType: "accept",
      Initiated: "false",
      Protocol: "tcp",
      SourceIsIpv6: "true",
      SourceIp: "2001:db8::7",
      SourcePort: "50000",
      DestinationIsIpv6: "true",
      DestinationIp: "::1",
      DestinationPort: "22",
      DestinationPortName: "ssh",
      ...statistics,
    });
  });

  test("that failed says how; one that nobody answered yet says nothing", () => {
    const world = new NetworkWorld();
    expect(world.take(connect, { result: 111 })[0]?.Result).toBe("-111");
    expect(world.take(connect, { flags: networkFlag.undecided })[0]).not.toHaveProperty("Result");
  });

  test("without ports shows none, and a protocol without a name its number", () => {
    const world = new NetworkWorld();
    const [ping] = world.take(send, { protocol: 1, sourcePort: 0, destinationPort: 0 });
    expect([ping?.Protocol, ping?.SourcePort, ping?.DestinationPort]).toEqual(["icmp", undefined, undefined]);
    expect(world.take(send, { protocol: 253 })[0]?.Protocol).toBe("253");
  });

  test("by datagrams that answer has the asker as its source", () => {
    const [event] = new NetworkWorld().take(send, { protocol: 17, flags: networkFlag.inbound });
    expect([event?.Initiated, event?.Protocol, event?.Result]).toEqual(["false", "udp", undefined]);
  });

  test("that ends has its bytes as seen from here, and ECS has them as seen from who began", () => {
    const world = new NetworkWorld();
    const ended = { bytesSent: 10, bytesReceived: 2 ** 40, durationNs: 1_499_000_000n };
    const [event] = world.take(close, ended);
    expect([event?.EventType, event?.Initiated, event?.BytesSent, event?.BytesReceived, event?.DurationMs]).toEqual([
      "close",
      "true",
      "10",
      "1099511627776",
      "1499",
    ]);
    world.each(close, { ...ended, flags: networkFlag.inbound }, (one) => {
      expect(one.snapshot().Initiated).toBe("false");
      expect(one.details().ecs).toEqual({
        network: { iana_number: "6", transport: "tcp", bytes: 2 ** 40 + 10 },
        source: { bytes: 2 ** 40 },
        destination: { bytes: 10 },
      });
    });
  });

  test("takes its hostname from what the process itself was told, then from what others were", () => {
    const world = new NetworkWorld();
    world.network.names.learn("100.5", "mine.test", "192.0.2.2", 60, 900);
    world.network.names.learn("200.5", "theirs.test", "192.0.2.2", 60, 950);
    expect(world.take(connect, {})[0]?.DestinationHostname).toBe("mine.test");
    expect(world.take(connect, { pid: 300 })[0]?.DestinationHostname).toBe("theirs.test");
    const [inbound] = world.take(accept, { source: "192.0.2.2", destination: "192.0.2.1" });
    expect([inbound?.SourceHostname, inbound?.DestinationHostname]).toEqual(["mine.test", undefined]);
  });
});

describe("repeats", () => {
  test("are told as such within the interval, seen all the same, and leave their statistics", () => {
    const world = new NetworkWorld();
    const seen: [boolean, string | undefined, string | undefined, string | undefined][] = [];
    for (let i = 0; i < 6; i++)
      world.each(connect, { timeMs: 1000 + i * 20_000, sourcePort: 40_000 + i }, (event) => {
        const { ConnectionCount, ConnectionIntervalMs, ConnectionJitterPercent } = event.snapshot();
        seen.push([event.isRepeat, ConnectionCount, ConnectionIntervalMs, ConnectionJitterPercent]);
      });
    expect(seen).toEqual([
      [false, "1", "0", undefined],
      [true, "2", "20000", undefined],
      [true, "3", "20000", undefined],
      [false, "4", "20000", "0"],
      [true, "5", "20000", "0"],
      [true, "6", "20000", "0"],
    ]);
    expect(world.network.report().connections).toEqual({ size: 1, observed: 6, folded: 4, evicted: 0 });
  });

  test("are those of one process, protocol, direction, address and port", () => {
    const world = new NetworkWorld();
    const counts = [
      {},
      { pid: 101 },
      { protocol: 17 },
      { destination: "192.0.2.3" },
      { destinationPort: 80 },
      { sourcePort: 1 },
    ].map((ends) => world.take(connect, ends)[0]?.ConnectionCount);
    expect(counts).toEqual(["1", "1", "1", "1", "1", "2"]);
    expect(world.take(accept, {})[0]?.ConnectionCount).toBe("1");
  });

  test("know the bytes of those that ended", () => {
    const world = new NetworkWorld();
    world.take(connect, {});
    world.take(close, { bytesSent: 5, bytesReceived: 7 });
    world.take(close, { bytesSent: 5, bytesReceived: 7 });
    const known = world.network.connections.find("100.5 6>192.0.2.2 443");
    expect([known?.bytesSent, known?.bytesReceived]).toEqual([10, 14]);
  });
});

test("a socket that waits has a source alone", () => {
  const world = new NetworkWorld();
  for (const [kind, name] of [
    [bind, "bind"],
    [listen, "listen"],
  ] as const)
    expect(world.take(kind, { source: "0.0.0.0", sourcePort: 8080 })).toEqual([
      {
        EventType: name,
        Protocol: "tcp",
        SourceIsIpv6: "false",
        SourceIp: "0.0.0.0",
        SourcePort: "8080",
        SourcePortName: "http-alt",
      },
    ]);
});
