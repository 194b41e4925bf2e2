// Activities on the network, with Sysmon's field names (event 3).

import { networkFlag, networkKind, networkLayout } from "../../event/mod.ts";
import type { ConnectionStatistics } from "../../state/mod.ts";
import type { ActivityEvent, ActivityFamily } from "../activity-event.ts";
import type { Readers } from "../live-event.ts";
import {
  destinationIp,
  destinationPort,
  endReaders,
  flags,
  processKey,
  protocol,
  protocolNumber,
  result,
  sourceIp,
  sourceReaders,
} from "./ends.ts";

/** `EventType` of an event: what was done. */
const types: Readonly<Record<number, string>> = {
  [networkKind.connect]: "connect",
  [networkKind.accept]: "accept",
  [networkKind.bind]: "bind",
  [networkKind.listen]: "listen",
  [networkKind.close]: "close",
  [networkKind.send]: "send",
};

/** Did the other side begin? */
const isInbound = (event: ActivityEvent): boolean =>
  event.record.kind === networkKind.accept || (flags(event) & networkFlag.inbound) !== 0;

/** Where the statistics of a connection stand: who, how, which way, and where to. */
function place(event: ActivityEvent): string {
  const inbound = isInbound(event);
  const peer = inbound ? sourceIp(event) : destinationIp(event);
  return `${processKey(event) ?? "?"} ${protocolNumber(event)}${inbound ? "<" : ">"}${peer} ${destinationPort(event)}`;
}

const statistics = (event: ActivityEvent): ConnectionStatistics | undefined =>
  event.network.connections.find(place(event));

const nameOf = (event: ActivityEvent, address: string): string | undefined =>
  event.network.names.nameOf(processKey(event), address, event.timeMs);

const isDecided = (event: ActivityEvent): boolean =>
  event.record.kind === networkKind.connect && (flags(event) & networkFlag.undecided) === 0;
const wide = (event: ActivityEvent, offset: number): number => event.record.wide(offset);
const whole = (value: number | undefined): string | undefined => (value === undefined ? undefined : value.toFixed(0));

const eventType = ({ record }: ActivityEvent): string | undefined => types[record.kind];

/** Of connections and their ends. */
const peerReaders: Readers<ActivityEvent> = {
  EventType: eventType,
  Initiated: (event) => String(!isInbound(event)),
  ...endReaders,
  SourceHostname: (event) => (isInbound(event) ? nameOf(event, sourceIp(event)) : undefined),
  DestinationHostname: (event) => (isInbound(event) ? undefined : nameOf(event, destinationIp(event))),
};
const peerKeywords: ReadonlySet<string> = new Set([
  "DestinationHostname",
  "SourceHostname",
  "DestinationIp",
  "SourceIp",
]);

/** Connections that begin, and the first datagram to a place. */
export const connectionFamily: ActivityFamily = {
  kinds: ["network_connect", "network_accept", "network_send"],
  readers: {
    ...peerReaders,
    Result: (event) => (isDecided(event) ? String(-result(event) || 0) : undefined),
    ConnectionCount: (event) => whole(statistics(event)?.count),
    ConnectionIntervalMs: (event) => whole(statistics(event)?.intervalMeanMs),
    ConnectionJitterMs: (event) => whole(statistics(event)?.intervalJitterMs),
    ConnectionJitterPercent: jitterPercent,
  },
  keywords: peerKeywords,
  sections: {},
  observe: (event) => {
    event.isRepeat = event.network.connections.observe(place(event), event.timeMs).isRepeat;
    return true;
  },
  ecs: (event) => ({ network: networkSet(event) }),
};

/** Connections that end. */
export const closeFamily: ActivityFamily = {
  kinds: ["network_close"],
  readers: {
    ...peerReaders,
    BytesSent: (event) => whole(sent(event)),
    BytesReceived: (event) => whole(received(event)),
    DurationMs: (event) => whole(wide(event, networkLayout.durationNs) / 1e6),
  },
  keywords: new Set(),
  sections: {},
  observe: (event) => {
    event.network.connections.ended(place(event), sent(event), received(event));
    return true;
  },
  ecs: (event) => {
    const [source, destination] = isInbound(event) ? [received(event), sent(event)] : [sent(event), received(event)];
    return {
      network: { ...networkSet(event), bytes: source + destination },
      source: { bytes: source },
      destination: { bytes: destination },
    };
  },
};

/** Sockets that wait for others. */
export const listenFamily: ActivityFamily = {
  kinds: ["network_bind", "network_listen"],
  readers: { EventType: eventType, ...sourceReaders },
  keywords: new Set(["SourceIp"]),
  sections: {},
  ecs: (event) => ({ network: networkSet(event) }),
};

const sent = (event: ActivityEvent): number => wide(event, networkLayout.bytesSent);
const received = (event: ActivityEvent): number => wide(event, networkLayout.bytesReceived);

const networkSet = (event: ActivityEvent): Readonly<Record<string, unknown>> => ({
  iana_number: String(protocolNumber(event)),
  transport: protocol(event),
});

/** Deviation of the intervals in percent of their mean: a beacon's is small. Absent before the fourth connection: two intervals say little. */
function jitterPercent(event: ActivityEvent): string | undefined {
  const known = statistics(event);
  if (known === undefined || known.count < 4 || known.intervalMeanMs === 0) return undefined;
  return whole((100 * known.intervalJitterMs) / known.intervalMeanMs);
}
