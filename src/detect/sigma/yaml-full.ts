// The whole of YAML through the `yaml` package: slower, and the judge of everything the small parser does not take. Guards
// stand before and after it: depth before (its parser recurses), node count after (aliases multiply).

import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments } from "yaml";
import { nodeCountMax, nodeDepthMax } from "./limits.ts";
import { RuleError } from "./problem.ts";
import type { YamlDocument, YamlEntry, YamlNode } from "./yaml.ts";

type Parsed =
  ReturnType<typeof parseAllDocuments> extends infer T ? (T extends readonly (infer D)[] ? D : never) : never;

export function parseFull(text: string): YamlDocument[] {
  const fault = depthFault(text);
  if (fault !== undefined) return [{ error: fault }];
  let documents: Parsed[];
  try {
    const parsed = parseAllDocuments(text, {
      schema: "failsafe",
      prettyErrors: false,
      logLevel: "silent",
      stringKeys: true,
      // Looks at each pair of keys: for ten thousand of them that takes seconds. Told below.
      uniqueKeys: false,
    });
    documents = Array.isArray(parsed) ? [...parsed] : [];
  } catch (cause) {
    // The package reports faults as values; what it throws (stack depth, invalid state) must not take the agent down.
    return [{ error: new RuleError("bad_yaml", 0, `Cannot read YAML: ${messageOf(cause)}`) }];
  }
  const results: YamlDocument[] = [];
  const converter = new Converter();
  for (const document of documents) {
    const fault = document.errors[0];
    if (fault !== undefined) {
      const text = oneSentence(fault.message);
      results.push({ error: new RuleError("bad_yaml", fault.pos[0], `Cannot read YAML: ${text}`) });
      continue;
    }
    if (document.contents === null) continue;
    try {
      const root = converter.document(document.contents as Node);
      if (root.kind === "scalar" && root.plain && root.text === "") continue;
      results.push({ root });
    } catch (cause) {
      const error =
        cause instanceof RuleError ? cause : new RuleError("bad_yaml", 0, `Cannot read YAML: ${messageOf(cause)}`);
      results.push({ error });
    }
  }
  return results;
}

/** A converted node with what it adds to a tree that uses it. */
interface Converted {
  readonly node: YamlNode;
  readonly size: number;
  readonly height: number;
}

/** Converts the documents of one file. An alias shares the node it stands for, and counts as if that were written again. */
class Converter {
  readonly #anchors = new Map<string, Converted>();
  #left = nodeCountMax;

  /** Anchors end with their document; the count of nodes is that of the file. */
  document(root: Node): YamlNode {
    this.#anchors.clear();
    return this.#convert(root, 0).node;
  }

  #convert(node: Node, depth: number): Converted {
    const offset = node.range?.[0] ?? 0;
    const before = this.#left;
    this.#count(1, offset);
    if (depth > nodeDepthMax) throw tooDeep(offset);
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined)
        throw new RuleError("bad_yaml", offset, `Cannot read YAML: unknown alias '${node.source}'`);
      this.#count(target.size, offset);
      if (depth + target.height > nodeDepthMax) throw tooDeep(offset);
      return target;
    }
    const { node: result, height } = this.#convertOwn(node, offset, depth);
    const converted = { node: result, size: before - this.#left, height };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, converted);
    return converted;
  }

  #convertOwn(node: Exclude<Node, Alias>, offset: number, depth: number): { node: YamlNode; height: number } {
    if (isScalar(node)) {
      const plain = node.value === null || (node.type === "PLAIN" && node.tag !== "tag:yaml.org,2002:str");
      return { node: { kind: "scalar", text: String(node.value ?? ""), plain, offset }, height: 1 };
    }
    let height = 0;
    const convert = (child: Node): YamlNode => {
      const converted = this.#convert(child, depth + 1);
      height = Math.max(height, converted.height);
      return converted.node;
    };
    if (isSeq(node)) {
      const items = node.items.map((item) => convert(item as Node));
      return { node: { kind: "list", items, offset }, height: height + 1 };
    }
    if (!isMap(node)) throw new RuleError("bad_yaml", offset, "Cannot read YAML: unsupported kind of node");
    const entries: YamlEntry[] = [];
    const keys = new Set<string>();
    for (const pair of node.items) {
      const key = pair.key as Node;
      const keyOffset = key.range?.[0] ?? offset;
      if (!isScalar(key)) throw new RuleError("bad_yaml", keyOffset, "Cannot read YAML: a key is not a plain word");
      const name = String(key.value ?? "");
      if (keys.has(name))
        throw new RuleError("duplicate_key", keyOffset, "Cannot read YAML: the same key stands twice in one map");
      keys.add(name);
      const empty: YamlNode = { kind: "scalar", text: "", plain: true, offset: key.range?.[1] ?? keyOffset };
      entries.push({
        key: name,
        keyOffset,
        value: pair.value === null ? empty : convert(pair.value as Node),
      });
    }
    return { node: { kind: "map", entries, offset }, height: height + 1 };
  }

  #count(nodes: number, offset: number): void {
    this.#left -= nodes;
    if (this.#left < 0)
      throw new RuleError("too_many_nodes", offset, `Cannot read YAML: more than ${nodeCountMax} nodes`);
  }
}

function tooDeep(offset: number): RuleError {
  return new RuleError("too_deep", offset, `Cannot read YAML: nested deeper than ${nodeDepthMax}`);
}

/** Opening brackets without their closing ones in a whole file; those inside quotes count too, hence the wide margin. */
const flowDepthMax = 2_048;

/** Whether brackets or indentation nest deeper than any rule does, found in one cheap pass before the costly one. */
function depthFault(text: string): RuleError | undefined {
  let flow = 0;
  let dashes = 0;
  let lineStart = true;
  const indents: number[] = [];
  let indent = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x0a) {
      lineStart = true;
      indent = 0;
      dashes = 0;
    } else if (lineStart && code === 0x20) indent++;
    else {
      if (lineStart) {
        lineStart = false;
        while (indents.length > 0 && indents.at(-1)! >= indent) indents.pop();
        indents.push(indent);
      }
      if (code === 0x5b || code === 0x7b) flow++;
      else if ((code === 0x5d || code === 0x7d) && flow > 0) flow--;
      // `- - - -` and `? ? ?` open a level each within one line.
      else if ((code === 0x2d || code === 0x3f) && (text.charCodeAt(i + 1) === 0x20 || text.charCodeAt(i + 1) === 0x0a))
        dashes++;
    }
    if (flow > flowDepthMax || indents.length + dashes > 4 * nodeDepthMax) {
      return tooDeep(i);
    }
  }
  return undefined;
}

function oneSentence(message: string): string {
  const line = message.split("\n")[0] ?? message;
  return line.charAt(0).toLowerCase() + line.slice(1);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? oneSentence(cause.message) : "unknown fault";
}
