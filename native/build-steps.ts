// The build's engine room: steps that are skipped while what they read is unchanged, child processes with a time limit, and one
// lock so that two builds of a tree wait for each other. All chatter goes to stderr: stdout belongs to whoever started the build.

import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";

/** The repository's root; every relative path below starts here. */
export const root: string = dirname(import.meta.dir);

/** What a person can act on: printed without a stack trace. `exitCode` follows the table of exit codes in the contract. */
export class BuildError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "BuildError";
    this.exitCode = exitCode;
  }
}

export function say(line: string): void {
  process.stderr.write(`build: ${line}\n`);
}

/** One command may take this long; the slowest (a cross build's apt download) takes about a minute. */
const commandTimeoutMs = 300_000;
/** Of a failed command's output, the part that says why is at the end or the start; both fit. */
const outputShownMaxBytes = 16_384;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Runs a command without a shell; its stdout is the result. A failure carries the command line and what it printed. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([...command], {
      cwd: options.cwd ?? root,
      env: { ...process.env, LC_ALL: "C", TZ: "UTC", ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: commandTimeoutMs,
    });
  } catch (cause) {
    throw new BuildError(`cannot run ${command[0]}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) {
    const why = child.signalCode ? `ended by ${child.signalCode}` : `exit code ${code}`;
    const text = `${err}${out}`.trim();
    const shown = text.length > outputShownMaxBytes ? `${text.slice(0, outputShownMaxBytes)}\n…` : text;
    throw new BuildError(`${command.join(" ")}: ${why}\n${shown}`);
  }
  if (err.trim() !== "") process.stderr.write(err);
  return out;
}

/** Runs `job` over `items`, as many at a time as there are processors; the first failure ends it. */
export async function forEachParallel<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await job(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, lane));
}

/** All files below `folder` whose name passes, sorted, relative to the root. A folder that is not there has none. */
export function filesBelow(folder: string, accept: (path: string) => boolean): string[] {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter(accept)
    .sort();
}

export function sha256File(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

export interface Step {
  /** Also the name of its stamp file. */
  readonly name: string;
  /** Files whose content decides, relative to the root or absolute. */
  readonly inputs: readonly string[];
  /** What decides besides files: flags, tool versions. */
  readonly facts?: readonly string[];
  /** Files that must exist for the step to count as done, relative to the root or absolute. */
  readonly outputs: readonly string[];
  readonly run: () => Promise<void>;
}

function inRoot(path: string): string {
  return path.startsWith("/") ? path : join(root, path);
}

/** Runs a step unless its inputs, facts and outputs are as the last successful run left them. True when it ran. */
export async function step(it: Step): Promise<boolean> {
  const hash = createHash("sha256");
  for (const fact of it.facts ?? []) hash.update(`fact ${fact}\n`);
  for (const input of [...it.inputs].sort()) {
    const path = inRoot(input);
    if (!existsSync(path)) throw new BuildError(`step ${it.name}: ${relative(root, path)} is missing`);
    hash.update(`file ${relative(root, path)} ${sha256File(path)}\n`);
  }
  const key = hash.digest("hex");
  const stamp = join(root, "build/stamps", it.name.replaceAll(/[^A-Za-z0-9.-]+/g, "_"));
  const describe = (): string =>
    JSON.stringify({ key, outputs: it.outputs.map((path) => [path, outputState(inRoot(path))]) });
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === describe()) return false;
  const start = performance.now();
  if (existsSync(stamp)) unlinkSync(stamp);
  for (const path of it.outputs) mkdirSync(dirname(inRoot(path)), { recursive: true });
  await it.run();
  for (const path of it.outputs) {
    if (!existsSync(inRoot(path))) throw new BuildError(`step ${it.name} left no ${path}`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, describe());
  say(`${it.name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  return true;
}

/** Enough to notice that an output was removed or changed by hand, without reading a hundred megabytes each time. */
function outputState(path: string): string {
  if (!existsSync(path)) return "missing";
  const stat = statSync(path);
  return stat.isDirectory() ? "folder" : `${stat.size} ${stat.mtimeMs}`;
}

/** Writes a file only when its bytes change, so that what depends on it stays fresh; never leaves half a file behind. */
export function writeIfChanged(path: string, text: string): void {
  const full = inRoot(path);
  if (existsSync(full) && readFileSync(full, "utf8") === text) return;
  mkdirSync(dirname(full), { recursive: true });
  const temporary = `${full}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, full);
}

/** Another build of the same tree is waited for this long; a build from nothing takes about a minute. */
const lockTimeoutMs = 600_000;

/** Holds `build/lock` while `job` runs. The lock of a process that no longer lives is taken over. */
export async function withBuildLock<T>(job: () => Promise<T>): Promise<T> {
  const path = join(root, "build/lock");
  mkdirSync(dirname(path), { recursive: true });
  const deadline = Date.now() + lockTimeoutMs;
  let told = false;
  for (;;) {
    try {
      const fd = openSync(path, "wx");
      writeSync(fd, String(process.pid));
      closeSync(fd);
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    }
    const holder = lockHolder(path);
    if (holder !== undefined && !isAlive(holder)) {
      unlinkSync(path);
      continue;
    }
    if (Date.now() > deadline) throw new BuildError(`another build (process ${holder ?? "unknown"}) holds build/lock`);
    if (!told) say(`waiting for the build of process ${holder ?? "unknown"}`);
    told = true;
    await Bun.sleep(100);
  }
  try {
    return await job();
  } finally {
    unlinkSync(path);
  }
}

function lockHolder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // Released between the failed open and this read: the next try decides.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
