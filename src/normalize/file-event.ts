// Activities on files, with Sysmon's field names.

import { fileFlag, fileKind, fileLayout, fileSection } from "../event/mod.ts";
import type { ActivityEvent, ActivityFamily } from "./activity-event.ts";
import { absolutePath } from "./paths.ts";
import { defaultSensitiveFiles, SensitiveFiles } from "./sensitive-files.ts";

const flag = (event: ActivityEvent, bit: number): boolean => (event.record.field(fileLayout.flags) & bit) !== 0;

/** `EventType` of an event: what was done. */
const types: Readonly<Record<number, string>> = {
  [fileKind.create]: "create",
  [fileKind.write]: "write",
  [fileKind.close]: "close",
  [fileKind.delete]: "delete",
  [fileKind.rename]: "rename",
  [fileKind.link]: "link",
  [fileKind.symlink]: "symlink",
  [fileKind.mkdir]: "mkdir",
  [fileKind.mknod]: "mknod",
  [fileKind.chmod]: "chmod",
  [fileKind.chown]: "chown",
  [fileKind.setxattr]: "setxattr",
  [fileKind.truncate]: "truncate",
  [fileKind.utimes]: "utimes",
  [fileKind.access]: "access",
};

/** The path in a section and the directory it starts from. */
function path(event: ActivityEvent, section: number, directory: number): string | undefined {
  const { record } = event;
  const name = record.text(section);
  const start = record.text(directory);
  if (name === "" && start === "") return undefined;
  return absolutePath(start, name);
}

const target = (event: ActivityEvent): string | undefined => path(event, fileSection.path, fileSection.dir);
const other = (event: ActivityEvent): string | undefined => path(event, fileSection.other, fileSection.otherDir);

const hasInode = (event: ActivityEvent): boolean => event.record.exact(fileLayout.inode) !== 0n;

const usual = new SensitiveFiles(defaultSensitiveFiles);

export const fileFamily: ActivityFamily = {
  kinds: Object.values(types).map((type) => `file_${type}`),
  readers: {
    TargetFilename: target,
    EventType: ({ record }) => types[record.kind],
    SourceFilename: (event) =>
      event.record.kind === fileKind.rename || event.record.kind === fileKind.link ? other(event) : undefined,
    // Of a link what it says, as it was passed.
    LinkTarget: ({ record }) =>
      record.kind === fileKind.symlink ? record.text(fileSection.other) || undefined : undefined,
    Attribute: ({ record }) =>
      record.kind === fileKind.setxattr ? record.text(fileSection.other) || undefined : undefined,
    NewMode: ({ record }) => (record.kind === fileKind.chmod ? octal(record.field(fileLayout.value)) : undefined),
    NewOwner: ({ record }) => (record.kind === fileKind.chown ? id(record.field(fileLayout.value)) : undefined),
    NewGroup: ({ record }) => (record.kind === fileKind.chown ? id(record.field(fileLayout.value2)) : undefined),
    PathResolved: (event) => String(flag(event, fileFlag.resolved)),
    FileDeleted: (event) => String(flag(event, fileFlag.deleted)),
    OpenFlags: (event) =>
      event.record.kind <= fileKind.close || event.record.kind === fileKind.access
        ? openFlagNames(event.record.field(fileLayout.openFlags))
        : undefined,
    FileMode: (event) => (hasInode(event) ? octal(event.record.field(fileLayout.mode)) : undefined),
    FileInode: (event) => (hasInode(event) ? String(event.record.exact(fileLayout.inode)) : undefined),
    Result: ({ record }) => String(record.signed(fileLayout.result)),
  },
  // The kernel side knows only how the name ends.
  observe: (event) =>
    event.record.kind !== fileKind.access || (event.context.sensitive ?? usual).has(target(event) ?? ""),
  keywords: new Set(["TargetFilename", "SourceFilename"]),
  sections: { [fileSection.path]: "TargetFilename", [fileSection.other]: "SourceFilename" },
  ecs: (event) => ({ file: ecsFile(event) }),
};

/** chown(2): -1 leaves it as it is. */
const id = (value: number): string | undefined => (value === 0xffff_ffff ? undefined : String(value));

const openFlagBits: readonly (readonly [number, string])[] = [
  [0o100, "O_CREAT"],
  [0o200, "O_EXCL"],
  [0o1000, "O_TRUNC"],
  [0o2000, "O_APPEND"],
];

/** Of open(2), what matters to rules: `O_WRONLY,O_CREAT,O_TRUNC`. The same numbers on x86-64 and arm64. */
function openFlagNames(flags: number): string {
  const access = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"][flags & 3] as string;
  return [access, ...openFlagBits.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)].join(",");
}

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

function ecsFile(event: ActivityEvent): Record<string, unknown> {
  if (!hasInode(event)) return {};
  const { record } = event;
  return {
    inode: String(record.exact(fileLayout.inode)),
    device: `${record.field(fileLayout.major)}:${record.field(fileLayout.minor)}`,
    mode: octal(record.field(fileLayout.mode)),
    uid: String(record.field(fileLayout.uid)),
    gid: String(record.field(fileLayout.gid)),
    size: record.wide(fileLayout.size),
  };
}
