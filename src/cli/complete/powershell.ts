// Completion for PowerShell 5.1 and 7: a native argument completer over a table of the words and flags of each command.

import { programName } from "../commands.ts";
import { completionNodes, type Node, wordsFor } from "./model.ts";

export function powershellCompletion(): string {
  const lines = [
    `# Completion of ${programName} for PowerShell. Use: ${programName} completion powershell | Out-String | Invoke-Expression`,
    `Register-ArgumentCompleter -Native -CommandName ${quote(programName)} -ScriptBlock {`,
    "    param($wordToComplete, $commandAst, $cursorPosition)",
    "    $nodes = @{",
    ...completionNodes().flatMap(nodeLines),
    "    }",
    "    $typed = ''",
    "    $before = ''",
    "    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {",
    "        if ($element.Extent.EndOffset -ge $cursorPosition -and $wordToComplete -ne '') { break }",
    "        $before = $element.ToString()",
    '        $longer = "$typed $before".Trim()',
    "        if ($nodes.ContainsKey($longer)) { $typed = $longer }",
    "    }",
    "    $node = $nodes[$typed]",
    "    if ($node.Values.ContainsKey($before)) { $candidates = $node.Values[$before] }",
    "    elseif ($wordToComplete.StartsWith('-') -or $node.Words.Count -eq 0) { $candidates = $node.Flags }",
    "    else { $candidates = $node.Words }",
    '    $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {',
    "        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)",
    "    }",
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function nodeLines(node: Node): string[] {
  const words = [...node.next.map(({ word }) => word), ...(node.operand ? wordsFor(node.operand) : [])];
  const values = node.flags.flatMap((flag) => {
    const choices = flag.value === undefined ? [] : wordsFor(flag.value);
    return choices.length === 0 ? [] : [`${quote(`--${flag.name}`)} = ${array(choices)}`];
  });
  return [
    `        ${quote(node.words)} = @{`,
    `            Words = ${array(words)}`,
    `            Flags = ${array(node.flags.map((flag) => `--${flag.name}`))}`,
    `            Values = @{ ${values.join("; ")} }`,
    "        }",
  ];
}

function array(words: readonly string[]): string {
  return `@(${words.map(quote).join(", ")})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
