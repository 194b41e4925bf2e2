// The indicator behind an alert as ECS has it: `threat.enrichments[]`, and the same in `threat.indicator` for consoles that look
// there only.

import type { IndicatorFacts } from "../detect/mod.ts";
import { compactDoc, type Doc, isoTime, type Shaper } from "./shaper.ts";

/** ECS, `threat.indicator.type`: the names of STIX's observables. */
const types: Readonly<Record<IndicatorFacts["kind"], string>> = {
  domain: "domain-name",
  ip: "ipv4-addr",
  url: "url",
  path: "file",
  md5: "file",
  sha1: "file",
  sha256: "file",
  imphash: "file",
};

/** Where an alert shows the fields that are looked up; others stand under `sigil.event` only. */
const places: Readonly<Record<string, string>> = {
  Image: "process.executable",
  CommandLine: "process.command_line",
  TargetFilename: "file.path",
  ImageLoaded: "dll.path",
  DestinationIp: "destination.ip",
  DestinationHostname: "destination.domain",
  SourceIp: "source.ip",
  QueryName: "dns.question.name",
  QueryResults: "dns.answers.data",
  Details: "registry.data.strings",
};

/** `threat.*` of an alert about an indicator. */
export function threatOfIndicator(facts: IndicatorFacts, occurredMs: number, shaper: Shaper): Doc {
  const indicator = compactDoc({
    type: facts.kind === "ip" && facts.value.split(":").length > 2 ? "ipv6-addr" : types[facts.kind],
    name: shaper.text(facts.value, "threat.indicator.name", 2048),
    description: shaper.text(facts.description, "threat.indicator.description", 1024),
    provider: shaper.text(facts.provider, "threat.indicator.provider", 256),
    reference: shaper.text(facts.reference, "threat.indicator.reference", 2048),
    ...observed(facts, shaper),
  });
  const place = Object.hasOwn(places, facts.field) ? places[facts.field] : undefined;
  // Of a file that was hashed: no field of the event, and called as the alert calls it.
  const field = facts.field.startsWith("file.hash.") ? facts.field : place;
  const matched = compactDoc({
    atomic: shaper.text(facts.observable, "threat.enrichments.matched.atomic", 2048),
    field: shaper.text(field ?? `sigil.event.${facts.field}`, "threat.enrichments.matched.field", 256),
    id: shaper.text(facts.feedId, "threat.enrichments.matched.id", 256),
    occurred: isoTime(occurredMs),
    type: "indicator_match_rule",
  });
  return { enrichments: [{ indicator, matched }], indicator };
}

/** The observable in the field that ECS has for its kind. */
function observed({ kind, value }: IndicatorFacts, shaper: Shaper): Doc {
  switch (kind) {
    case "domain":
      return { url: { domain: shaper.text(value.replace(/^\*?\./, ""), "threat.indicator.url.domain", 256) } };
    case "ip": {
      const endpoint = /^(?:\[([^\]]+)\]|([\d.]+)):(\d+)$/.exec(value);
      if (endpoint !== null) return { ip: endpoint[1] ?? endpoint[2], port: Number(endpoint[3]) };
      // A network is no address: its value stands in `name` alone.
      return value.includes("/") ? {} : { ip: value };
    }
    case "url":
      return { url: { original: shaper.text(value, "threat.indicator.url.original", 2048) } };
    case "path":
      return {};
    case "imphash":
      return { file: { pe: { imphash: value } } };
    default:
      return { file: { hash: { [kind]: value } } };
  }
}
