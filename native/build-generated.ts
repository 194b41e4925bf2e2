// Generated files: every `gen.ts` and `generate.ts` of the tree writes the files it is responsible for, or, with --check, exits non-zero
// when one of them is not what it would write. Generators find each other by name, so that a room can add one
// without a change here. native/gen.ts comes first: the record layout is read by all others.

import { filesBelow, root, run, step } from "./build-steps.ts";

/** In the order they have to run. */
export function generators(): string[] {
  const isGenerator = (path: string): boolean => /(^|\/)(gen|generate)\.ts$/.test(path);
  return [...filesBelow("native", isGenerator), ...filesBelow("src", isGenerator)];
}

/** Writes what is not fresh: first `native`, which the shim needs, and once the shim is there, what stands in `src`. */
export async function generate(room: "native" | "src"): Promise<void> {
  const isSource = (path: string): boolean => !/\.gen\.[a-z]+$|\.test\.ts$/.test(path);
  await step({
    name: `generated files in ${room}`,
    inputs: [
      ...filesBelow("native", isSource),
      ...(room === "native"
        ? []
        : [...filesBelow("src", isSource), ...filesBelow("rules", () => true), "package.json"]),
    ],
    outputs: [],
    run: async () => {
      for (const script of generators().filter((path) => path.startsWith(`${room}/`)))
        await run([process.execPath, script]);
    },
  });
}

/** Generators whose files are not fresh, with what they said. */
export async function staleGenerators(): Promise<{ script: string; message: string }[]> {
  const stale: { script: string; message: string }[] = [];
  for (const script of generators()) {
    const child = Bun.spawn([process.execPath, script, "--check"], {
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
      stdin: "ignore",
    });
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0) stale.push({ script, message: `${out}${err}`.trim() });
  }
  return stale;
}
