// What Sysmon's event 22 makes of an answer: `type:  5 edge.example.net;::ffff:192.0.2.7;2001:db8::1;`. Addresses stand alone, IPv4
// ones as mapped IPv6, every other record after its number. Names stand alone in it where a type has a name and numbers.

import type { DnsMessage } from "./message.ts";
import { recordType } from "./types.ts";

/** UTF-16 units of `QueryResults`; what follows is left out. The longest answers have some hundred addresses. */
export const queryResultsLengthMax = 16_384;

/** `undefined` when the message holds no answer. */
export function queryResults(message: DnsMessage): string | undefined {
  let text = "";
  for (const { type, data } of message.answers) {
    const part =
      type === recordType.a && isDotted.test(data)
        ? `::ffff:${data};`
        : type === recordType.aaaa && data.includes(":")
          ? `${data};`
          : `type:  ${type} ${data.replaceAll(";", "\\;")};`;
    if (text.length + part.length > queryResultsLengthMax) break;
    text += part;
  }
  return text === "" ? undefined : text;
}

const isDotted = /^\d+\.\d+\.\d+\.\d+$/;
