// An event made from a plain object: for tests, solved examples and recordings that are already parsed. The live agent brings
// its own implementation of SigmaEvent.

import { valueDepthMax, valueMembersMax } from "./limits.ts";
import type { SigmaEvent, SlotTable, Value } from "./types.ts";
import { scalarText } from "./value.ts";

/** Interns field names in order of appearance. */
export class NameSlots implements SlotTable {
  readonly #slots = new Map<string, number>();

  slot(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    this.#slots.set(name, this.#slots.size);
    return this.#slots.size - 1;
  }
}

/** Reads `fields` by the slots of `slots`. Later changes of `fields` are not seen. */
export class RecordEvent implements SigmaEvent {
  readonly #values: Value[] = [];
  readonly #fields: Readonly<Record<string, Value>>;
  readonly timeMs?: number;

  constructor(fields: Readonly<Record<string, Value>>, slots: SlotTable, timeMs?: number) {
    this.#fields = fields;
    if (timeMs !== undefined) this.timeMs = timeMs;
    for (const [name, value] of Object.entries(fields)) this.#values[slots.slot(name)] = value;
  }

  get(slot: number): Value {
    return this.#values[slot];
  }

  eachText(visit: (text: string) => void): void {
    for (const value of Object.values(this.#fields)) walkTexts(value, visit, 0);
  }
}

/** Calls `visit` with every text inside a value, keys excluded; to the depth and breadth that `limits.ts` allows. */
export function walkTexts(value: Value, visit: (text: string) => void, depth: number): void {
  const text = scalarText(value);
  if (text !== undefined) visit(text);
  else if (value !== null && typeof value === "object" && depth < valueDepthMax) {
    const members: readonly Value[] = Array.isArray(value) ? value : Object.values(value);
    for (let i = 0; i < Math.min(members.length, valueMembersMax); i++) walkTexts(members[i], visit, depth + 1);
  }
}
