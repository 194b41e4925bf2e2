// The names of event fields, each with a number (its slot). Rules are compiled against slots, events are read by slot,
// so that no name is looked up while events flow. Sysmon's names, because that is what Sigma rules are written in.

/** What a field may hold. `undefined` is "the event has no such field"; `null` and "" are values. */
export type FieldValue = string | number | boolean | null | undefined | readonly FieldValue[] | FieldObject;
export interface FieldObject {
  readonly [key: string]: FieldValue;
}

/** A slot: an index into {@link FieldTable}, stable for the life of the table. */
export type Slot = number;

/** Interns field names. Grows by rules loaded (finite), never by events read. Look-ups are O(1). */
export class FieldTable {
  readonly #slots = new Map<string, Slot>();
  readonly #names: string[] = [];

  /** The slot of `name`, made when it is new. */
  slot(name: string): Slot {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#names.length;
    this.#slots.set(name, slot);
    this.#names.push(name);
    return slot;
  }

  /** The slot of `name`, or `undefined` when no rule and no schema ever named it. */
  find(name: string): Slot | undefined {
    return this.#slots.get(name);
  }

  /** The name of `slot`; throws RangeError for a slot that this table did not hand out. */
  name(slot: Slot): string {
    const name = this.#names[slot];
    if (name === undefined) throw new RangeError(`Cannot name field slot ${slot}: the table has ${this.#names.length}`);
    return name;
  }

  get size(): number {
    return this.#names.length;
  }
}
