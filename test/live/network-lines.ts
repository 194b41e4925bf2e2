// Alerts about the network in the words in which programs/network.c tells what it did, so that the two can be compared as text.

import { type Alert, at } from "./agent.ts";

/** A Sysmon-style field of an alert. */
export const field = (alert: Alert, name: string): string | undefined =>
  at(alert, `sigil.event.${name}`) as string | undefined;

/** What the program said, a line an event, sorted. */
export const told = (output: string): string[] =>
  output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.trimEnd())
    .sort();

/** An alert in the words of programs/network.c. */
export function lineOf(alert: Alert): string {
  const name = field(alert, "EventType") ?? "";
  const isWaiting = name === "bind" || name === "listen";
  const end = (side: string): string => `${field(alert, `${side}Ip`)} ${field(alert, `${side}Port`) ?? 0}`;
  const more = {
    connect: field(alert, "Result") ?? "none",
    send: field(alert, "Initiated"),
    close: `${field(alert, "BytesSent")} ${field(alert, "BytesReceived")} ${field(alert, "Initiated")}`,
  }[name];
  const destination = end(isWaiting ? "Source" : "Destination");
  return [name, field(alert, "Protocol"), field(alert, "ProcessId"), end("Source"), destination, more ?? ""]
    .join(" ")
    .trimEnd();
}

/** A lookup: what was asked or answered, how, and of whom. */
export const lookupLine = (alert: Alert): string =>
  ["EventType", "QueryName", "QueryType", "QueryStatus", "QueryResults", "Protocol", "DestinationIp", "DestinationPort"]
    .map((name) => field(alert, name) ?? "-")
    .join(" ");

/** What `questions SUFFIX` must make the agent say, sorted. */
export function questionLines(suffix: string): string[] {
  return ["udp", "sendto", "tcp"]
    .flatMap((how) => ["127.0.0.1", "::1"].map((server) => [how, server] as const))
    .flatMap(([how, server]) => {
      const protocol = how === "tcp" ? "tcp" : "udp";
      return [
        `query ${how}.${suffix} A - - ${protocol} ${server} 53`,
        `answer ${how}.${suffix} A 0 type:  5 edge.test;::ffff:198.51.100.7; ${protocol} ${server} 53`,
      ];
    })
    .sort();
}
