// Regular expressions of rules, run by RE2's algorithm (re2js): linear in the length of the input whatever the pattern, so no
// event can stall the engine. Meaning: RE2 syntax (no look-around, no back-references), unanchored search, `.` is anything but
// a line feed unless `s`, `\d \w \s \b` are ASCII, `$` is the very end unless `m`.

import { LRUCache } from "lru-cache";
import { RE2JS } from "re2js";
import { regexCacheMax } from "./limits.ts";

/** A compiled expression; `test` never throws. */
export interface Regex {
  test(text: string): boolean;
}

const cache = new LRUCache<string, Regex>({ max: regexCacheMax });

/** Compiles, or returns why the expression is refused. `flags` are some of `i`, `m`, `s`. Cached per thread. */
export function compileRegex(source: string, flags: string): Regex | { readonly fault: string } {
  const key = `${flags}/${source}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  let bits = 0;
  if (flags.includes("i")) bits |= RE2JS.CASE_INSENSITIVE;
  if (flags.includes("m")) bits |= RE2JS.MULTILINE;
  if (flags.includes("s")) bits |= RE2JS.DOTALL;
  try {
    const compiled: Regex = RE2JS.compile(source, bits);
    cache.set(key, compiled);
    return compiled;
  } catch (cause) {
    const reason =
      cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : "not a regular expression";
    return { fault: reason };
  }
}
