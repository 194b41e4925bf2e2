/** The door of `control/replay`: recordings through the detectors. */
export { type ReplayCommand, replay } from "./command.ts";
export { type FirstEvents, readFirstEvents } from "./read-events.ts";
export { type InputKind, inputKinds } from "./read-input.ts";
export { type ReplayOptions, type ReplayResult, replayEvents } from "./replay.ts";
export { serveReader } from "./worker.ts";
