// `agent completion SHELL`.

import type { CommandArgs } from "./commands.ts";
import { bashCompletion } from "./complete/bash.ts";
import { fishCompletion } from "./complete/fish.ts";
import { powershellCompletion } from "./complete/powershell.ts";
import { zshCompletion } from "./complete/zsh.ts";
import { ExitCode } from "./exit-code.ts";
import { writeOut } from "./output.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion, powershell: powershellCompletion };

export function completionEntry({ operands }: CommandArgs<"completion">): ExitCode {
  writeOut(scripts[operands[0]!]());
  return ExitCode.ok;
}
