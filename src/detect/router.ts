// SensorEventRouter: hands each event to every handler, in the order they were given. A handler that throws is counted and
// loses that event; the others still get it.

import type { NormalizedEvent } from "../event/mod.ts";

/** Decides what an event means to one detector. Must not block and must not keep the event: it is reused. */
export interface EventHandler<Event extends NormalizedEvent> {
  readonly name: string;
  handle(event: Event): void;
}

/**
 * A handler whose work falls in two: what an event is by itself, and what it means after those before it. `handle` does both. Whoever has
 * events out of order examines them as they come and sorts only those that are left.
 */
export interface StagedHandler<Event extends NormalizedEvent, Found = unknown> extends EventHandler<Event> {
  /** What to give to `conclude` with this event; `undefined` when it is of no interest. Changes nothing: any order will do, also twice. */
  examine(event: Event): Found | undefined;
  /** In the order of events. */
  conclude(event: Event, found: Found): void;
}

export function isStaged<Event extends NormalizedEvent>(handler: EventHandler<Event>): handler is StagedHandler<Event> {
  return "examine" in handler;
}

export class SensorEventRouter<Event extends NormalizedEvent> {
  readonly #handlers: readonly EventHandler<Event>[];
  /** Events routed. */
  routed = 0;
  /** Events that a handler threw on; the last such error is kept for the log. */
  faults = 0;
  lastFault: unknown;

  constructor(handlers: readonly EventHandler<Event>[]) {
    this.#handlers = handlers;
  }

  route(event: Event): void {
    this.routed++;
    for (const handler of this.#handlers) {
      try {
        handler.handle(event);
      } catch (error) {
        this.faults++;
        this.lastFault = error;
      }
    }
  }
}
