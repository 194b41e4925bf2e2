// Completion for fish: one `complete` line for each word and flag, under the condition that its command was typed.

import { programName } from "../commands.ts";
import { completionNodes, type Node, wordsFor } from "./model.ts";

export function fishCompletion(): string {
  const nodes = completionNodes();
  const known = nodes.filter(({ words }) => words !== "").map(({ words }) => quote(words));
  const lines = [
    `# Completion of ${programName} for fish. Use: ${programName} completion fish | source`,
    `function __${programName}_at`,
    `    set -l typed`,
    "    for word in (commandline -opc)[2..]",
    '        set -l longer (string join " " -- $typed $word)',
    `        contains -- $longer ${known.join(" ")}; and set typed $longer`,
    "    end",
    '    test "$typed" = "$argv[1]"',
    "end",
    `complete -c ${programName} -f`,
    ...nodes.flatMap(nodeLines),
  ];
  return `${lines.join("\n")}\n`;
}

function nodeLines(node: Node): string[] {
  const start = `complete -c ${programName} -n ${quote(`__${programName}_at ${quote(node.words)}`)}`;
  const lines = node.next.map(({ word, doc }) => `${start} -a ${quote(word)} -d ${quote(doc)}`);
  for (const flag of node.flags) {
    const short = flag.short === undefined ? "" : ` -s ${flag.short}`;
    let value = "";
    if (flag.value !== undefined) {
      const words = wordsFor(flag.value);
      if (words.length > 0) value = ` -x -a ${quote(words.join(" "))}`;
      else value = flag.value.complete === "path" ? " -r -F" : " -x";
    }
    lines.push(`${start} -l ${flag.name}${short}${value} -d ${quote(flag.doc)}`);
  }
  if (node.operand !== undefined) {
    const words = wordsFor(node.operand);
    if (words.length > 0) lines.push(`${start} -a ${quote(words.join(" "))}`);
    else if (node.operand.complete === "path") lines.push(`${start} -F`);
  }
  return lines;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
