// Reads the maps of a pipeline file: every key is asked for by name and type, and one that nobody asked for is a fault at its place.

import { didYouMean } from "../nearest.ts";
import { RuleError } from "../problem.ts";
import { child, type PlainValue, plainValue, type YamlMap, type YamlNode, type YamlScalar } from "../yaml.ts";

/** Entries of one mapping; pipelines for whole products have some hundreds. */
const entriesMax = 10_000;

export class Params {
  readonly map: YamlMap;
  readonly #what: string;
  readonly #asked = new Set<string>();

  /** `what` names the map in messages: `transformation 'field_name_mapping'`. */
  constructor(map: YamlMap, what: string) {
    this.map = map;
    this.#what = what;
  }

  get what(): string {
    return this.#what;
  }

  get offset(): number {
    return this.map.entries[0]?.keyOffset ?? this.map.offset;
  }

  /** Says that a key is known and read elsewhere. */
  known(...keys: readonly string[]): void {
    for (const key of keys) this.#asked.add(key);
  }

  has(key: string): boolean {
    return child(this.map, key) !== undefined;
  }

  node(key: string): YamlNode | undefined {
    this.#asked.add(key);
    return child(this.map, key);
  }

  required(key: string): YamlNode {
    const node = this.node(key);
    if (node !== undefined) return node;
    const others = this.map.entries.map((entry) => entry.key).filter((other) => !this.#asked.has(other));
    throw new RuleError(
      "missing_key",
      this.offset,
      `Cannot read ${this.#what}: it has no '${key}'`,
      didYouMean(key, others).replace("did you mean", "is it"),
    );
  }

  /** A fault at a key's value. */
  fault(key: string, reason: string, hint = ""): RuleError {
    const offset = child(this.map, key)?.offset ?? this.offset;
    return new RuleError("bad_pipeline", offset, `Cannot read ${this.#what}: ${reason}`, hint);
  }

  scalar(key: string): YamlScalar {
    const node = this.required(key);
    if (node.kind !== "scalar") throw this.fault(key, `'${key}' is not a single value`);
    return node;
  }

  text(key: string, otherwise?: string): string {
    if (otherwise !== undefined && this.node(key) === undefined) return otherwise;
    return this.scalar(key).text;
  }

  value(key: string): PlainValue {
    return plainValue(this.scalar(key));
  }

  flag(key: string): boolean {
    if (this.node(key) === undefined) return false;
    const value = this.value(key);
    if (typeof value !== "boolean") throw this.fault(key, `'${key}' is neither true nor false`);
    return value;
  }

  choice<const Choice extends string>(key: string, choices: readonly Choice[], otherwise?: Choice): Choice {
    const text = this.text(key, otherwise);
    const found = choices.find((choice) => choice === text);
    if (found === undefined)
      throw this.fault(key, `'${key}' is none of ${choices.join(", ")}`, didYouMean(text, choices));
    return found;
  }

  /** One text or a list of them; `undefined` without the key. */
  texts(key: string): string[] | undefined {
    const node = this.node(key);
    return node === undefined ? undefined : textsOf(node, (reason) => this.fault(key, `'${key}' ${reason}`));
  }

  requiredTexts(key: string): string[] {
    this.required(key);
    return this.texts(key)!;
  }

  /** A map from text to one text or several. */
  mapping(key: string): Map<string, string[]> {
    const node = this.required(key);
    if (node.kind !== "map") throw this.fault(key, `'${key}' is not a map`);
    if (node.entries.length > entriesMax) throw this.fault(key, `'${key}' has more than ${entriesMax} entries`);
    return new Map(
      node.entries.map((entry) => [
        entry.key,
        textsOf(
          entry.value,
          (reason) =>
            new RuleError("bad_pipeline", entry.value.offset, `Cannot read ${this.#what}: '${entry.key}' ${reason}`),
        ),
      ]),
    );
  }

  /** Throws at the first key that nobody asked for. */
  finish(): void {
    for (const { key, keyOffset } of this.map.entries) {
      if (this.#asked.has(key)) continue;
      throw new RuleError(
        "unknown_key",
        keyOffset,
        `Cannot read ${this.#what}: it has no '${key}'`,
        didYouMean(key, this.#asked),
      );
    }
  }
}

function textsOf(node: YamlNode, fault: (reason: string) => RuleError): string[] {
  const nodes = node.kind === "list" ? node.items : [node];
  return nodes.map((one) => {
    if (one.kind !== "scalar") throw fault("is neither text nor a list of texts");
    return one.text;
  });
}
