// What became of one file of indicators: how many were taken, what was left out and why. Faults are values with a place; the rest
// of the file goes on.

import type { Diagnostic } from "../../std/mod.ts";
import type { Refusal } from "./builder.ts";
import { diagnosticsPerFileMax, indicatorsMax, pathRegexesMax } from "./limits.ts";

export interface IndicatorFileReport {
  readonly file: string;
  readonly taken: number;
  /** Values that a file before this one, or this one, had already. */
  readonly duplicates: number;
  /** Left out on purpose: expired, revoked, marked as not for detection, of a kind that nothing here can look for. */
  readonly skipped: number;
  readonly rejected: number;
  readonly diagnostics: readonly Diagnostic[];
}

const explanations: Readonly<Record<Refusal, readonly [message: string, hint: string]>> = {
  bad_domain: ["not a domain name", "for example evil.example, .evil.example or *.evil.example"],
  bad_address: ["not an address", "for example 192.0.2.1, 192.0.2.0/24, 192.0.2.1:443 or [2001:db8::1]:443"],
  bad_url: ["not a URL", "for example https://evil.example/kit/login.php"],
  bad_digest: ["not a digest in hexadecimal", "32 digits are MD5, 40 SHA-1, 64 SHA-256; imphash:… is an import hash"],
  bad_regex: ["not a regular expression that this agent runs", "RE2 syntax: no look-around, no back-references"],
  too_long: ["longer than an indicator may be", ""],
  full: [`no room for more than ${indicatorsMax} indicators, ${pathRegexesMax} of them path expressions`, ""],
};

export class FileReporter {
  readonly #file: string;
  readonly #diagnostics: Diagnostic[] = [];
  taken = 0;
  skipped = 0;
  rejected = 0;
  /** Nothing more fits: the rest of the file need not be read. */
  isFull = false;
  #more = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** An indicator that was not taken. `line` is 0 where the format has no lines. */
  refuse(line: number, column: number, value: string, refusal: Refusal): void {
    this.rejected++;
    const [why, hint] = explanations[refusal];
    if (refusal === "full") this.isFull = true;
    this.report(line, column, "error", refusal, `cannot use '${shown(value)}': ${why}`, hint);
  }

  report(
    line: number,
    column: number,
    severity: Diagnostic["severity"],
    code: string,
    message: string,
    hint: string,
  ): void {
    if (this.#diagnostics.length >= diagnosticsPerFileMax) this.#more++;
    else this.#diagnostics.push({ file: this.#file, line, column, severity, code, message, hint });
  }

  result(duplicates: number): IndicatorFileReport {
    const { taken, skipped, rejected } = this;
    const diagnostics = [...this.#diagnostics];
    if (this.#more > 0)
      diagnostics.push({
        file: this.#file,
        line: 0,
        column: 0,
        severity: "warning",
        code: "too_many",
        message: `${this.#more} more faults in this file`,
        hint: "",
      });
    return { file: this.#file, taken, duplicates, skipped, rejected, diagnostics };
  }
}

function shown(value: string): string {
  const text = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a terminal.
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "�");
}
