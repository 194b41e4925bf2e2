// Wildcard patterns against text. Linear in text × pattern at worst: only the last `*` is ever reconsidered.

import { dash, dashes, many, one, type Piece } from "./ir.ts";

/** Whether all of `text` matches. Text and pieces are both folded, or neither. */
export function globMatches(pieces: readonly Piece[], text: string): boolean {
  let piece = 0;
  let at = 0;
  let starPiece = -1;
  let starAt = 0;
  while (true) {
    if (piece === pieces.length) {
      if (at === text.length) return true;
    } else if (pieces[piece] === many) {
      if (piece === pieces.length - 1) return true;
      starPiece = piece++;
      starAt = at;
      continue;
    } else {
      const width = pieceWidth(pieces[piece]!, text, at);
      if (width >= 0) {
        at += width;
        piece++;
        continue;
      }
    }
    // Dead end: let the last `*` take one more character, or jump to where the text after it next occurs.
    if (starPiece === -1 || starAt >= text.length) return false;
    starAt++;
    const anchor = pieces[starPiece + 1];
    if (typeof anchor === "string") {
      starAt = text.indexOf(anchor, starAt);
      if (starAt === -1) return false;
    }
    at = starAt;
    piece = starPiece + 1;
  }
}

/** Units of text that one piece takes at a place, or -1. `?` takes a whole code point. */
function pieceWidth(piece: Piece, text: string, at: number): number {
  if (typeof piece === "string") return text.startsWith(piece, at) ? piece.length : -1;
  if (at >= text.length) return -1;
  if (piece === dash) return dashes.includes(text[at]!) ? 1 : -1;
  return piece === one && text.codePointAt(at)! > 0xffff ? 2 : 1;
}
