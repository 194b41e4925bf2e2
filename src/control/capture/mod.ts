/** The door of `control/capture`: recording what the sensor delivers, and the format of the recording. */
export { type CaptureCommand, captureCommand } from "./command.ts";
export {
  type BlockHeader,
  type CaptureEntry,
  CaptureError,
  captureMagic,
  captureVersion,
  entriesOf,
  entryType,
  recordRing,
} from "./format.ts";
export { type CaptureManifest, encodeManifest } from "./manifest.ts";
export { CaptureReader, type CaptureSink } from "./reader.ts";
export { CaptureWriter } from "./writer.ts";
