// `agent top`: the running agent at work. Asks its control socket once an interval, listens to its alerts meanwhile, and draws what
// changed; without a terminal it draws once.

import { type AgentStatus, askStatus, complaints, followEvents, NoAgentError } from "../control/observe/mod.ts";
import { printable, shorten } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { isTerminal, terminalWidth, usesColor } from "./context.ts";
import { ExitCode } from "./exit-code.ts";
import { writeOut } from "./output.ts";
import { duration, withAgent } from "./status.ts";

const intervalMsDefault = 1_000;
/** Points of the line of rates. */
const historyMax = 60;
/** Rules that are counted by name; the agent has more alerts than anybody reads. */
const rulesMax = 1_000;
const rulesShownMax = 8;

const bars = "▁▂▃▄▅▆▇█";
const paint = (code: string, text: string): string => (usesColor(1) ? `\x1b[${code}m${text}\x1b[0m` : text);

export function topEntry(args: CommandArgs<"top">): Promise<ExitCode> {
  return withAgent(args, async (path) => {
    const view = new View();
    const intervalMs = Math.max(100, args.interval ?? intervalMsDefault);
    view.take(await askStatus(path), 0);
    if (!isTerminal(1)) {
      await Bun.sleep(Math.min(intervalMs, 1_000));
      view.take(await askStatus(path), intervalMs);
      writeOut(view.text(terminalWidth(), 40));
      return ExitCode.ok;
    }
    return await live(path, view, intervalMs);
  });
}

async function live(path: string, view: View, intervalMs: number): Promise<ExitCode> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const onKey = (keys: Buffer): void => {
    // In raw mode Ctrl-C is a key.
    if (keys.includes(0x03) || keys.includes(0x71)) stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  if (isTerminal(0)) {
    process.stdin.setRawMode(true);
    process.stdin.on("data", onKey);
  }
  const listening = listen(path, view, abort.signal);
  // The alternate screen, without a cursor; what was there before comes back at the end.
  writeOut("\x1b[?1049h\x1b[?25l");
  let before = performance.now();
  try {
    while (!abort.signal.aborted) {
      const rows = Math.max(10, process.stdout.rows ?? 24);
      writeOut(`\x1b[H\x1b[2J${view.text(terminalWidth(), rows - 1)}`);
      await pause(intervalMs, abort.signal);
      if (abort.signal.aborted) break;
      const now = performance.now();
      view.take(await askStatus(path), now - before);
      before = now;
    }
  } finally {
    abort.abort();
    writeOut("\x1b[?25h\x1b[?1049l");
    if (isTerminal(0)) {
      process.stdin.setRawMode(false);
      process.stdin.off("data", onKey);
      process.stdin.pause();
    }
    await listening;
  }
  return ExitCode.ok;
}

async function listen(path: string, view: View, signal: AbortSignal): Promise<void> {
  try {
    for await (const line of followEvents(path, signal)) view.alert(line);
  } catch (error) {
    // The next question about the status says that the agent is gone.
    if (!(error instanceof NoAgentError)) throw error;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** What is drawn: the last two states of the agent and what lies between them. */
export class View {
  #status: AgentStatus | undefined;
  #before: AgentStatus | undefined;
  #seconds = 1;
  readonly #history: number[] = [];
  readonly #rules = new Map<string, { count: number; level: string }>();
  #lastAlert = "";

  take(status: AgentStatus, elapsedMs: number): void {
    this.#before = this.#status ?? status;
    this.#status = status;
    this.#seconds = Math.max(0.001, elapsedMs / 1000);
    if (elapsedMs === 0) return;
    this.#history.push(Math.max(0, status.detect.routed - this.#before.detect.routed) / this.#seconds);
    if (this.#history.length > historyMax) this.#history.shift();
  }

  alert(line: string): void {
    let document: { message?: string; event?: { kind?: string }; sigil?: { level?: string } };
    try {
      document = JSON.parse(line);
    } catch {
      return;
    }
    if (document.event?.kind !== "alert") return;
    const name = document.message ?? "";
    this.#lastAlert = name;
    const known = this.#rules.get(name);
    if (known !== undefined) known.count++;
    else if (this.#rules.size < rulesMax) this.#rules.set(name, { count: 1, level: document.sigil?.level ?? "" });
  }

  /** At most `rows` lines of at most `width` columns. */
  text(width: number, rows: number): string {
    const status = this.#status;
    if (status === undefined) return "";
    const lines = [
      ...this.#head(status),
      "",
      ...this.#events(status),
      "",
      ...this.#outputs(status),
      ...this.#firing(),
      ...this.#faults(status),
    ];
    return `${lines
      .slice(0, rows)
      .map((line) => clipped(line, width))
      .join("\n")}\n`;
  }

  #head(status: AgentStatus): string[] {
    const { rules, memory, detect } = status;
    const before = this.#before ?? status;
    const cpu = (100 * Math.max(0, status.cpu_seconds - before.cpu_seconds)) / this.#seconds;
    const rate = this.#history.at(-1) ?? 0;
    const most = Math.max(1, ...this.#history);
    const line = this.#history
      .map((value) => bars[Math.min(bars.length - 1, Math.floor((value / most) * bars.length))])
      .join("");
    return [
      `${paint("1", `sigil ${status.version}`)}  process ${status.pid}, up ${duration(status.uptime_seconds)}, ` +
        `${cpu.toFixed(1)} % of a processor, ${Math.round(memory.resident_bytes / 1024 / 1024)} MiB`,
      `rules ${rules.active} active, ${rules.inert} inert, ${rules.indicators} indicators; ${detect.hits} hits`,
      `${paint("36", line)} ${short(rate)} events/s, at most ${short(most)}`,
    ];
  }

  #events(status: AgentStatus): string[] {
    const before = this.#before ?? status;
    const rows = Object.entries(status.sensor.events).map(([kind, account]) => {
      const rate = Math.max(0, account.seen - (before.sensor.events[kind]?.seen ?? account.seen)) / this.#seconds;
      const lost = account.lost_kernel_ring + account.lost_shared_ring + account.missed + account.malformed;
      return { kind, rate, account, lost };
    });
    return [
      paint(
        "2",
        `${"event".padEnd(22)}${"a second".padStart(10)}${"seen".padStart(12)}${"filtered".padStart(12)}${"lost".padStart(10)}`,
      ),
      ...rows
        .sort((a, b) => b.rate - a.rate || b.account.seen - a.account.seen)
        .map(({ kind, rate, account, lost }) => {
          const text = `${kind.padEnd(22)}${short(rate).padStart(10)}${short(account.seen).padStart(12)}${short(account.filtered).padStart(12)}`;
          const count = short(lost).padStart(10);
          return text + (lost > 0 ? paint("1;31", count) : count);
        }),
    ];
  }

  #outputs(status: AgentStatus): string[] {
    return status.outputs.map(
      ({ name, state, written, dropped, failed, queued_bytes: queued }) =>
        `output ${printable(name)}: ${state === "open" ? state : paint("31", state)}, ${short(written)} written, ` +
        `${short(dropped + failed)} lost, ${Math.round(queued / 1024)} KiB waiting`,
    );
  }

  #firing(): string[] {
    if (this.#rules.size === 0) return [];
    const top = [...this.#rules].sort(([, a], [, b]) => b.count - a.count).slice(0, rulesShownMax);
    const width = Math.max(...top.map(([, { count }]) => String(count).length));
    return [
      "",
      paint("2", "rules that fired since this view began"),
      ...top.map(([name, { count, level }]) => {
        const isLast = name === this.#lastAlert ? "›" : " ";
        return `${isLast} ${String(count).padStart(width)}  ${level.slice(0, 4).padEnd(4)}  ${shorten(printable(name), 200)}`;
      }),
    ];
  }

  #faults(status: AgentStatus): string[] {
    const found = complaints(status);
    return found.length === 0 ? [] : ["", ...found.map((one) => paint("33", `! ${printable(one)}`))];
  }
}

/** 1234567 as `1.23M`: five characters at most. */
function short(value: number): string {
  if (value < 10 && value % 1 !== 0) return value.toFixed(1);
  if (value < 10_000) return String(Math.round(value));
  const [unit, size] =
    value < 1e6 ? (["k", 1e3] as const) : value < 1e9 ? (["M", 1e6] as const) : (["G", 1e9] as const);
  return `${(value / size).toPrecision(3)}${unit}`;
}

/** The line cut to a width, with what colours it kept whole. */
function clipped(line: string, width: number): string {
  if (Bun.stringWidth(line) <= width) return line;
  let shown = "";
  let columns = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is told apart here.
  for (const part of line.match(/\x1b\[[0-9;]*m|[^\x1b]/gu) ?? []) {
    const size = part.startsWith("\x1b") ? 0 : Bun.stringWidth(part);
    if (columns + size > width - 1) break;
    columns += size;
    shown += part;
  }
  return `${shown}…${usesColor(1) ? "\x1b[0m" : ""}`;
}
