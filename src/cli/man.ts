// `agent man`.

import { manPage } from "./doc/man.ts";
import { ExitCode } from "./exit-code.ts";
import { writeOut } from "./output.ts";

export function manEntry(): ExitCode {
  writeOut(manPage());
  return ExitCode.ok;
}
