// The kernel stamps events with CLOCK_BOOTTIME, alerts show wall-clock time. The distance between the two is measured now and
// then (the wall clock may be set), never per event.

export class BootClock {
  readonly #read: () => number;
  #offsetMs: number;

  /** `read` gives the milliseconds since the epoch at CLOCK_BOOTTIME 0. */
  constructor(read: () => number) {
    this.#read = read;
    this.#offsetMs = read();
  }

  /** Measures the distance anew. */
  measure(): void {
    this.#offsetMs = this.#read();
  }

  /** A CLOCK_BOOTTIME in nanoseconds as milliseconds since the epoch. */
  toEpochMs(bootNs: number): number {
    return this.#offsetMs + bootNs / 1e6;
  }
}
