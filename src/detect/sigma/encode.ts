// The encoding modifiers: UTF-16 and Base64 on bytes, not characters (specification 2.1.0, "Modifiers"; pySigma counts
// characters in base64offset and so loses non-ASCII values).

export type WideEncoding = "utf16le" | "utf16be" | "utf16";

/** The bytes of `text` in UTF-16, each byte as one character U+0000-U+00FF. `utf16` is little-endian with FF FE before it. */
export function wideText(text: string, encoding: WideEncoding): string {
  let result = encoding === "utf16" ? "\u00ff\u00fe" : "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const low = String.fromCharCode(code & 0xff);
    const high = String.fromCharCode(code >> 8);
    result += encoding === "utf16be" ? high + low : low + high;
  }
  return result;
}

/** Standard Base64 with padding. */
export function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/**
 * The three texts of which one occurs in Base64 of any data that contains `bytes`, by its position modulo 3: characters
 * that also depend on neighbouring bytes are cut off at both ends.
 */
export function base64Offsets(bytes: Uint8Array): string[] {
  return [0, 1, 2].map((shift) => {
    const padded = new Uint8Array(bytes.length + shift);
    padded.set(bytes, shift);
    const start = [0, 2, 3][shift]!;
    const end = [0, 3, 2][padded.length % 3]!;
    const text = base64Text(padded);
    return text.slice(start, text.length - end);
  });
}
