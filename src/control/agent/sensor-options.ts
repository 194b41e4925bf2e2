// What the sensor and what is made of its records are told, from the configuration: the same for a run and for a capture.

import { type NetworkMemoryOptions, networkMemoryDefaults, SensitiveFiles } from "../../normalize/mod.ts";
import type { NetworkSensorOptions, SensorOptions } from "../../sensor/mod.ts";
import { sensorBatchUs } from "../config/limits.ts";
import type { AppConfig } from "../config/mod.ts";

export function sensorOptions({ sensor }: AppConfig): SensorOptions {
  return {
    kernelRingBytes: sensor.kernelRingSizeBytes,
    kernelBulkRingBytes: sensor.kernelBulkRingSizeBytes,
    criticalRingBytes: sensor.criticalRingSizeBytes,
    bulkRingBytes: sensor.bulkRingSizeBytes,
    envNames: sensor.environmentNames,
    batchUs: sensorBatchUs,
    files: {
      sensitiveNames: new SensitiveFiles(sensor.sensitiveFiles).names,
      excludedPrefixes: sensor.fileExcludePaths,
    },
  };
}

export function networkOptions({ network }: AppConfig): {
  readonly sensor: NetworkSensorOptions;
  readonly memory: NetworkMemoryOptions;
} {
  return {
    sensor: { loopback: network.loopback, dnsPorts: network.dnsPorts },
    memory: {
      ...networkMemoryDefaults,
      connections: { ...networkMemoryDefaults.connections, intervalMs: network.foldIntervalMs },
    },
  };
}
