// Names, addresses and URLs in free text: command lines, scripts, registry data. One pass, no regular expression; what looks like
// a name is looked up, and whether it is one is the list's business.

/** What is told of each candidate. Positions are UTF-16 units in the text that was given. */
export interface ObservableVisitor {
  /** Letters, digits, `-`, `_` and at least one dot inside; neither starts nor ends with one. May be an IPv4 address. */
  name(text: string, from: number, to: number): void;
  /** Hexadecimal digits and at least two colons, perhaps with dots at the end. */
  address6(text: string, from: number, to: number): void;
  /** From the scheme to the first character that ends a URL in a command line. */
  url(text: string, from: number, to: number): void;
}

const isName = 1;
const isHex6 = 2;
const endsUrl = 4;

const classes = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  let found = 0;
  if (/[A-Za-z0-9_-]/.test(char)) found |= isName;
  if (/[0-9A-Fa-f:.]/.test(char)) found |= isHex6;
  if (code <= 0x20 || code === 0x7f || "\"'`<>|^{}\\;".includes(char)) found |= endsUrl;
  return found;
});

const classOf = (code: number): number => (code < 128 ? classes[code]! : 0);
const dot = 0x2e;
const colon = 0x3a;
const slash = 0x2f;

/** At most `limit` candidates; answers whether there were more. Linear in the text. */
export function eachObservable(text: string, limit: number, visitor: ObservableVisitor): boolean {
  let seen = 0;
  const { length } = text;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const found = classOf(code);
    if ((found & isName) === 0 && code !== colon) {
      at++;
      continue;
    }
    // A run of name characters with single dots between.
    const from = at;
    let dots = 0;
    while (at < length) {
      const here = text.charCodeAt(at);
      if ((classOf(here) & isName) !== 0) at++;
      else if (here === dot && at > from && at + 1 < length && (classOf(text.charCodeAt(at + 1)) & isName) !== 0) {
        dots++;
        at++;
      } else break;
    }
    const next = at < length ? text.charCodeAt(at) : 0;
    if (next === colon && text.charCodeAt(at + 1) === slash && text.charCodeAt(at + 2) === slash && at > from) {
      if (++seen > limit) return true;
      let end = at + 3;
      while (end < length && (classOf(text.charCodeAt(end)) & endsUrl) === 0) end++;
      visitor.url(text, from, trimmed(text, at + 3, end));
      // The host behind the scheme is a candidate of its own.
      at += 3;
      continue;
    }
    if (next === colon && isRunOfHex(text, from, at)) {
      let end = at;
      let colons = 0;
      while (end < length && (classOf(text.charCodeAt(end)) & isHex6) !== 0)
        if (text.charCodeAt(end++) === colon) colons++;
      if (colons > 1) {
        if (++seen > limit) return true;
        visitor.address6(text, from, end);
        at = end;
        continue;
      }
    }
    if (dots > 0) {
      if (++seen > limit) return true;
      visitor.name(text, from, at);
    }
    if (at === from) at++;
  }
  return false;
}

/** Punctuation at the end of a URL belongs to the sentence around it. */
function trimmed(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && ".,!?)]:".includes(text[end - 1]!)) end--;
  return end;
}

function isRunOfHex(text: string, from: number, to: number): boolean {
  if (to - from > 4) return false;
  for (let at = from; at < to; at++) if ((classOf(text.charCodeAt(at)) & isHex6) === 0) return false;
  return true;
}
