// Events by the million through an engine with correlations of every type over groups that are nearly all different: memory must be flat, and what had to
// go is counted. Also says how fast that is.

import {
  type CorrelationStats,
  Engine,
  linkSigma,
  NameSlots,
  parseSigma,
  type SigmaEvent,
  type Value,
} from "../../../src/detect/sigma/mod.ts";

const correlation = (name: string, body: string): string =>
  `title: ${name}\nname: ${name}\nlevel: high\ncorrelation:\n  ${body.replaceAll("\n", "\n  ")}\n`;
const rule = (name: string): string =>
  `title: ${name}\nname: ${name}\nlogsource: { product: p }\ndetection:\n  sel: { kind: ${name} }\n  condition: sel\n`;

const documents = [
  ...["login", "logout", "copy"].map(rule),
  correlation(
    "count",
    "type: event_count\nrules: login\ngroup-by: [user, address]\ntimespan: 10m\ncondition: { gte: 5 }",
  ),
  correlation(
    "values",
    "type: value_count\nrules: login\ngroup-by: address\ntimespan: 10m\ncondition: { field: user, gte: 10 }",
  ),
  correlation("together", "type: temporal\nrules: [login, copy]\ngroup-by: user\ntimespan: 5m"),
  correlation("ordered", "type: temporal_ordered\nrules: [login, copy, logout]\ngroup-by: user\ntimespan: 5m"),
  correlation(
    "sum",
    "type: value_sum\nrules: copy\ngroup-by: user\ntimespan: 1h\ncondition: { field: bytes, gte: 1000000 }",
  ),
  correlation(
    "average",
    "type: value_avg\nrules: copy\ngroup-by: address\ntimespan: 1h\ncondition: { field: bytes, gte: 999 }",
  ),
  correlation(
    "middle",
    "type: value_median\nrules: copy\ngroup-by: user\ntimespan: 1h\ncondition: { field: bytes, gte: 999 }",
  ),
  correlation("twice", "type: event_count\nrules: count\ngroup-by: address\ntimespan: 1h\ncondition: { gte: 2 }"),
];

export interface FlatOptions {
  readonly events: number;
  /** Different users; addresses are a quarter of it. */
  readonly users: number;
  /** After how many events memory is looked at. */
  readonly sampleEvery: number;
  readonly random: () => number;
  readonly onSample?: (sample: FlatSample) => void;
}

export interface FlatSample {
  readonly events: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** What the windows hold by the engine's own estimate. */
  readonly windowBytes: number;
  readonly groups: number;
  readonly eventsPerSecond: number;
}

export interface FlatReport {
  readonly samples: readonly FlatSample[];
  readonly stats: CorrelationStats;
  readonly fired: number;
}

/** An event that is filled anew each time, as the agent's are. */
class Flyweight implements SigmaEvent {
  timeMs = 0;
  readonly values: Value[] = [];

  get(slot: number): Value {
    return this.values[slot];
  }

  eachText(): void {
    // No rule has keywords.
  }
}

export function runFlat({ events, users, sampleEvery, random, onSample }: FlatOptions): FlatReport {
  const slots = new NameSlots();
  const { rules, correlations, diagnostics } = linkSigma(parseSigma(documents.join("---\n"), "flat.yml"));
  if (diagnostics.length > 0 || correlations.length !== documents.length - 3)
    throw new Error(`Cannot begin: ${JSON.stringify(diagnostics)}`);
  const engine = new Engine(rules, { slots, route: () => ({ sources: [1] }), correlations });
  const event = new Flyweight();
  const [kind, user, address, bytes] = ["kind", "user", "address", "bytes"].map((name) => slots.slot(name)) as [
    number,
    number,
    number,
    number,
  ];
  const kinds = ["login", "login", "copy", "logout"];
  const samples: FlatSample[] = [];
  let fired = 0;
  let timeMs = Date.UTC(2026, 0, 1);
  let lastMs = performance.now();
  const emit = (): void => {
    fired++;
  };
  for (let at = 1; at <= events; at++) {
    // Mostly forward, sometimes late.
    timeMs += random() < 0.01 ? -5_000 : 20;
    event.timeMs = timeMs;
    event.values[kind] = kinds[Math.floor(random() * 4)]!;
    // A tenth of the events are of a hundred busy users, the others are spread over all.
    const who = random() < 0.1 ? Math.floor(random() * 100) : Math.floor(random() * users);
    event.values[user] = `user-${who}`;
    event.values[address] = `10.${who & 255}.${(who >> 8) & 63}.${(who >> 14) & 255}`;
    event.values[bytes] = Math.floor(random() * 1000);
    engine.evaluate(1, event, emit, emit);
    if (at % sampleEvery !== 0) continue;
    const nowMs = performance.now();
    Bun.gc(true);
    const { heapUsed, rss } = process.memoryUsage();
    const { groupCount, byteLength } = engine.correlationStats!;
    const sample: FlatSample = {
      events: at,
      heapBytes: heapUsed,
      rssBytes: rss,
      windowBytes: byteLength,
      groups: groupCount,
      eventsPerSecond: Math.round((sampleEvery / (nowMs - lastMs)) * 1000),
    };
    samples.push(sample);
    onSample?.(sample);
    lastMs = performance.now();
  }
  return { samples, stats: engine.correlationStats!, fired };
}

/** What is wrong with a long run: growth between its first half, when windows have filled, and its end. */
export function flatFaults({ samples, stats }: FlatReport, growthMaxBytes: number): string[] {
  const faults: string[] = [];
  const half = samples.slice(Math.floor(samples.length / 2));
  const grown = (of: (sample: FlatSample) => number): number => of(samples.at(-1)!) - Math.min(...half.map(of));
  if (grown(({ heapBytes }) => heapBytes) > growthMaxBytes)
    faults.push(`the heap grew by ${grown(({ heapBytes }) => heapBytes)} bytes in the second half`);
  if (grown(({ rssBytes }) => rssBytes) > 2 * growthMaxBytes)
    faults.push(`the resident memory grew by ${grown(({ rssBytes }) => rssBytes)} bytes in the second half`);
  if (stats.evictedCount + stats.expiredCount === 0)
    faults.push("no group ever went: the groups were too few to show anything");
  return faults;
}
