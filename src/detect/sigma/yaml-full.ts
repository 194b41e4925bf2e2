// The whole of YAML through the `yaml` package: slower, and the judge of everything the small parser does not take. Guards
// stand before and after it: depth before (its parser recurses), node count after (aliases multiply).

import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments } from "yaml";
import { nodeCountMax, nodeDepthMax } from "./limits.ts";
import { RuleError } from "./problem.ts";
import type { YamlDocument, YamlEntry, YamlNode } from "./yaml.ts";

type Parsed =
  ReturnType<typeof parseAllDocuments> extends infer T ? (T extends readonly (infer D)[] ? D : never) : never;

export function parseFull(text: string): YamlDocument[] {
  const tooDeep = depthFault(text);
  if (tooDeep !== undefined) return [{ error: tooDeep }];
  let documents: Parsed[];
  try {
    const parsed = parseAllDocuments(text, {
      schema: "failsafe",
      prettyErrors: false,
      logLevel: "silent",
      stringKeys: true,
    });
    documents = Array.isArray(parsed) ? [...parsed] : [];
  } catch (cause) {
    // The package reports faults as values; what it throws (stack depth, invalid state) must not take the agent down.
    return [{ error: new RuleError("bad_yaml", 0, `Cannot read YAML: ${messageOf(cause)}`) }];
  }
  const results: YamlDocument[] = [];
  const budget = { nodes: nodeCountMax };
  for (const document of documents) {
    const fault = document.errors[0];
    if (fault !== undefined) {
      const code = fault.code === "DUPLICATE_KEY" ? "duplicate_key" : "bad_yaml";
      const text = code === "duplicate_key" ? "the same key stands twice in one map" : oneSentence(fault.message);
      results.push({ error: new RuleError(code, fault.pos[0], `Cannot read YAML: ${text}`) });
      continue;
    }
    if (document.contents === null) continue;
    try {
      const root = convert(document.contents as Node, document, budget, 0);
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

function convert(node: Node, document: Parsed, budget: { nodes: number }, depth: number): YamlNode {
  const offset = node.range?.[0] ?? 0;
  if (--budget.nodes < 0)
    throw new RuleError("too_many_nodes", offset, `Cannot read YAML: more than ${nodeCountMax} nodes`);
  if (depth > nodeDepthMax)
    throw new RuleError("too_deep", offset, `Cannot read YAML: nested deeper than ${nodeDepthMax}`);
  if (isAlias(node)) {
    const target = node.resolve(document as never);
    if (target === undefined)
      throw new RuleError("bad_yaml", offset, `Cannot read YAML: unknown alias '${node.source}'`);
    return convert(target as Node, document, budget, depth + 1);
  }
  if (isScalar(node)) {
    const plain = node.type === "PLAIN" && node.tag !== "tag:yaml.org,2002:str";
    return { kind: "scalar", text: String(node.value ?? ""), plain: plain || node.value === null, offset };
  }
  if (isSeq(node)) {
    return {
      kind: "list",
      items: node.items.map((item) => convert(item as Node, document, budget, depth + 1)),
      offset,
    };
  }
  if (!isMap(node)) throw new RuleError("bad_yaml", offset, "Cannot read YAML: unsupported kind of node");
  const entries: YamlEntry[] = [];
  for (const pair of node.items) {
    const key = pair.key as Node;
    const keyOffset = key.range?.[0] ?? offset;
    if (!isScalar(key)) throw new RuleError("bad_yaml", keyOffset, "Cannot read YAML: a key is not a plain word");
    const empty: YamlNode = { kind: "scalar", text: "", plain: true, offset: key.range?.[1] ?? keyOffset };
    const value = pair.value === null ? empty : convert(pair.value as Node, document, budget, depth + 1);
    entries.push({ key: String(key.value ?? ""), keyOffset, value });
  }
  return { kind: "map", entries, offset };
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
      return new RuleError("too_deep", i, `Cannot read YAML: nested deeper than ${nodeDepthMax}`);
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
