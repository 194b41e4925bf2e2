// The root that the scene is played in: the agent's executable with the libraries it names, busybox, the witness, rules, and the
// scripts. Written as an initramfs for a guest, or as a folder for a chroot on the host.

import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { BuildError, root, run } from "../../native/build-steps.ts";

interface Entry {
  /** Relative to the root, folders before what lies in them. */
  readonly path: string;
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly data: Uint8Array;
}

const folder = 0o040755;
const program = 0o100755;
const file = 0o100644;

const folders = ["bin", "dev", "etc", "lib64", "proc", "root", "rules", "srv", "sys", "tmp", "layers"];

/** Alice is the one user beside root: set-uid programs are started by her. */
const passwd = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/srv:/bin/sh\n";

/** Compiles a program of the live tests, static; returns its path. */
async function buildProgram(name: string, into: string): Promise<string> {
  const path = join(into, name);
  const source = join(root, `test/live/programs/${name}.c`);
  await run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-static", "-o", path, source]);
  return path;
}

/** Compiles the witness, once static and once with the machine's libc, into the folder; returns both paths. */
export async function buildWitness(into: string): Promise<{ witness: string; dynamic: string }> {
  const source = join(import.meta.dir, "witness.c");
  const built = { witness: join(into, "witness"), dynamic: join(into, "witness-dynamic") };
  mkdirSync(into, { recursive: true });
  const flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread"];
  await run(["gcc", ...flags, "-static", source, "-o", built.witness]);
  await run(["gcc", ...flags, source, "-o", built.dynamic]);
  return built;
}

/** The shared libraries that an executable names, loader included: paths of this machine. */
async function librariesOf(path: string): Promise<string[]> {
  const found = [...(await run(["ldd", path])).matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(
    (match) => match[1] as string,
  );
  if (found.length === 0) throw new BuildError(`ldd names no library of ${path}`);
  return found;
}

/** Everything in the root. `overlay` is the kernel's module, for kernels that have overlayfs as one. */
export async function stage(agent: string, scratch: string, overlay?: Uint8Array): Promise<Entry[]> {
  const { witness, dynamic } = await buildWitness(scratch);
  const entries = new Map<string, Entry>();
  const add = (path: string, mode: number, data: Uint8Array = new Uint8Array()): void => {
    const above = dirname(path);
    if (above !== "." && !entries.has(above)) add(above, folder);
    entries.set(path, { path, mode, data });
  };
  const copy = (path: string, source: string, mode = program): void => add(path, mode, readFileSync(source));
  for (const path of folders) add(path, folder);
  copy("agent", agent);
  copy("bin/busybox", "/bin/busybox");
  copy("bin/witness", witness);
  copy("bin/witness-dynamic", dynamic);
  for (const name of ["files", "network", "operate"]) copy(`bin/${name}`, await buildProgram(name, scratch));
  for (const library of [...(await librariesOf(agent)), ...(await librariesOf(dynamic))])
    copy(library.slice(1), library);
  copy("init", join(import.meta.dir, "init.sh"));
  copy("scene.sh", join(import.meta.dir, "scene.sh"), file);
  for (const name of readdirSync(join(import.meta.dir, "rules")).sort())
    copy(`rules/${name}`, join(import.meta.dir, "rules", name), file);
  add("etc/passwd", file, Buffer.from(passwd));
  add("etc/shadow", 0o100600, Buffer.from("root:*:::::::\n"));
  if (overlay !== undefined) add("overlay.ko", file, overlay);
  return [...entries.values()];
}

/** The overlayfs module of an unpacked kernel package. */
export async function overlayModule(modules: string): Promise<Uint8Array> {
  const found = [...new Bun.Glob("lib/modules/*/kernel/fs/overlayfs/overlay.ko*").scanSync({ cwd: modules })][0];
  if (found === undefined) throw new BuildError(`${modules} holds no overlay module`);
  const path = join(modules, found);
  if (!path.endsWith(".xz")) return readFileSync(path);
  const unpacked = Bun.spawnSync(["xz", "-dc", path], { timeout: 30_000 });
  if (unpacked.exitCode !== 0) throw new BuildError(`xz -dc ${basename(path)}: ${unpacked.stderr}`);
  return unpacked.stdout;
}

/** Writes an uncompressed initramfs: the `newc` format of cpio (Documentation/driver-api/early-userspace/buffer-format). */
export function writeInitramfs(entries: readonly Entry[], path: string): void {
  const fd = openSync(path, "w");
  try {
    let inode = 1;
    const put = (name: string, mode: number, data: Uint8Array): void => {
      const fields = [inode++, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
      const head = `070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}${name}\0`;
      writeSync(fd, head.padEnd(Math.ceil(head.length / 4) * 4, "\0"));
      for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
      writeSync(fd, Buffer.alloc((4 - (data.length % 4)) % 4));
    };
    for (const { path, mode, data } of entries) put(path, mode, data);
    put("TRAILER!!!", 0, new Uint8Array());
  } finally {
    closeSync(fd);
  }
}

export function writeFolder(entries: readonly Entry[], path: string): void {
  for (const { path: name, mode, data } of entries) {
    const target = join(path, name);
    if (mode === folder) mkdirSync(target, { recursive: true });
    else writeFileSync(target, data);
    chmodSync(target, mode & 0o7777);
  }
}

export const stageRoot: string = join(root, "build/test/kernels");
