/** The door of `control/replay`: recordings through the detectors. */
export { type InputKind, inputKinds, type ReplayLog, type ReplayOptions, type ReplayResult, replay } from "./replay.ts";
