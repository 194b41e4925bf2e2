// ConnectionAggregator: knows which network connections are repeats. A process that connects to the same place again and again is
// told once an interval; the repeats in between are folded, counted, and leave their traces in the statistics of the place: how
// many, how far apart, how regular, how many bytes. Regular intervals are what gives a beacon away.
//
// It folds nothing by itself: whoever hands events on asks `isRepeat` after the detectors have seen the event.

export interface ConnectionAggregatorOptions {
  /** Places (process, protocol, direction, address, port) remembered; the one not seen for longest goes first, counted. */
  readonly entriesMax: number;
  /** A connection to a known place within this time after the last one that was told is a repeat. 0: nothing is. */
  readonly intervalMs: number;
}

/** What is known of one place. Intervals are those between the starts of two connections that follow each other. */
export interface ConnectionStatistics {
  /** Connections so far, folded ones too. */
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Mean of the intervals; 0 with less than two connections. */
  readonly intervalMeanMs: number;
  /** Standard deviation of the intervals; 0 with less than three connections. */
  readonly intervalJitterMs: number;
  /** Of connections that have ended. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Repeats folded since the last one that was told. */
  readonly folded: number;
  /** The connection just observed is a repeat of one that was told. */
  readonly isRepeat: boolean;
}

export interface ConnectionAggregatorStats {
  /** Places remembered. */
  size: number;
  observed: number;
  /** Repeats: seen by the detectors, and filtered from all that comes after them. */
  folded: number;
  /** Places forgotten because there were too many. */
  evicted: number;
}

class Place implements ConnectionStatistics {
  count = 0;
  readonly firstMs: number;
  lastMs: number;
  intervalMeanMs = 0;
  bytesSent = 0;
  bytesReceived = 0;
  folded = 0;
  isRepeat = false;
  toldMs = Number.NEGATIVE_INFINITY;
  /** Sum of the squared distances from the mean (Welford, 1962): numerically sound, and one number. */
  #squares = 0;

  constructor(timeMs: number) {
    this.firstMs = timeMs;
    this.lastMs = timeMs;
  }

  get intervalJitterMs(): number {
    return this.count < 3 ? 0 : Math.sqrt(this.#squares / (this.count - 1));
  }

  add(timeMs: number): void {
    this.count++;
    if (this.count === 1) return;
    // Events of two CPUs may come in another order than they happened.
    const intervalMs = Math.max(0, timeMs - this.lastMs);
    const fromMean = intervalMs - this.intervalMeanMs;
    this.intervalMeanMs += fromMean / (this.count - 1);
    this.#squares += fromMean * (intervalMs - this.intervalMeanMs);
    this.lastMs = Math.max(this.lastMs, timeMs);
  }
}

export class ConnectionAggregator {
  readonly #options: ConnectionAggregatorOptions;
  /** Least recently used first. */
  readonly #places = new Map<string, Place>();
  readonly stats: ConnectionAggregatorStats = { size: 0, observed: 0, folded: 0, evicted: 0 };

  constructor(options: ConnectionAggregatorOptions) {
    this.#options = options;
  }

  /**
   * A connection to `place` began at `timeMs`. What is answered is the live entry: it changes with the next call for the same place.
   * O(1).
   */
  observe(place: string, timeMs: number): ConnectionStatistics {
    const { entriesMax, intervalMs } = this.#options;
    this.stats.observed++;
    let entry = this.#places.get(place);
    if (entry === undefined) entry = new Place(timeMs);
    else this.#places.delete(place);
    this.#places.set(place, entry);
    entry.add(timeMs);
    entry.isRepeat = timeMs - entry.toldMs < intervalMs;
    if (entry.isRepeat) {
      entry.folded++;
      this.stats.folded++;
    } else {
      entry.toldMs = timeMs;
      entry.folded = 0;
    }
    if (this.#places.size > entriesMax) {
      const oldest = this.#places.keys().next().value;
      if (oldest !== undefined) this.#places.delete(oldest);
      this.stats.evicted++;
    }
    this.stats.size = this.#places.size;
    return entry;
  }

  /** A connection to `place` has ended. Nothing is kept for a place that is not remembered. O(1). */
  ended(place: string, bytesSent: number, bytesReceived: number): ConnectionStatistics | undefined {
    const entry = this.#places.get(place);
    if (entry === undefined) return undefined;
    entry.bytesSent += bytesSent;
    entry.bytesReceived += bytesReceived;
    return entry;
  }

  /** What is known of a place, or `undefined`. O(1). */
  find(place: string): ConnectionStatistics | undefined {
    return this.#places.get(place);
  }
}
