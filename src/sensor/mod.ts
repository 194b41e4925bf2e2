/**
 * The door of the room `sensor`: records from the kernel, and the account of those that were lost; and what else the shim does:
 * passing descriptors to other processes, and confining this one.
 */
export { type KindCounters, lost, type RecordKind, recordKinds, type SensorCounters, unaccounted } from "./counters.ts";
export { type ExecOpen, ExecWatch } from "./exec-watch.ts";
export { type FileSettings, fileNamesMax, filePrefixesMax } from "./file-settings.ts";
export { configureNetwork, type NetworkSensorOptions } from "./network.ts";
export { procInventory } from "./proc-inventory.ts";
export {
  attempts,
  type Channel,
  confine,
  createChannel,
  memoryFile,
  messageSizeMaxBytes,
  Receiver,
  refusedAttempts,
  SandboxError,
  sendMessage,
} from "./sandbox.ts";
export {
  bootOffsetMs,
  closeSensor,
  enableMode,
  type KernelObjects,
  type Probe,
  recordKind,
  Sensor,
  SensorError,
  type SensorOptions,
  trimCode,
  waitResult,
  wakeSensor,
} from "./sensor.ts";
export { loadShim, ShimError } from "./shim.ts";
