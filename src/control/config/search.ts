// Where the configuration file is looked for. Never the working directory: it belongs to whoever the agent is started
// from, and the agent runs as root.

import { dirname, join } from "node:path";

export interface FoundBy {
  /** The file that was named, as it was named; `undefined`: look in `search`. */
  readonly file: string | undefined;
  readonly fileFrom: string;
  readonly search: readonly string[];
}

/**
 * `--config` first, then `EDR_CONFIG`, then the managed path of the platform, then beside the binary. `binary` is the path
 * of the compiled agent, `undefined` when the program runs from source.
 */
export function findConfig(options: {
  readonly flag: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly binary: string | undefined;
}): FoundBy {
  const managed =
    options.platform === "win32"
      ? join(options.env.ProgramData ?? "C:\\ProgramData", "Sigil", "config.toml")
      : "/etc/sigil/config.toml";
  const search = options.binary === undefined ? [managed] : [managed, join(dirname(options.binary), "config.toml")];
  if (options.flag !== undefined) return { file: options.flag, fileFrom: "--config", search };
  const fromEnv = options.env.EDR_CONFIG;
  if (fromEnv !== undefined && fromEnv !== "") {
    return { file: fromEnv, fileFrom: "EDR_CONFIG", search };
  }
  return { file: undefined, fileFrom: "", search };
}
