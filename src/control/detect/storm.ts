// Tells when a storm of events is over: the moment to give back the memory that it took. Collecting garbage in the middle of one
// would cost what it saves, and on a quiet host nobody else would.

import { busyEventsMin, quietEventsMax } from "../config/limits.ts";

export class StormWatch {
  #last = 0;
  #wasBusy = false;

  /** Takes a count that only grows, once in a while; true for the first quiet while after a busy one. */
  isOver(total: number): boolean {
    const events = total - this.#last;
    this.#last = total;
    if (events >= busyEventsMin || events < 0) this.#wasBusy = true;
    if (!this.#wasBusy || events > quietEventsMax || events < 0) return false;
    this.#wasBusy = false;
    return true;
  }
}
