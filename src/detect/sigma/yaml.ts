// Rule files as a tree of raw scalars with positions. Scalars stay text as written, because resolving them loses what rules
// mean (an unquoted `00000429` is a string to Sigma); what a plain scalar stands for is decided by `plainValue`.

import { documentCountMax, fileSizeMax } from "./limits.ts";
import { RuleError } from "./problem.ts";
import { parseBlock } from "./yaml-block.ts";
import { parseFull } from "./yaml-full.ts";

export interface YamlScalar {
  readonly kind: "scalar";
  readonly text: string;
  /** Written without quotes, so that `null`, `true` and numbers mean what they say. */
  readonly plain: boolean;
  readonly offset: number;
}

export interface YamlEntry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: YamlNode;
}

export interface YamlMap {
  readonly kind: "map";
  /** In order; keys are unique. */
  readonly entries: readonly YamlEntry[];
  readonly offset: number;
}

export interface YamlList {
  readonly kind: "list";
  readonly items: readonly YamlNode[];
  readonly offset: number;
}

export type YamlNode = YamlScalar | YamlMap | YamlList;

/** One document of a file: its root, or why it could not be read. */
export type YamlDocument = { readonly root: YamlNode } | { readonly error: RuleError };

/**
 * Reads all documents of a file; empty ones are left out. Never throws. Linear in the size of the text; the subset that rules
 * are written in is read by a small parser of our own (yaml-block.ts), anything else by the `yaml` package.
 */
export function readDocuments(text: string): YamlDocument[] {
  if (text.length > fileSizeMax) {
    return [
      {
        error: new RuleError(
          "file_too_large",
          -1,
          `Cannot read file: it has ${text.length} characters, at most ${fileSizeMax} are read`,
        ),
      },
    ];
  }
  const documents = parseBlock(text) ?? parseFull(text);
  if (documents.length <= documentCountMax) return documents;
  const error = new RuleError(
    "too_many_documents",
    -1,
    `Cannot read more than ${documentCountMax} documents of one file`,
  );
  return [...documents.slice(0, documentCountMax), { error }];
}

/** What a plain scalar stands for in YAML 1.2's core schema, with canonical decimal numbers only. */
export type PlainValue = string | number | boolean | null;

const integer = /^-?(?:0|[1-9]\d*)$/;
const decimal = /^-?(?:0|[1-9]\d*)\.\d+(?:[eE][-+]?\d{1,3})?$/;

/** Numbers that are not canonical (leading zeros, hex, octal, underscores, `+1`, `.5`) stay text: they are identifiers. */
export function plainValue(scalar: YamlScalar): PlainValue {
  const { text } = scalar;
  if (!scalar.plain) return text;
  switch (text) {
    case "":
    case "~":
    case "null":
    case "Null":
    case "NULL":
      return null;
    case "true":
    case "True":
    case "TRUE":
      return true;
    case "false":
    case "False":
    case "FALSE":
      return false;
  }
  if (!integer.test(text) && !decimal.test(text)) return text;
  const value = Number(text);
  // Beyond 2^53 neighbours become equal; as text they stay apart.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
}

/** The value of a key, or `undefined`. Linear in the number of keys; rules have few. */
export function child(map: YamlMap, key: string): YamlNode | undefined {
  for (const entry of map.entries) if (entry.key === key) return entry.value;
  return undefined;
}
