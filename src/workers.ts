// The one place that starts workers, threads and processes. It stands beside the worker files and beside main.ts, because in a compiled binary
// `import.meta.url` of every module is that of main: a URL made elsewhere would not find them.

import { join } from "node:path";

/** First argument of a copy of this program that is a scan worker. */
export const scanWorkerVerb = "__scan-worker";

/** The command line that starts a scan worker: this executable, or, from source, Bun with the same entry point. */
export function scanWorkerCommand(): readonly string[] {
  const isCompiled = import.meta.dir.startsWith("/$bunfs/") || import.meta.dir.includes("~BUN");
  return isCompiled
    ? [process.execPath, scanWorkerVerb]
    : [process.execPath, join(import.meta.dir, "main.ts"), scanWorkerVerb];
}

export type WorkerName = "detect" | "replay";

/** A worker thread. Who starts it must listen for `error` and `close`: a worker that fails to start is never silent. */
export function spawnWorker(name: WorkerName): Worker {
  // One literal URL a worker: the bundler only sees those.
  const urls: Record<WorkerName, () => URL> = {
    detect: () => new URL("./detect.worker.ts", import.meta.url),
    replay: () => new URL("./replay.worker.ts", import.meta.url),
  };
  // smol: collect early rather than let the heap grow; after a storm it is back where it was in seconds. A replay ends soon, and wants to be fast.
  return new Worker(urls[name]().href, { name, smol: name === "detect" });
}
