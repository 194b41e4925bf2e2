/** The door of `control/replay`: recordings through the detectors. */
export { type ReplayCommand, replay } from "./command.ts";
export { type FirstEvents, readFirstEvents } from "./read-events.ts";
export { type InputKind, inputKinds, type ReplayOptions, type ReplayResult, replayEvents } from "./replay.ts";
