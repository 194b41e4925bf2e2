// Regular expressions of pipelines: matched at the beginning of a text, or replaced in it. Written for Python's `re`, run by RE2's algorithm
// (linear, no look-around, no back-references); replacements refer to groups as Python writes them (`\1`, `\g<name>`).

import { RE2JS } from "re2js";
import { regexLengthMax } from "../limits.ts";

export class EditingRegex {
  readonly #regex: RE2JS;

  private constructor(regex: RE2JS) {
    this.#regex = regex;
  }

  static compile(source: string): EditingRegex | { readonly fault: string } {
    if (source.length > regexLengthMax) return { fault: `it has more than ${regexLengthMax} characters` };
    try {
      return new EditingRegex(RE2JS.compile(source));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : "";
      return { fault: reason || "not a regular expression" };
    }
  }

  /** Whether it matches at the beginning of `text` (Python's `re.match`). */
  matchesStart(text: string): boolean {
    return this.#regex.matcher(text).lookingAt();
  }

  /** Why a replacement cannot be used, or `undefined`. */
  replacementFault(replacement: string): string | undefined {
    const count = this.#regex.groupCount();
    const names = Object.keys(this.#regex.namedGroups());
    for (const part of parts(replacement)) {
      if (typeof part === "string") continue;
      if (typeof part.group === "number" ? part.group > count : !names.includes(part.group))
        return `there is no group ${part.group}`;
    }
    return undefined;
  }

  replaceAll(text: string, replacement: string): string {
    const template = parts(replacement);
    const matcher = this.#regex.matcher(text);
    let result = "";
    let from = 0;
    while (matcher.find()) {
      result += text.slice(from, matcher.start());
      for (const part of template) result += typeof part === "string" ? part : (matcher.group(part.group) ?? "");
      from = matcher.end();
    }
    return result + text.slice(from);
  }
}

type Part = string | { readonly group: number | string };

/** Python's escapes in replacements: `\1`, `\g<1>`, `\g<name>`, `\\`, `\n`, `\t`; any other backslash is itself. */
function parts(replacement: string): Part[] {
  const found: Part[] = [];
  let from = 0;
  for (const match of replacement.matchAll(/\\(?:(\d{1,2})|g<(\w{1,64})>|([\\nrt]))/g)) {
    if (match.index > from) found.push(replacement.slice(from, match.index));
    const name = match[1] ?? match[2];
    if (name !== undefined) found.push({ group: /^\d+$/.test(name) ? Number(name) : name });
    else found.push({ "\\": "\\", n: "\n", r: "\r", t: "\t" }[match[3] as "\\" | "n" | "r" | "t"]);
    from = match.index + match[0].length;
  }
  if (from < replacement.length) found.push(replacement.slice(from));
  return found;
}
