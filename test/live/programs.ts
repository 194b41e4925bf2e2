// The small C programs that live tests start (test/live/programs/*.c), compiled when a test asks for one, and the rules that make
// every process of a test an alert.

import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../native/build-steps.ts";

/** Which compiler the programs need: for needsProgram. */
export const compiler = "gcc";

/** Not below /tmp: rules take programs there for suspicious, and their alerts would drown those of the test. */
const parentFolder = "/opt";

/** A folder of a test's own, removed by `dispose`. Programs are compiled into it, and tests put their files there. */
export class TestFolder {
  readonly path: string;

  constructor(name: string) {
    mkdirSync(parentFolder, { recursive: true });
    this.path = mkdtempSync(join(realpathSync(parentFolder), `sigil-${name}-`));
  }

  /** A path inside. */
  in(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Compiles programs/NAME.c to NAME here and returns its path. `dynamic`: needs its dynamic loader. */
  async compile(name: string, options: { readonly dynamic?: boolean; readonly as?: string } = {}): Promise<string> {
    const path = this.in(options.as ?? name);
    const source = join(import.meta.dir, "programs", `${name}.c`);
    const how = options.dynamic ? [] : ["-static"];
    await run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", ...how, "-o", path, source]);
    return path;
  }

  /** A copy of a program under another name, with its folders. Returns its path. */
  copy(from: string, ...names: string[]): string {
    const path = this.in(...names);
    mkdirSync(join(path, ".."), { recursive: true });
    copyFileSync(from, path);
    return path;
  }

  write(name: string, text: string): string {
    const path = this.in(name);
    writeFileSync(path, text);
    return path;
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A rule that makes an alert of every start whose command line or image contains `token`. */
export function startRule(token: string, id = "0e8f3c57-4b1a-4a57-9d5e-2f64c1b7a001"): string {
  return `title: Start of a process of the test
id: ${id}
logsource: { product: linux, category: process_creation }
detection:
  line: { CommandLine|contains: ${token} }
  image: { Image|contains: ${token} }
  condition: 1 of them
level: informational
`;
}

/** A rule that makes an alert of every end of a process whose command line contains `token`. */
export function endRule(token: string): string {
  return `title: End of a process of the test
id: 0e8f3c57-4b1a-4a57-9d5e-2f64c1b7a002
logsource: { product: linux, category: process_termination }
detection:
  line: { CommandLine|contains: ${token} }
  condition: line
level: informational
`;
}

/** Values of the last log line with this message: `agent stopped exec_seen=3 …`. */
export function logValues(log: string, message: string): Readonly<Record<string, string>> {
  const line = log.split("\n").findLast((one) => one.includes(message));
  if (line === undefined) throw new Error(`Cannot find "${message}" in the log:\n${log}`);
  const values: Record<string, string> = {};
  for (const [, name, quoted, bare] of line.slice(line.indexOf(message)).matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g))
    values[name as string] = quoted ?? bare ?? "";
  return values;
}

/** Asserts the loss account of a stopped agent: nothing is in no column, for any kind. Returns its numbers. */
export function closedAccount(log: string): Readonly<Record<string, number>> {
  const account = Object.fromEntries(Object.entries(logValues(log, "agent stopped")).map(([k, v]) => [k, Number(v)]));
  const open = Object.entries(account).filter(([name, value]) => name.endsWith("_unaccounted") && value !== 0);
  if (open.length > 0) throw new Error(`The account is not closed: ${JSON.stringify(account)}`);
  for (const kind of ["exec", "fork", "exit", "task"])
    if (account[`${kind}_unaccounted`] !== 0) throw new Error(`The account does not speak of ${kind}: ${log}`);
  return account;
}

/**
 * Starts `operate wait` and returns when it runs: who was only just made may be signalled before the kernel has told that it
 * executes this program.
 */
export async function waiting(program: string): Promise<Bun.Subprocess<"ignore", "pipe", "inherit">> {
  const child = Bun.spawn([program, "wait"], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  await Promise.race([reader.read(), child.exited]);
  reader.releaseLock();
  return child;
}
