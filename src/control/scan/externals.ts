// The variables that rules may ask for, as Loki and THOR define them.

import type { Externals } from "../../detect/yara/mod.ts";
import { pathLengthMax } from "./limits.ts";

/** `owner` is the number of the user: names would have to be looked up in files that a container may have written. */
export function externalsOf(path: string, uid: bigint | undefined): Externals {
  const filepath = path.slice(-pathLengthMax);
  const filename = filepath.slice(filepath.lastIndexOf("/") + 1);
  const dot = filename.lastIndexOf(".");
  const extension = dot > 0 ? filename.slice(dot) : "";
  return {
    filename,
    filepath,
    extension,
    filetype: "",
    owner: uid === undefined ? "" : uid === 0n ? "root" : String(uid),
  };
}
