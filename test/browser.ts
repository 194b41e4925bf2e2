// A real browser for tests: headless Chromium, spoken to over the DevTools protocol (its pipe form would need inherited descriptors, so a
// port that the system picks). One page, everything that it asked for or complained about on record.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface BrowserPage {
  /** Evaluates an expression (promises are waited for) and gives its JSON value. Throws what it throws. */
  evaluate(expression: string): Promise<unknown>;
  /** PNG of what is in the window. */
  screenshot(): Promise<Buffer>;
  /** Presses, moves and lets go, as a hand would. */
  drag(fromX: number, fromY: number, toX: number, toY: number): Promise<void>;
  /** Addresses that were asked for, the page itself first. */
  readonly requests: readonly string[];
  /** Uncaught exceptions, errors on the console, and what the page's policy refused. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

const startTimeoutMs = 60_000;

/** Opens a file. `dark`: with a reader who prefers dark. */
export async function openInBrowser(
  path: string,
  { width = 1280, height = 900, dark = false }: { width?: number; height?: number; dark?: boolean } = {},
): Promise<BrowserPage> {
  const profile = mkdtempSync(join(tmpdir(), "sigil-browser-"));
  const child = Bun.spawn(
    [
      "chromium",
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      // Root has no user namespaces to hide in, and containers have little shared memory.
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--disable-extensions",
      "--disable-component-update",
      "--disable-background-networking",
      "--no-first-run",
      "--hide-scrollbars",
      `--window-size=${width},${height}`,
      "about:blank",
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const port = await portOf(profile, () => child.exitCode !== null);
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === "page");
    if (target === undefined) throw new Error("Cannot find a page in the browser");
    const session = await Session.open(target.webSocketDebuggerUrl);
    const requests: string[] = [];
    const complaints: string[] = [];
    session.listen("Network.requestWillBeSent", ({ request }) => requests.push((request as { url: string }).url));
    session.listen("Runtime.exceptionThrown", (event) => complaints.push(JSON.stringify(event)));
    session.listen("Log.entryAdded", ({ entry }) => complaints.push(JSON.stringify(entry)));
    session.listen("Runtime.consoleAPICalled", (event) => complaints.push(JSON.stringify(event)));
    for (const domain of ["Network", "Runtime", "Log", "Page"]) await session.send(`${domain}.enable`);
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await session.send("Emulation.setEmulatedMedia", { features });
    const loaded = new Promise<void>((resolve) => session.listen("Page.loadEventFired", () => resolve()));
    await session.send("Page.navigate", { url: pathToFileURL(path).href });
    await loaded;
    const mouse = (type: string, x: number, y: number): Promise<unknown> =>
      session.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: 1, clickCount: 1 });
    return {
      requests,
      complaints,
      close,
      evaluate: async (expression) => {
        const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
          expression,
          awaitPromise: true,
          returnByValue: true,
        });
        if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
        return (result as { value?: unknown }).value;
      },
      screenshot: async () => {
        const { data } = await session.send("Page.captureScreenshot", { format: "png" });
        return Buffer.from(data as string, "base64");
      },
      drag: async (fromX, fromY, toX, toY) => {
        await mouse("mousePressed", fromX, fromY);
        await mouse("mouseMoved", (fromX + toX) / 2, (fromY + toY) / 2);
        await mouse("mouseMoved", toX, toY);
        await mouse("mouseReleased", toX, toY);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function portOf(profile: string, hasEnded: () => boolean): Promise<string> {
  for (const started = performance.now(); performance.now() - started < startTimeoutMs; await Bun.sleep(50)) {
    if (hasEnded()) throw new Error("Cannot start the browser: it ended at once");
    try {
      const [port] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n");
      if (port !== undefined && port !== "") return port;
    } catch {
      // Not written yet.
    }
  }
  throw new Error(`Cannot start the browser: no port after ${startTimeoutMs} ms`);
}

type Params = Readonly<Record<string, unknown>>;

/** Commands and events over one socket. */
class Session {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (result: Params) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<string, (params: Params) => void>();
  #next = 1;

  static async open(url: string): Promise<Session> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("Cannot reach the browser"));
    });
    return new Session(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as {
        id?: number;
        method?: string;
        params?: Params;
        result?: Params;
        error?: { message: string };
      };
      if (message.id === undefined) {
        this.#listeners.get(message.method ?? "")?.(message.params ?? {});
        return;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error !== undefined) waiting?.reject(new Error(message.error.message));
      else waiting?.resolve(message.result ?? {});
    };
    socket.onclose = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the browser went away"));
    };
  }

  listen(method: string, listener: (params: Params) => void): void {
    this.#listeners.set(method, listener);
  }

  send(method: string, params: Params = {}): Promise<Params> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
