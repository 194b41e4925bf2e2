// The files of the repository that are made from tables: in this room, in `control/config` and in `event`.

import { configReference, defaultConfigToml } from "../control/config/mod.ts";
import { fieldsPage } from "../event/mod.ts";
import { cliReference } from "./doc/reference.ts";

/** Path from the root of the repository, and what must stand there. */
export const generatedFiles: readonly { readonly path: string; readonly text: () => string }[] = [
  { path: "config.toml", text: defaultConfigToml },
  { path: "docs/reference/cli.md", text: cliReference },
  { path: "docs/reference/config.md", text: configReference },
  { path: "docs/reference/fields.md", text: fieldsPage },
];
