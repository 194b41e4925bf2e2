// Durations and sizes as people write them (`30s`, `64MiB`), to and from numbers. Used by configuration and flags.

const durationUnits = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const sizeUnits = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
  ["B", 1],
] as const;

/** Milliseconds of `250ms`, `30s`, `5m`, `1h`, `7d`, or of several in falling order (`1h30m`); `undefined` otherwise. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (text.length > 32 || !/^(\d+(ms|[dhms]))+$/.test(text)) return undefined;
  let total = 0;
  let unitBefore = Number.POSITIVE_INFINITY;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) {
    const factor = durationUnits.find(([name]) => name === unit)![1];
    if (factor >= unitBefore) return undefined;
    unitBefore = factor;
    total += Number(digits) * factor;
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

/** The shortest text that {@link parseDurationMs} reads as `ms`, a non-negative integer. */
export function formatDurationMs(ms: number): string {
  if (ms === 0) return "0s";
  let rest = ms;
  let text = "";
  for (const [name, factor] of durationUnits) {
    const count = Math.floor(rest / factor);
    if (count === 0) continue;
    text += `${count}${name}`;
    rest -= count * factor;
  }
  return text;
}

/** Bytes of `512B`, `16KiB`, `64MiB`, `1GiB`; `undefined` for everything else (`MB` included: a unit is never guessed). */
export function parseSizeBytes(text: string): number | undefined {
  if (text === "0") return 0;
  const match = /^(\d{1,15})(B|KiB|MiB|GiB)$/.exec(text);
  if (match === null) return undefined;
  const size = Number(match[1]) * sizeUnits.find(([name]) => name === match[2])![1];
  return Number.isSafeInteger(size) ? size : undefined;
}

/** The text with the largest unit that divides `bytes`, a non-negative integer. */
export function formatSizeBytes(bytes: number): string {
  if (bytes === 0) return "0B";
  const [name, factor] = sizeUnits.find(([, unit]) => bytes % unit === 0)!;
  return `${bytes / factor}${name}`;
}
