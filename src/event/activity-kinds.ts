// Every kind of activity (native/abi/*.h) as one row: its number in records, its name in accounts, and the log source whose
// events it becomes. A new kind is a row here, a reader in src/normalize, and a program in native/bpf.

import { fileKind } from "./layout.gen.ts";

export interface ActivityKind {
  /** As in the header of its records. */
  readonly kind: number;
  /** In the account of losses: `file_create`. */
  readonly name: string;
  /** The row of the catalogue that its events belong to; that row says the kind of event. */
  readonly source: string;
}

const of = (name: string, kind: number, source: string): ActivityKind => ({ kind, name, source });

export const activityKinds: readonly ActivityKind[] = [
  // file
  of("file_create", fileKind.create, "linux/file_event"),
  of("file_write", fileKind.write, "linux/file_write"),
  of("file_close", fileKind.close, "linux/file_change"),
  of("file_delete", fileKind.delete, "linux/file_delete"),
  of("file_rename", fileKind.rename, "linux/file_rename"),
  of("file_link", fileKind.link, "linux/file_event"),
  of("file_symlink", fileKind.symlink, "linux/file_event"),
  of("file_mkdir", fileKind.mkdir, "linux/file_event"),
  of("file_mknod", fileKind.mknod, "linux/file_event"),
  of("file_chmod", fileKind.chmod, "linux/file_change"),
  of("file_chown", fileKind.chown, "linux/file_change"),
  of("file_setxattr", fileKind.setxattr, "linux/file_change"),
  of("file_truncate", fileKind.truncate, "linux/file_change"),
  of("file_utimes", fileKind.utimes, "linux/file_change"),
  of("file_access", fileKind.access, "linux/file_access"),
  // network

  // dns

  // kernel operations
];

/** By number; holes are no activities. */
export const activityByKind: readonly (ActivityKind | undefined)[] = activityKinds.reduce<(ActivityKind | undefined)[]>(
  (all, row) => {
    if (all[row.kind] !== undefined) throw new Error(`Cannot number activity ${row.name}: ${row.kind} is taken`);
    all[row.kind] = row;
    return all;
  },
  [],
);
