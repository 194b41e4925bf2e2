// Lets the first lines of a kind through and counts the rest, so that a fault that repeats a thousand times a second
// leaves a trace and not a full disk.

import { logRateBurstMax, logRateKeysMax, logRateWindowMs } from "../config/limits.ts";

interface Window {
  startMs: number;
  count: number;
  suppressed: number;
}

export interface Suppressed {
  readonly key: string;
  readonly count: number;
}

export class RateLimit {
  readonly #windows = new Map<string, Window>();
  /** Of windows that ended, until `due` is asked. */
  #ended: Suppressed[] = [];

  /** Whether the line may pass. */
  admit(key: string, nowMs: number): boolean {
    let window = this.#windows.get(key);
    if (window !== undefined && isOver(window, nowMs)) {
      this.#end(key, window);
      window = undefined;
    }
    if (window === undefined) {
      const oldest = this.#windows.size >= logRateKeysMax ? this.#windows.entries().next().value : undefined;
      if (oldest !== undefined) this.#end(...oldest);
      window = { startMs: nowMs, count: 0, suppressed: 0 };
      this.#windows.set(key, window);
    }
    if (window.count >= logRateBurstMax) {
      window.suppressed++;
      return false;
    }
    window.count++;
    return true;
  }

  /** What windows that are over suppressed, each told once; `all` ends every window. */
  due(nowMs: number, all = false): Suppressed[] {
    for (const [key, window] of this.#windows) if (all || isOver(window, nowMs)) this.#end(key, window);
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  #end(key: string, window: Window): void {
    this.#windows.delete(key);
    if (window.suppressed === 0) return;
    // The timer of the log asks every ten seconds; past the bound the counts are added up under the last key.
    const last = this.#ended.at(-1);
    if (last !== undefined && this.#ended.length >= logRateKeysMax) {
      this.#ended[this.#ended.length - 1] = { key: last.key, count: last.count + window.suppressed };
    } else {
      this.#ended.push({ key, count: window.suppressed });
    }
  }
}

/** A clock that went backwards ends the window as well. */
function isOver(window: Window, nowMs: number): boolean {
  const age = nowMs - window.startMs;
  return age < 0 || age >= logRateWindowMs;
}
