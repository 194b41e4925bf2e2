// Rows for people on a terminal: columns as wide as they need to be, cut to the width of the terminal, the least important ones left
// out where there is no room. Scripts get tab-separated lines of everything instead.

import { printable } from "../std/mod.ts";

export interface Column {
  readonly head: string;
  /** Narrower than this it says nothing: then a column of a higher rank goes. */
  readonly widthMin: number;
  /** Columns of the highest rank are left out first; 0 stays always. */
  readonly rank: number;
  readonly alignRight?: true;
  /** SGR code for a cell, such as `31`. */
  readonly paint?: (cell: string) => string | undefined;
}

const gap = "  ";

/** Lines of a table that is at most `width` columns wide (when rank 0 fits); nothing in a cell reaches the terminal unescaped. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, color }: { readonly width: number; readonly color: boolean },
): string {
  const cells = rows.map((row) => row.map(printable));
  const natural = columns.map(({ head }, at) =>
    cells.reduce((max, row) => Math.max(max, Bun.stringWidth(row[at] ?? "")), Bun.stringWidth(head)),
  );
  // A column in which nothing stands says nothing.
  let shown = columns.flatMap((_, at) => (cells.length === 0 || cells.some((row) => row[at] !== "") ? [at] : []));
  const needed = (): number =>
    shown.reduce((sum, at) => sum + Math.min(natural[at]!, columns[at]!.widthMin), gap.length * (shown.length - 1));
  while (needed() > width) {
    const rank = Math.max(...shown.map((at) => columns[at]!.rank));
    if (rank === 0) break;
    shown = shown.filter((at) => columns[at]!.rank !== rank);
  }
  const widths = shareOut(
    shown.map((at) => ({ least: Math.min(natural[at]!, columns[at]!.widthMin), wanted: natural[at]! })),
    width - gap.length * (shown.length - 1),
  );
  const line = (row: readonly string[], code: (at: number) => string | undefined): string => {
    const parts = shown.map((at, index) => {
      const cell = fit(row[at] ?? "", widths[index]!);
      const blanks = " ".repeat(Math.max(0, widths[index]! - Bun.stringWidth(cell)));
      const paint = color ? code(at) : undefined;
      const text = paint === undefined ? cell : `\x1b[${paint}m${cell}\x1b[0m`;
      if (columns[at]!.alignRight) return blanks + text;
      return index === shown.length - 1 ? text : text + blanks;
    });
    return `${parts.join(gap).trimEnd()}\n`;
  };
  const head = line(
    columns.map((column) => column.head),
    () => "1",
  );
  return head + cells.map((row) => line(row, (at) => columns[at]!.paint?.(row[at] ?? ""))).join("");
}

/** Tab-separated, one row a line, without a head: for `cut` and `awk`. */
export function tabLines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(printable).join("\t")}\n`).join("");
}

/** Each its least, and of the rest as much as it wants: the most modest first, so that few are cut. */
function shareOut(columns: readonly { readonly least: number; readonly wanted: number }[], width: number): number[] {
  const widths = columns.map(({ least }) => least);
  let rest = width - widths.reduce((sum, one) => sum + one, 0);
  const order = columns.map((_, at) => at).sort((a, b) => columns[a]!.wanted - columns[b]!.wanted);
  for (const [turn, at] of order.entries()) {
    const share = Math.max(0, Math.floor(rest / (order.length - turn)));
    const more = Math.min(columns[at]!.wanted - widths[at]!, share);
    widths[at]! += more;
    rest -= more;
  }
  // What the modest left over goes to whoever still wants it.
  for (const at of order) {
    const more = Math.max(0, Math.min(columns[at]!.wanted - widths[at]!, rest));
    widths[at]! += more;
    rest -= more;
  }
  return widths;
}

/** Cut to a width in columns of the terminal, with `…` where something is missing. */
function fit(cell: string, width: number): string {
  if (Bun.stringWidth(cell) <= width) return cell;
  let text = "";
  let used = 0;
  for (const char of cell) {
    const own = Bun.stringWidth(char);
    if (used + own > width - 1) break;
    text += char;
    used += own;
  }
  return `${text}…`;
}
