// The limit that the agent is measured against: what the same Bun, compiled the same way, costs before it does anything.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

const main = `if (process.argv.includes("worker")) {
  const worker = new Worker(new URL("./one.worker.ts", import.meta.url).href);
  worker.onmessage = () => console.error("ready");
  worker.onerror = (event) => { console.error(event.message); process.exit(1); };
} else console.error("ready");
setInterval(() => {}, 1000);
`;
const worker = `declare const self: Worker;
self.onmessage = () => {};
self.postMessage("up");
export {};
`;

const readyTimeoutMs = 10_000;

export class EmptyProgram {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** An executable of its own file, so that it shares no page with the agent. */
  static async compile(): Promise<EmptyProgram> {
    const folder = mkdtempSync(join(tmpdir(), "sigil-empty-"));
    const files = { "main.ts": main, "one.worker.ts": worker };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const result = await Bun.build({
      entrypoints: Object.keys(files).map((name) => join(folder, name)),
      root: folder,
      target: "bun",
      format: "esm",
      minify: true,
      bytecode: true,
      compile: {
        outfile: join(folder, "empty"),
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
      throw: false,
    });
    if (!result.success) throw new Error(`Cannot compile the empty program\n${result.logs.map(String).join("\n")}`);
    return new EmptyProgram(folder);
  }

  /** Starts it and returns once it has said that it is ready. The caller ends it. */
  async start(withWorker: boolean): Promise<{ child: Subprocess<"ignore", "ignore", "pipe">; readyMs: number }> {
    const startedMs = performance.now();
    const child = Bun.spawn([join(this.#folder, "empty"), ...(withWorker ? ["worker"] : [])], {
      cwd: this.#folder,
      env: { PATH: "/usr/bin:/bin" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), readyTimeoutMs);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of child.stderr) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes("ready")) {
        clearTimeout(timer);
        return { child, readyMs: performance.now() - startedMs };
      }
    }
    throw new Error(`The empty program did not get ready: ${text}`);
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
