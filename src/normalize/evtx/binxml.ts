// The body of a record: a fragment of binary XML, nearly always one template instance, which holds values and names the template
// that says what they mean. Each template of a chunk is compiled when it is first met; from then on a record costs its values.
//
//   instance   := 0c, u8, template id u32, definition offset u32, [definition, when the offset is the place behind it],
//                 count u32, count × (size u16, type u8, u8), the values one after another
//   definition := next offset u32, GUID, size u32, size bytes of fragment

import type { Chunk } from "./chunk-bytes.ts";
import { chunkTemplateBytesMax, depthMax } from "./limits.ts";
import { compile, fieldName, type Plan, type Role, role, type Source, type Step, system, systemCount } from "./plan.ts";
import { Damage, type EvtxRecord, type EvtxValue } from "./record.ts";
import { type Element, TreeReader } from "./tree.ts";
import { binXmlType, decodeValue, fileTimeMicros, nullType, textOf } from "./values.ts";

const definitionHeaderBytes = 24;
const instanceHeaderBytes = 10;
const fileTimeType = 0x11;

/** The values of one template instance: where each stands, and its type. */
interface Frame {
  count: number;
  at: Int32Array;
  size: Int32Array;
  type: Uint8Array;
}

type Fields = EvtxRecord["fields"];

/** Reads the bodies of a chunk's records, one after another. */
export class BodyReader {
  readonly #chunk: Chunk;
  /** Plans by definition offset and role; of this chunk. */
  readonly #plans = new Map<number, Plan | undefined>();
  /** One for each depth of instances in values. */
  readonly #frames: Frame[] = [];
  readonly #system: EvtxValue[] = new Array<EvtxValue>(systemCount).fill(null);
  /** Which of {@link #system} were set, as bits. */
  #systemSet = 0;
  #timeMicros = Number.NaN;
  #fields: Fields = {};
  #unnamed: EvtxValue[] = [];
  /** How often a name came again in the record. */
  readonly #repeated = new Map<string, number>();
  #templateBytesLeft = chunkTemplateBytesMax;
  #isEvent = false;

  constructor(chunk: Chunk) {
    this.#chunk = chunk;
  }

  /** The chunk holds other bytes now. */
  renew(): void {
    this.#plans.clear();
    this.#templateBytesLeft = chunkTemplateBytesMax;
  }

  /**
   * The record whose fragment is at `at` and ends before `end`; `number` and `writtenMicros` are from its header. Throws
   * {@link Damage} when it cannot be read.
   */
  read(at: number, end: number, number: string, writtenMicros: number, sizeBytes: number): EvtxRecord {
    this.#chunk.beginRecord();
    this.#systemSet = 0;
    this.#timeMicros = Number.NaN;
    this.#isEvent = false;
    this.#fields = emptyFields();
    this.#unnamed = [];
    if (this.#repeated.size > 0) this.#repeated.clear();
    this.#fragment(at, end, role.root, 0);
    if (!this.#isEvent) throw new Damage("the record holds no event");
    const { length } = this.#unnamed;
    if (length > 0) this.#fields.Data = length === 1 ? this.#unnamed[0] : this.#unnamed;
    return this.#finish(this.#fields, number, writtenMicros, sizeBytes);
  }

  #finish(fields: Fields, number: string, writtenMicros: number, sizeBytes: number): EvtxRecord {
    const provider = asText(this.#get(system.provider));
    const channel = this.#get(system.Channel);
    const computer = this.#get(system.Computer);
    const eventId = this.#get(system.EventID);
    const recordId = this.#get(system.EventRecordID);
    const userId = this.#get(system.UserID);
    // The event's own data wins where a rule could mean either.
    if (fields.Channel === undefined) fields.Channel = channel;
    if (fields.Computer === undefined) fields.Computer = computer;
    if (fields.EventRecordID === undefined) fields.EventRecordID = recordId;
    if (fields.Level === undefined) fields.Level = this.#get(system.Level);
    if (fields.Task === undefined) fields.Task = this.#get(system.Task);
    if (fields.Opcode === undefined) fields.Opcode = this.#get(system.Opcode);
    if (fields.Keywords === undefined) fields.Keywords = this.#get(system.Keywords);
    if (fields.Version === undefined) fields.Version = this.#get(system.Version);
    if (fields.EventID === undefined) fields.EventID = eventId;
    if (fields.Provider_Name === undefined && provider !== "") fields.Provider_Name = provider;
    if (fields.UserID === undefined && userId !== null) fields.UserID = userId;
    const micros = Number.isNaN(this.#timeMicros) ? writtenMicros : this.#timeMicros;
    return {
      fields,
      channel: asText(channel),
      provider,
      computer: asText(computer),
      eventId: typeof eventId === "string" && /^\d{1,6}$/.test(eventId) ? Number(eventId) : asNumber(eventId),
      recordId: asText(recordId) || number,
      timeMs: micros / 1000,
      sizeBytes,
    };
  }

  #get(index: number): EvtxValue | undefined {
    return (this.#systemSet & (1 << index)) === 0 ? undefined : this.#system[index];
  }

  /** Reads a fragment that stands in `where`: instances and elements up to its end. */
  #fragment(from: number, end: number, where: Role, depth: number): void {
    if (depth > depthMax) throw new Damage("fragments are nested too deep");
    const chunk = this.#chunk;
    let at = from;
    while (at < end) {
      chunk.spend();
      const token = chunk.bytes[at] ?? 0;
      if (token === 0x0f) at += 4;
      else if (token === 0x0c) at = this.#instance(at, end, where, depth);
      else if (token === 0) return;
      else {
        const tree = this.#tree(at, end, false);
        tree.skipProlog();
        at = tree.at === at ? this.#bareElement(at, end, where, depth) : tree.at;
      }
    }
  }

  /** Reads an element that stands in no template, as in forwarded events; the place behind it. */
  #bareElement(at: number, end: number, where: Role, depth: number): number {
    let tree = this.#tree(at, end, false);
    let element: Element;
    try {
      element = tree.element(0);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      // Only templates have dependencies, but not every writer knows that.
      tree = this.#tree(at, end, true);
      element = tree.element(0);
    }
    // Without an instance there are no values: what depends on one is absent.
    const frame = this.#frame(depth);
    frame.count = 0;
    this.#run(compile(element, where), frame, where, depth);
    return tree.at;
  }

  #tree(at: number, end: number, hasDependencies: boolean): TreeReader {
    return new TreeReader(this.#chunk, at, end, hasDependencies, (from, to) => this.#skipInstance(from, to));
  }

  /** Reads the instance whose token is at `at`; the place behind it. */
  #instance(at: number, end: number, where: Role, depth: number): number {
    if (depth > depthMax) throw new Damage("fragments are nested too deep");
    const frame = this.#frame(depth);
    const behind = this.#values(at, end, frame);
    const definition = this.#chunk.view.getUint32(at + 6, true);
    this.#run(this.#plan(definition, where), frame, where, depth);
    return behind;
  }

  #frame(depth: number): Frame {
    let frame = this.#frames[depth];
    if (frame === undefined) {
      frame = { count: 0, at: new Int32Array(64), size: new Int32Array(64), type: new Uint8Array(64) };
      this.#frames[depth] = frame;
    }
    return frame;
  }

  /** Where the list of values of the instance at `at` begins. */
  #valuesAt(at: number, end: number): number {
    const chunk = this.#chunk;
    chunk.need(at, instanceHeaderBytes, end);
    const definition = chunk.view.getUint32(at + 6, true);
    const behind = at + instanceHeaderBytes;
    if (definition !== behind) return behind;
    chunk.need(behind, definitionHeaderBytes, end);
    const size = chunk.view.getUint32(behind + 20, true);
    chunk.need(behind + definitionHeaderBytes, size, end);
    return behind + definitionHeaderBytes + size;
  }

  /** Fills `frame` with the values of the instance at `at`; the place behind them. */
  #values(at: number, end: number, frame: Frame): number {
    const chunk = this.#chunk;
    const { view } = chunk;
    const list = this.#valuesAt(at, end);
    chunk.need(list, 4, end);
    const count = view.getUint32(list, true);
    chunk.need(list + 4, 4 * count, end);
    if (count > frame.type.length) {
      frame.at = new Int32Array(2 * count);
      frame.size = new Int32Array(2 * count);
      frame.type = new Uint8Array(2 * count);
    }
    frame.count = count;
    let value = list + 4 + 4 * count;
    for (let i = 0, entry = list + 4; i < count; i++, entry += 4) {
      const size = view.getUint16(entry, true);
      frame.at[i] = value;
      frame.size[i] = size;
      frame.type[i] = view.getUint8(entry + 2);
      value += size;
    }
    chunk.need(value, 0, end);
    return value;
  }

  #skipInstance(at: number, end: number): number {
    const { view } = this.#chunk;
    const list = this.#valuesAt(at, end);
    this.#chunk.need(list, 4, end);
    const count = view.getUint32(list, true);
    this.#chunk.need(list + 4, 4 * count, end);
    let behind = list + 4 + 4 * count;
    for (let i = 0; i < count; i++) behind += view.getUint16(list + 4 + 4 * i, true);
    this.#chunk.need(behind, 0, end);
    return behind;
  }

  #plan(definition: number, where: Role): Plan | undefined {
    const key = definition * 8 + where;
    const known = this.#plans.get(key);
    if (known !== undefined || this.#plans.has(key)) return known;
    const chunk = this.#chunk;
    chunk.need(definition, definitionHeaderBytes, chunk.size);
    const size = chunk.view.getUint32(definition + 20, true);
    const from = definition + definitionHeaderBytes;
    chunk.need(from, size, chunk.size);
    this.#templateBytesLeft -= size;
    if (this.#templateBytesLeft < 0) throw new Damage("the templates of the chunk overlap");
    const tree = this.#tree(from, from + size, true);
    tree.skipProlog();
    if (tree.peek() !== 0x01) throw new Damage("a template has no element");
    const plan = compile(tree.element(0), where);
    this.#plans.set(key, plan);
    return plan;
  }

  #run(plan: Plan | undefined, frame: Frame, where: Role, depth: number): void {
    if (plan === undefined) return;
    if (where === role.root) this.#isEvent = true;
    const { steps } = plan;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) continue;
      this.#chunk.spend();
      if (step.needs === undefined || hasAll(frame, step.needs)) this.#step(step, frame, depth);
      else this.#omit(step);
    }
  }

  #step(step: Step, frame: Frame, depth: number): void {
    switch (step.do) {
      case "field": {
        const { source } = step;
        if (!this.#fragments(source, frame, depth)) this.#setField(step, this.#source(source, frame));
        return;
      }
      case "system":
        if (step.index === system.time) this.#time(step.source, frame);
        else this.#setSystem(step.index, this.#source(step.source, frame));
        return;
      case "data": {
        const { source } = step;
        if (this.#fragments(source, frame, depth)) return;
        const value = this.#source(source, frame);
        if (isList(value)) for (const item of value) this.#unnamed.push(item);
        else this.#unnamed.push(value ?? "");
        return;
      }
      case "named":
        this.#set(fieldName(textOf(this.#source(step.name, frame))), this.#source(step.source, frame));
        return;
      case "fragment":
        if (this.#isFragment(step.value, frame)) this.#value(step.value, frame, step.role, depth);
        return;
      case "instance":
        this.#instance(step.at, this.#chunk.size, step.role, depth + 1);
    }
  }

  /** A step whose element does not exist in this record. */
  #omit(step: Step): void {
    if (step.do === "field") this.#setField(step, null);
    else if (step.do === "data") this.#unnamed.push("");
    else if (step.do === "system" && step.index !== system.time) this.#setSystem(step.index, null);
  }

  #setField(step: Step & { readonly do: "field" }, value: EvtxValue): void {
    if (value === "" && !step.keepsEmpty) {
      if (!step.isOptional) this.#set(step.name, null);
    } else if (value !== null || !step.isOptional) this.#set(step.name, value);
  }

  #setSystem(index: number, value: EvtxValue): void {
    this.#system[index] = value === "" ? null : value;
    this.#systemSet |= 1 << index;
  }

  /** Reads the fragments among the values of an element; whether there were any. Text beside them is lost, as it has no name. */
  #fragments(source: Source, frame: Frame, depth: number): boolean {
    if (typeof source === "object" && source !== null) {
      let found = false;
      for (const part of source) if (typeof part === "number" && this.#fragments(part, frame, depth)) found = true;
      return found;
    }
    if (!this.#isFragment(source, frame)) return false;
    this.#value(source, frame, role.user, depth);
    return true;
  }

  #isFragment(source: Source, frame: Frame): source is number {
    return typeof source === "number" && source < frame.count && frame.type[source] === binXmlType;
  }

  /** Reads value number `index`, a fragment. */
  #value(index: number, frame: Frame, where: Role, depth: number): void {
    const at = frame.at[index] ?? 0;
    this.#fragment(at, at + (frame.size[index] ?? 0), where, depth + 1);
  }

  #set(name: string, value: EvtxValue): void {
    const fields = this.#fields;
    if (fields[name] === undefined && name !== "__proto__") fields[name] = value;
    else this.#define(fields, Object.hasOwn(fields, name) ? this.#freeName(fields, name) : name, value);
  }

  /** For names that an object has anyway, or that the event has already. */
  #define(fields: Fields, name: string, value: EvtxValue): void {
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  }

  /** A name that is there already is numbered, as converters to JSON do: nothing that was logged is hidden by its like. */
  #freeName(fields: Fields, name: string): string {
    if (fields[name] === undefined) return name;
    for (let count = (this.#repeated.get(name) ?? 0) + 1; ; count++) {
      this.#chunk.spend();
      const free = `${name}_${count}`;
      if (Object.hasOwn(fields, free)) continue;
      this.#repeated.set(name, count);
      return free;
    }
  }

  #source(source: Source, frame: Frame): EvtxValue {
    if (typeof source === "number") return this.#decode(source, frame);
    if (source === null || typeof source === "string") return source;
    let out = "";
    for (const part of source) out += typeof part === "string" ? part : textOf(this.#decode(part, frame));
    this.#chunk.spendChars(out.length);
    return out;
  }

  #decode(index: number, frame: Frame): EvtxValue {
    if (index >= frame.count) return null;
    const type = frame.type[index] ?? nullType;
    // A fragment where text is expected has no text of its own.
    if (type === nullType || type === binXmlType) return null;
    return decodeValue(this.#chunk, type, frame.at[index] ?? 0, frame.size[index] ?? 0);
  }

  #time(source: Source, frame: Frame): void {
    if (typeof source === "number") {
      if (source < frame.count && frame.type[source] === fileTimeType && frame.size[source] === 8)
        this.#timeMicros = fileTimeMicros(this.#chunk.view, frame.at[source] ?? 0);
      return;
    }
    // A record without a template has its time as text.
    const text = textOf(this.#source(source, frame));
    const ms = Date.parse(text);
    // What stands behind the milliseconds, which is all that a date keeps.
    const micros = /\.\d{3}(\d{1,3})/.exec(text)?.[1] ?? "";
    if (!Number.isNaN(ms)) this.#timeMicros = ms * 1000 + Number(micros.padEnd(3, "0"));
  }
}

/** All records begin with the same shape, so that the engine finds the fields of `System` where it found them before. */
const emptyFields = (): Fields => ({
  Channel: undefined,
  Computer: undefined,
  EventRecordID: undefined,
  Level: undefined,
  Task: undefined,
  Opcode: undefined,
  Keywords: undefined,
  Version: undefined,
  EventID: undefined,
  Provider_Name: undefined,
  UserID: undefined,
});

const isList = (value: EvtxValue): value is readonly EvtxValue[] => typeof value === "object" && value !== null;

function hasAll(frame: Frame, needs: readonly number[]): boolean {
  for (const index of needs) if (index >= frame.count || frame.type[index] === nullType) return false;
  return true;
}

const asText = (value: EvtxValue | undefined): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
const asNumber = (value: EvtxValue | undefined): number => (typeof value === "number" ? value : Number.NaN);
