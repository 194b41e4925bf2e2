// What the detect worker is told when it starts: the configuration and the host in the shape that it needs, with the bounds of
// everything that it keeps.

import type { HostContext } from "../../alert/mod.ts";
import {
  correlationStateMs,
  detectReportMs,
  exitedProcessesMax,
  processAncestorsMax,
  processBytesMax,
  processesMax,
  userNamespacesMax,
} from "../config/limits.ts";
import type { AppConfig } from "../config/mod.ts";
import type { StartMessage } from "../detect/mod.ts";
import { bootIdentity } from "./host.ts";
import { mountNamespace, readPasswd } from "./passwd.ts";
import { networkOptions, sensorOptions } from "./sensor-options.ts";

/** `logs`: the ring of log lines, when any are read. */
export function detectOptions(
  config: AppConfig,
  host: HostContext,
  logMemory: SharedArrayBuffer | undefined,
): Omit<StartMessage, "type" | "alerts"> {
  return {
    sensor: sensorOptions(config),
    processes: {
      entriesMax: processesMax,
      exitedMax: exitedProcessesMax,
      bytesMax: processBytesMax,
      ancestorsMax: processAncestorsMax,
    },
    sensitiveFiles: config.sensor.sensitiveFiles,
    compatSystemCalls: config.sensor.compatSystemCalls,
    network: networkOptions(config),
    namespacesMax: userNamespacesMax,
    hostId: bootIdentity(host),
    hostMountNs: mountNamespace("self"),
    passwd: readPasswd(""),
    reportMs: detectReportMs,
    ...(config.yara.enabled || config.ioc.enabled
      ? { scan: { allowedPaths: config.allowlist.paths, writtenFiles: config.scanner.writtenFiles } }
      : {}),
    ...(config.sigma.correlationState === "" ? {} : { correlationStateMs }),
    ...(logMemory === undefined ? {} : { logs: logMemory }),
  };
}
