// A list of scalars on one line, `[a, 'b', "c"]`: the one flow collection that rules are full of. Part of the fast reader; like it,
// this never reports a fault and takes only what it knows for certain.

import type { YamlScalar } from "./yaml.ts";

/** A plain item: no character that means something inside brackets, no colon, and nothing that starts another kind of node. */
const plainItem = /^[A-Za-z0-9_/\\.$(~+^=;<](?:[^,[\]{}#:"'&*!|>%@`?]*[^,[\]{}#:"'&*!|>%@`? ])?$/;

export interface FlowList {
  readonly items: readonly YamlScalar[];
  /** Offset behind the closing bracket. */
  readonly end: number;
}

/**
 * Reads the list whose `[` is at `at`, on a line that ends at `end`. `quoted` reads the quoted scalar at an offset and says where it
 * ends, or throws. `undefined` when this is not a list of scalars on one line.
 */
export function readFlowList(
  text: string,
  at: number,
  end: number,
  quoted: (at: number) => { readonly scalar: YamlScalar; readonly end: number },
): FlowList | undefined {
  const items: YamlScalar[] = [];
  let i = at + 1;
  const skipBlanks = (): void => {
    while (i < end && text.charCodeAt(i) === 0x20) i++;
  };
  skipBlanks();
  if (text[i] === "]") return { items, end: i + 1 };
  while (i < end) {
    const first = text[i];
    if (first === "'" || first === '"') {
      const item = quoted(i);
      items.push(item.scalar);
      i = item.end;
    } else {
      let stop = i;
      while (stop < end && text[stop] !== "," && text[stop] !== "]") stop++;
      const value = text.slice(i, stop).trimEnd();
      if (!plainItem.test(value)) return undefined;
      items.push({ kind: "scalar", text: value, plain: true, offset: i });
      i = stop;
    }
    skipBlanks();
    if (text[i] === "]") return { items, end: i + 1 };
    if (text[i] !== ",") return undefined;
    i++;
    skipBlanks();
  }
  return undefined;
}
