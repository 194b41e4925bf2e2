// Completion for zsh: one function for each node of the tree, made of _arguments and _describe.

import { programName } from "../commands.ts";
import type { ArgumentType, Flag } from "../spec.ts";
import { completionNodes, type Node, wordsFor } from "./model.ts";

export function zshCompletion(): string {
  const lines = [
    `#compdef ${programName}`,
    `# Completion of ${programName} for zsh. Put it into a folder of $fpath as _${programName}.`,
    "",
    ...completionNodes().flatMap(nodeFunction),
    // Sourced by eval, the file defines and registers; autoloaded by compinit, it is the function's body.
    `if [[ "\${funcstack[1]}" == "_${programName}" ]]; then`,
    `  _${programName} "$@"`,
    "else",
    `  compdef _${programName} ${programName}`,
    "fi",
  ];
  return `${lines.join("\n")}\n`;
}

function nodeFunction(node: Node): string[] {
  const name = functionName(node.words);
  const specs = node.flags.map(flagSpec);
  if (node.next.length === 0) {
    if (node.operand !== undefined) specs.push(`'*:${node.operand.name}:${action(node.operand)}'`);
    return [`${name}() {`, "  _arguments -s \\", ...joined(specs), "}", ""];
  }
  const children = node.next.map(({ word }) => {
    const words = node.words === "" ? word : `${node.words} ${word}`;
    return `        ${word}) ${functionName(words)} ;;`;
  });
  return [
    `${name}() {`,
    "  local context state state_descr line curcontext=$curcontext",
    "  typeset -A opt_args",
    "  _arguments -s -C \\",
    ...joined([...specs, "'1:command:->command'", "'*::argument:->argument'"]),
    "  case $state in",
    "    command)",
    "      local -a words_known",
    "      words_known=(",
    ...node.next.map(({ word, doc }) => `        ${quote(`${word}:${doc}`)}`),
    "      )",
    "      _describe -t commands command words_known ;;",
    "    argument)",
    "      case $line[1] in",
    ...children,
    "      esac ;;",
    "  esac",
    "}",
    "",
  ];
}

function flagSpec(flag: Flag): string {
  const doc = flag.doc.replace(/[[\]:\\]/g, "\\$&");
  const value = flag.value === undefined ? "" : `:${flag.value.name}:${action(flag.value)}`;
  return quote(`${flag.repeat ? "*" : ""}--${flag.name}${flag.value === undefined ? "" : "="}[${doc}]${value}`);
}

function action(type: ArgumentType<unknown>): string {
  const words = wordsFor(type);
  if (words.length > 0) return `(${words.join(" ")})`;
  return type.complete === "path" ? "_files" : " ";
}

function functionName(words: string): string {
  return words === "" ? `_${programName}` : `_${programName}_${words.replaceAll(" ", "_")}`;
}

function joined(specs: readonly string[]): string[] {
  return specs.map((spec, index) => `    ${spec}${index === specs.length - 1 ? "" : " \\"}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
