// Text from outside on its way to a terminal or a log: made harmless and bounded.

/** C0, DEL, C1, line and paragraph separators, and the marks that turn the direction of writing around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * `text` with every control character, direction mark and lone surrogate written as an escape (`\n`, `\x1b`, `\u202e`):
 * what comes back is one line that cannot drive a terminal. Backslashes stay as they are.
 */
export function printable(text: string): string {
  return text.replace(unsafe, (char) => {
    switch (char) {
      case "\n":
        return "\\n";
      case "\r":
        return "\\r";
      case "\t":
        return "\\t";
    }
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** `text` cut to `lengthMax` UTF-16 units, the last being `…` when something was cut; never splits a surrogate pair. */
export function shorten(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  let end = Math.max(0, lengthMax - 1);
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return `${text.slice(0, end)}…`;
}
