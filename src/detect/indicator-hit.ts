// An indicator that an event held, in the shape that all engines share: each indicator is a rule of its own.

import { createHash } from "node:crypto";
import type { Hit } from "./detector.ts";
import type { Indicator, IndicatorHit, IndicatorKind } from "./ioc/mod.ts";

/** Kinds in words, for a title that a person reads. */
const words: Readonly<Record<IndicatorKind, string>> = {
  domain: "domain",
  ip: "address",
  url: "URL",
  path: "path",
  md5: "MD5",
  sha1: "SHA-1",
  sha256: "SHA-256",
  imphash: "import hash",
};

const shownMax = 256;

/** The hit of an indicator. Its `rule.id` is made from kind and value: the same in every list, on every host. */
export function indicatorHit({ indicator, field, observable }: IndicatorHit): Hit {
  const { kind, value, description, reference, provider, feedId, expiresMs } = indicator;
  return {
    engine: "ioc",
    rule: {
      id: indicatorId(indicator),
      title: `Indicator: ${words[kind]} ${value.length > shownMax ? `${value.slice(0, shownMax)}…` : value}`,
      description,
      level: indicator.level,
      status: "",
      author: provider === "" ? [] : [provider],
      references: reference === "" ? [] : [reference],
      tags: [],
      falsepositives: [],
      version: "",
      license: "",
      category: kind,
      file: indicator.file,
    },
    matches: [
      { selection: "indicator", field, modifier: kind === "path" ? "re" : "", pattern: value, value: observable },
    ],
    indicator: { kind, value, observable, field, description, reference, provider, feedId, expiresMs },
  };
}

/** A name-based UUID (RFC 9562, version 8: SHA-256 of kind and value), because rule ids are UUIDs where alerts go. */
function indicatorId({ kind, value }: Indicator): string {
  const digest = createHash("sha256").update(`sigil indicator\0${kind}\0${value}`).digest();
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
