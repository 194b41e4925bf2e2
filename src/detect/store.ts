// DetectorStore: the live set of detectors. A new set takes its place in one assignment; a rebuild that failed never gets
// here, so the set before it stays, by identity.

import type { IocEngine } from "./ioc/mod.ts";
import type { Engine } from "./sigma/mod.ts";

export interface DetectorSet {
  readonly sigma: Engine;
  /** Absent while there are no indicators. */
  readonly ioc?: IocEngine;
  /** Changes when the rules change; shown in the log and in state lines. */
  readonly digest: string;
}

export class DetectorStore {
  #current: DetectorSet;
  /** How often a set was swapped in after the first. */
  swaps = 0;

  constructor(first: DetectorSet) {
    this.#current = first;
  }

  get current(): DetectorSet {
    return this.#current;
  }

  get sigma(): Engine {
    return this.#current.sigma;
  }

  get ioc(): IocEngine | undefined {
    return this.#current.ioc;
  }

  /** Correlations that did not change keep their windows; the set before must not be used any more. */
  swap(next: DetectorSet): void {
    next.sigma.adoptState(this.#current.sigma);
    this.#current = next;
    this.swaps++;
  }
}
