// Lookups in the DNS, with Sysmon's field names (event 22): an event for each question that a process sent, and one for each answer
// that it got. A record holds a datagram, or a piece of a TCP stream with any number of messages; each message is an event.

import { dnsKind, dnsSection, networkFlag, networkLayout } from "../../event/mod.ts";
import type { ActivityEvent, ActivityFamily } from "../activity-event.ts";
import {
  type DnsMessage,
  parseDns,
  queryResults,
  queryStatus,
  recordClassName,
  recordType,
  recordTypeName,
  responseCodeName,
} from "../dns/mod.ts";
import { destinationIp, destinationPort, flags, processKey, protocol, sourceIp, sourcePort } from "./ends.ts";

const message = (event: ActivityEvent): DnsMessage | undefined => event.network.messages[0];
const isAnswer = (event: ActivityEvent): boolean => event.record.kind === dnsKind.answer;

const question =
  (read: (one: DnsMessage["questions"][number]) => string) =>
  (event: ActivityEvent): string | undefined => {
    const first = message(event)?.questions[0];
    return first && read(first);
  };

/** The name server is the destination, whoever sent the message. */
const turned =
  (here: (event: ActivityEvent) => string, there: (event: ActivityEvent) => string) => (event: ActivityEvent) =>
    isAnswer(event) ? there(event) : here(event);

export const dnsFamily: ActivityFamily = {
  kinds: ["dns_query", "dns_answer"],
  readers: {
    EventType: (event) => (isAnswer(event) ? "answer" : "query"),
    QueryName: question(({ name }) => name),
    QueryType: question(({ type }) => recordTypeName(type)),
    QueryStatus: (event) => {
      const answer = message(event);
      return isAnswer(event) && answer ? queryStatus(answer.responseCode, answer.answers.length > 0) : undefined;
    },
    QueryResults: (event) => {
      const answer = message(event);
      return isAnswer(event) && answer ? queryResults(answer) : undefined;
    },
    Protocol: protocol,
    SourceIp: turned(sourceIp, destinationIp),
    SourcePort: turned(
      (event) => String(sourcePort(event)),
      (event) => String(destinationPort(event)),
    ),
    DestinationIp: turned(destinationIp, sourceIp),
    DestinationPort: turned(
      (event) => String(destinationPort(event)),
      (event) => String(sourcePort(event)),
    ),
  },
  keywords: new Set(["QueryName", "QueryResults"]),
  sections: { [dnsSection.payload]: "QueryResults" },
  observe: (event) => {
    const { messages } = event.network;
    messages.length = 0;
    const { record } = event;
    const payload = record.section(dnsSection.payload);
    const take = (bytes: Buffer, from: number, to: number): void => read(event, bytes, from, to);
    const sequence = record.field(networkLayout.streamSequence);
    if ((flags(event) & networkFlag.stream) !== 0) {
      const key = `${record.exact(networkLayout.socket)}${isAnswer(event) ? "<" : ">"}`;
      event.network.streams.take(key, sequence, payload, take);
    } else {
      // Several datagrams in one packet are all as long as the first.
      const step = sequence === 0 ? payload.length : sequence;
      for (let at = 0; at < payload.length; at += step) take(payload, at, Math.min(payload.length, at + step));
    }
    return messages.length > 0;
  },
  next: ({ network }) => {
    network.messages.shift();
    return network.messages.length > 0;
  },
  ecs,
  extra: (event) => {
    const errors = message(event)?.edns?.extendedErrors ?? [];
    return errors.length === 0 ? {} : { dns: { extended_errors: errors.map(({ code, text }) => ({ code, text })) } };
  },
};

/** QUERY. Others (NOTIFY, UPDATE) look up nothing. */
const opcodeQuery = 0;

function read(event: ActivityEvent, bytes: Buffer, from: number, to: number): void {
  const { network } = event;
  const found = parseDns(bytes, from, to);
  if (found === undefined || found.opcode !== opcodeQuery || found.isResponse !== isAnswer(event)) {
    network.dns.others++;
    return;
  }
  network.dns.messages++;
  if (found.isDamaged) network.dns.damaged++;
  network.messages.push(found);
  if (found.isResponse) learn(event, found);
}

/** An address is known by the name that was asked for, not by the last of a chain of aliases. */
function learn(event: ActivityEvent, answer: DnsMessage): void {
  const asked = answer.questions[0];
  if (asked === undefined || answer.responseCode !== 0) return;
  const process = processKey(event);
  for (const { type, addresses, ttlSeconds } of answer.answers) {
    if (type !== recordType.a && type !== recordType.aaaa && type !== recordType.https && type !== recordType.svcb)
      continue;
    for (const address of addresses)
      event.network.names.learn(process, asked.name, withoutMapping(address), ttlSeconds, event.timeMs);
  }
}

/** Events show IPv4 as IPv4. */
const withoutMapping = (address: string): string => (address.startsWith("::ffff:") ? address.slice(7) : address);

/** Answers shown with their parts; `QueryResults` has more. */
const answersShownMax = 64;

function ecs(event: ActivityEvent): Record<string, unknown> {
  const found = message(event);
  if (found === undefined) return {};
  const first = found.questions[0];
  const headerFlags = [
    ["AA", found.isAuthoritative],
    ["TC", found.isTruncated],
    ["RD", found.wantsRecursion],
    ["RA", found.offersRecursion],
    ["AD", found.isAuthentic],
    ["DO", found.edns?.wantsDnssec === true],
  ] as const;
  const dns: Record<string, unknown> = {
    type: isAnswer(event) ? "answer" : "query",
    id: String(found.id),
    op_code: "QUERY",
    header_flags: headerFlags.flatMap(([name, isSet]) => (isSet ? [name] : [])),
  };
  if (first !== undefined)
    dns.question = { name: first.name, type: recordTypeName(first.type), class: recordClassName(first.class) };
  if (isAnswer(event)) {
    dns.response_code = responseCodeName(found.responseCode);
    const resolved = [...new Set(found.answers.flatMap(({ addresses }) => addresses.map(withoutMapping)))];
    if (resolved.length > 0) dns.resolved_ip = resolved.slice(0, answersShownMax);
    if (found.answers.length > 0)
      dns.answers = found.answers.slice(0, answersShownMax).map(({ name, type, class: number, ttlSeconds, data }) => ({
        name,
        type: recordTypeName(type),
        class: recordClassName(number),
        ttl: ttlSeconds,
        data,
      }));
  }
  return {
    dns,
    network: { protocol: "dns", transport: protocol(event), direction: isAnswer(event) ? "ingress" : "egress" },
  };
}
