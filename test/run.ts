// Runs the checks and the tests, and sums them up in one last line: `N passed, N failed`. What was skipped is listed by name.
// Started through bootstrap.mjs:
//   npm run ok [-- --fix]     types, lint, format, generated files, unit tests; --fix formats and repairs first
//   npm test                  the same, then the build and every suite below test/
//   npm run bench [-- NAME]   test/bench/NAME.ts, or all of them
//   npm run soak [-- NAME]    test/soak/NAME.ts, or all of them

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { staleGenerators } from "../native/build-generated.ts";
import { filesBelow, root } from "../native/build-steps.ts";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

const bun = process.execPath;
const biome = join(root, "node_modules/@biomejs/cli-linux-x64/biome");
const tsc = join(root, "node_modules/typescript/bin/tsc");

/** The longest suite, the kernel matrix, boots two kernels under software emulation. */
const suiteTimeoutMs = 15 * 60_000;
/** Unit tests answer at once or are broken; suites start processes, kernels and builds. */
const unitTestTimeoutMs = 20_000;
const suiteTestTimeoutMs = 5 * 60_000;

function heading(name: string): void {
  process.stdout.write(`\n== ${name}\n`);
}

/** Runs a command with its output passed on and, in part, kept; null when it was ended for taking too long. */
async function show(command: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: suiteTimeoutMs,
    killSignal: "SIGKILL",
  });
  // Summaries come last, so the end of the output is what is kept.
  const keptMaxChars = 65_536;
  let text = "";
  const pass = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      process.stdout.write(chunk);
      text = (text + decoder.decode(chunk, { stream: true })).slice(-keptMaxChars);
    }
  };
  await Promise.all([pass(child.stdout), pass(child.stderr)]);
  await child.exited;
  return { code: child.signalCode === null ? child.exitCode : null, text };
}

/** A check that is one yes or no. */
async function check(name: string, command: readonly string[]): Promise<Outcome> {
  heading(name);
  const { code } = await show(command);
  process.stdout.write(code === 0 ? "ok\n" : `${name}: ${code === null ? "took too long" : `exit code ${code}`}\n`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [] };
}

async function checkGenerated(): Promise<Outcome> {
  heading("generated files fresh");
  const stale = await staleGenerators();
  for (const it of stale) process.stdout.write(`${it.script}: ${it.message}\n`);
  process.stdout.write(stale.length === 0 ? "ok\n" : "run `npm run build` and commit what it wrote\n");
  return { passed: stale.length === 0 ? 1 : 0, failed: stale.length, skipped: [] };
}

/** Runs `bun test` on paths; counts come from its own summary, names of the skipped from its JUnit file. */
async function suite(name: string, paths: readonly string[], timeoutMs: number): Promise<Outcome> {
  heading(name);
  const report = join(root, "build/test", `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.xml`);
  mkdirSync(join(report, ".."), { recursive: true });
  rmSync(report, { force: true });
  const command = [bun, "test", "--only-failures", `--timeout=${timeoutMs}`, "--reporter=junit"];
  const { code, text } = await show([...command, `--reporter-outfile=${report}`, ...paths.map((path) => `./${path}`)]);
  const count = (word: string): number => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(text)?.[1] ?? 0);
  const failed = count("fail");
  const finished = /^Ran \d+ tests? across/m.test(text);
  if (!finished) process.stdout.write(`${name}: ${code === null ? "took too long" : "ended before its summary"}\n`);
  return {
    passed: count("pass"),
    // A run that crashed, was ended or failed outside a test has no failure to its name, and counts as one.
    failed: failed === 0 && (code !== 0 || !finished) ? 1 : failed,
    skipped: existsSync(report) ? skippedNames(readFileSync(report, "utf8")) : [],
  };
}

/** Names of skipped and unwritten tests in a JUnit file of `bun test`, each with its file. */
export function skippedNames(xml: string): string[] {
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  const plain = (value: string): string =>
    value.replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => entities[entity] as string);
  const cases = xml.matchAll(/<testcase name="([^"]*)"[^>]*? file="([^"]*)"[^>]*>\s*<skipped/g);
  return [...cases].map((match) => `${plain(match[2] as string)}: ${plain(match[1] as string)}`);
}

/** The folders below test/ that hold suites; benchmarks and long runs have other endings. */
function suiteFolders(): string[] {
  return readdirSync(join(root, "test"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `test/${entry.name}`)
    .filter((folder) => filesBelow(folder, (path) => path.endsWith(".test.ts")).length > 0)
    .sort();
}

async function okChecks(): Promise<Outcome[]> {
  const outcomes = [
    await check("types", ["node", tsc, "-p", "."]),
    await check("types of the report page", ["node", tsc, "-p", "src/control/report/page"]),
    await check("lint and format", [biome, "check", "--error-on-warnings", "--colors=off", "."]),
    await checkGenerated(),
    // After the check of generated files, because it would write those of the native side; before the tests that load the shim.
    await check("native side", [bun, "build.ts", "--native-only"]),
  ];
  const tidy = filesBelow("test", (path) => /^test\/[^/]+\.test\.ts$/.test(path));
  const unit = ["src", "native"].filter((folder) => filesBelow(folder, (path) => path.endsWith(".test.ts")).length > 0);
  outcomes.push(await suite("unit tests", [...unit, ...tidy], unitTestTimeoutMs));
  return outcomes;
}

async function everything(): Promise<Outcome[]> {
  const outcomes = await okChecks();
  outcomes.push(await check("build", [bun, "build.ts"]));
  for (const folder of suiteFolders()) outcomes.push(await suite(folder, [folder], suiteTestTimeoutMs));
  return outcomes;
}

/**
 * Benchmarks and long runs are programs of their own, directly in their folder (what they share lies in folders below it): exit
 * code 0 is a pass.
 */
async function programs(folder: string, names: readonly string[]): Promise<Outcome[]> {
  const nameOf = (path: string): string => path.slice(folder.length + 1, -".ts".length);
  const all = filesBelow(folder, (path) => /^[a-z0-9-]+$/.test(nameOf(path)) && path.endsWith(".ts"));
  const unknown = names.filter((name) => !all.some((path) => nameOf(path) === name));
  if (unknown.length > 0 || all.length === 0) {
    process.stderr.write(
      `no ${unknown.join(", ") || "program"} in ${folder}; there is: ${all.map(nameOf).join(", ") || "none"}\n`,
    );
    process.exit(64);
  }
  const outcomes: Outcome[] = [];
  for (const path of all.filter((it) => names.length === 0 || names.includes(nameOf(it)))) {
    heading(nameOf(path));
    // Hours are in order here: no limit but the program's own.
    const child = Bun.spawn([bun, path], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    const good = (await child.exited) === 0;
    outcomes.push({ passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: [] });
  }
  return outcomes;
}

async function main([command = "", ...args]: string[]): Promise<void> {
  let outcomes: Outcome[];
  if (command === "ok" || command === "all") {
    if (args.some((arg) => arg !== "--fix")) {
      process.stderr.write(`unknown argument ${args.find((arg) => arg !== "--fix")}; known: --fix\n`);
      process.exit(64);
    }
    if (args.includes("--fix")) {
      await show([biome, "check", "--write", "--colors=off", "."]);
      await show([bun, "build.ts"]);
    }
    outcomes = command === "ok" ? await okChecks() : await everything();
  } else if (command === "bench") outcomes = await programs("test/bench", args);
  else if (command === "soak") outcomes = await programs("test/soak", args);
  else throw new RangeError(`unknown command ${command}`);

  const total = (key: "passed" | "failed"): number => outcomes.reduce((sum, it) => sum + it[key], 0);
  const skipped = outcomes.flatMap((it) => it.skipped);
  if (skipped.length > 0) process.stdout.write(`\n== not run here\n${skipped.map((name) => `${name}\n`).join("")}`);
  // With CI=true a test that cannot run is a failure: nobody would look for what is missing.
  const failed = total("failed") + (process.env.CI === "true" ? skipped.length : 0);
  process.exitCode = failed === 0 ? 0 : 1;
  process.stdout.write(`\n${total("passed")} passed, ${failed} failed\n`);
}

if (import.meta.main) await main(process.argv.slice(2));
