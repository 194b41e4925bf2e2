// Completion for bash 4 and later, without the bash-completion package.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the shell's own variables are meant.

import { programName } from "../commands.ts";
import { completionNodes, type Node, wordsFor } from "./model.ts";

export function bashCompletion(): string {
  const nodes = completionNodes();
  const lines = [
    `# Completion of ${programName} for bash. Use: eval "$(${programName} completion bash)"`,
    `_${programName}() {`,
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev= words= word i candidates=",
    "  (( COMP_CWORD > 0 )) && prev=${COMP_WORDS[COMP_CWORD-1]}",
    "  COMPREPLY=()",
    "  for (( i = 1; i < COMP_CWORD; i++ )); do",
    "    word=${COMP_WORDS[i]}",
    '    case "${words:+$words }$word" in',
    `      ${nodes
      .filter(({ words }) => words !== "")
      .map(({ words }) => `'${words}'`)
      .join("|")}) words="\${words:+$words }$word" ;;`,
    "    esac",
    "  done",
    '  case "$words $prev" in',
    ...nodes.flatMap(valueCases),
    "  esac",
    '  case "$words" in',
    ...nodes.flatMap(wordCases),
    "  esac",
    "}",
    `complete -o filenames -F _${programName} ${programName}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** After a flag that takes a value: its words, or files. */
function valueCases(node: Node): string[] {
  return node.flags.flatMap((flag) => {
    if (flag.value === undefined) return [];
    const words = wordsFor(flag.value);
    const reply =
      words.length > 0
        ? `COMPREPLY=( $(compgen -W '${words.join(" ")}' -- "$cur") )`
        : flag.value.complete === "path"
          ? `mapfile -t COMPREPLY < <(compgen -f -- "$cur")`
          : ":";
    return [`    '${node.words} --${flag.name}') ${reply}; return ;;`];
  });
}

function wordCases(node: Node): string[] {
  const flags = node.flags.map((flag) => `--${flag.name}`).join(" ");
  const words = [...node.next.map(({ word }) => word), ...(node.operand ? wordsFor(node.operand) : [])].join(" ");
  const lines = [`    '${node.words}')`, `      candidates='${words === "" ? flags : words}'`];
  if (words !== "") lines.push(`      [[ $cur == -* ]] && candidates='${flags}'`);
  else if (node.operand?.complete === "path") {
    lines.push(`      if [[ $cur != -* ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; fi`);
  }
  lines.push(`      COMPREPLY=( $(compgen -W "$candidates" -- "$cur") ) ;;`);
  return lines;
}
