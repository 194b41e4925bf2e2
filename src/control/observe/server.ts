// The control socket: HTTP over a unix socket that only its owner can open, and, when asked for, metrics and health over TCP. What
// can change the agent (reload) and what holds alerts exists on the socket only.

import { chmodSync, existsSync, lstatSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Server } from "bun";
import { prometheusText } from "./metrics.ts";
import type { AgentStatus } from "./status.ts";

/** Who listens to alerts at one time: people at terminals. */
const listenersMax = 16;
/** Bytes that wait for a listener; one that is slower loses lines, and is told how many. */
const listenerBytesMax = 1 << 20;
/** Bodies are not read: a request says all with its path. */
const requestSizeMaxBytes = 4096;

export interface ControlServerOptions {
  /** Empty: no socket. */
  readonly socketPath: string;
  /** `address:port` for metrics and health over TCP; empty: none. */
  readonly listen: string;
  readonly status: () => Promise<AgentStatus>;
  /** Starts a reload; its outcome is in the log and in the status. */
  readonly reload: () => void;
}

interface Listener {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  missed: number;
}

const encoder = new TextEncoder();

/** Says why something cannot be opened; the agent goes on without it. */
export class ControlServerError extends Error {}

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #listeners = new Set<Listener>();
  #socket: Server<undefined> | undefined;
  #tcp: Server<undefined> | undefined;

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  /** Opens the socket. Throws {@link ControlServerError} when it cannot, or when another agent has it. */
  async openSocket(): Promise<void> {
    const { socketPath } = this.#options;
    if (socketPath === "") return;
    await claim(socketPath);
    const before = process.umask(0o177);
    try {
      this.#socket = Bun.serve({
        unix: socketPath,
        maxRequestBodySize: requestSizeMaxBytes,
        fetch: (request, server) => {
          // A listener may hear nothing for hours.
          server.timeout(request, 0);
          return this.#answer(request, true);
        },
      });
    } catch (error) {
      throw new ControlServerError(`cannot open ${socketPath}: ${(error as Error).message}`);
    } finally {
      process.umask(before);
    }
    chmodSync(socketPath, 0o600);
  }

  /** Opens the port for metrics. Throws {@link ControlServerError} when it cannot. */
  openPort(): void {
    const { listen } = this.#options;
    if (listen === "") return;
    const colon = listen.lastIndexOf(":");
    const hostname = listen.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    try {
      this.#tcp = Bun.serve({
        hostname,
        port: Number(listen.slice(colon + 1)),
        maxRequestBodySize: requestSizeMaxBytes,
        idleTimeout: 10,
        fetch: (request) => this.#answer(request, false),
      });
    } catch (error) {
      throw new ControlServerError(`cannot listen on ${listen}: ${(error as Error).message}`);
    }
  }

  /** Hands a line to whoever listens; one with a full queue misses it. Costs nothing while nobody does. */
  publish(line: string): void {
    if (this.#listeners.size === 0) return;
    const bytes = encoder.encode(`${line}\n`);
    for (const listener of this.#listeners) {
      const { controller } = listener;
      if ((controller.desiredSize ?? 0) < bytes.length) {
        listener.missed++;
        continue;
      }
      if (listener.missed > 0) {
        controller.enqueue(encoder.encode(`${JSON.stringify({ missed: listener.missed })}\n`));
        listener.missed = 0;
      }
      controller.enqueue(bytes);
    }
  }

  async close(): Promise<void> {
    for (const { controller } of this.#listeners) {
      try {
        controller.close();
      } catch {
        // It went away at this moment.
      }
    }
    this.#listeners.clear();
    await this.#socket?.stop(true);
    await this.#tcp?.stop(true);
    if (this.#socket !== undefined && existsSync(this.#options.socketPath)) unlinkSync(this.#options.socketPath);
    this.#socket = undefined;
    this.#tcp = undefined;
  }

  async #answer(request: Request, isLocal: boolean): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { status, reload } = this.#options;
    if (request.method === "GET") {
      switch (pathname) {
        case "/healthz":
          return new Response("ok\n");
        case "/readyz": {
          const { ready } = await status();
          return new Response(ready ? "ready\n" : "not ready\n", { status: ready ? 200 : 503 });
        }
        case "/metrics":
          return new Response(prometheusText(await status()), {
            headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
          });
      }
      if (isLocal && pathname === "/status") return Response.json(await status());
      if (isLocal && pathname === "/events") return this.#listen(request);
    }
    if (isLocal && request.method === "POST" && pathname === "/reload") {
      reload();
      return new Response("reloading\n", { status: 202 });
    }
    return new Response("not found\n", { status: 404 });
  }

  #listen(request: Request): Response {
    if (this.#listeners.size >= listenersMax) return new Response("too many listeners\n", { status: 503 });
    let listener: Listener | undefined;
    const leave = (): void => {
      if (listener !== undefined) this.#listeners.delete(listener);
    };
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          listener = { controller, missed: 0 };
          this.#listeners.add(listener);
          // Something must leave at once, or the answer's head waits for the first alert.
          controller.enqueue(encoder.encode("\n"));
        },
        cancel: leave,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: listenerBytesMax }),
    );
    request.signal.addEventListener("abort", leave);
    return new Response(stream, { headers: { "content-type": "application/x-ndjson" } });
  }
}

/** Makes the way to a socket free: its folder is there and nobody else's, and no agent answers on it. */
async function claim(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = statSync(folder);
    const isSticky = (stat.mode & 0o1000) !== 0;
    if ((stat.uid !== 0 && stat.uid !== process.getuid?.()) || ((stat.mode & 0o022) !== 0 && !isSticky))
      throw new ControlServerError(`cannot open ${path}: others can write to ${folder}`);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return;
    if (!there.isSocket()) throw new ControlServerError(`cannot open ${path}: something else stands there`);
    if (await answers(path)) throw new ControlServerError(`cannot open ${path}: another agent has it`);
    unlinkSync(path);
  } catch (error) {
    if (error instanceof ControlServerError) throw error;
    throw new ControlServerError(`cannot open ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

const answerTimeoutMs = 1_000;

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: answerTimeoutMs });
    const end = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", end(true));
    // One that accepts nothing is not free either.
    socket.once("timeout", end(true));
    socket.once("error", end(false));
  });
}
