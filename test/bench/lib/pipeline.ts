// From a record in the ring to a hit, put together as the detect worker puts it together.

import { statSync } from "node:fs";
import type { LiveContextSources } from "../../../src/alert/mod.ts";
import {
  exitedProcessesMax,
  processAncestorsMax,
  processBytesMax,
  processesMax,
  userNamespacesMax,
} from "../../../src/control/config/limits.ts";
import { loadRuleFiles, parseSigmaFiles } from "../../../src/control/rules/mod.ts";
import {
  type DetectorSet,
  DetectorStore,
  type Hit,
  type RuleInfo,
  SensorEventRouter,
  SigmaDetectionHandler,
} from "../../../src/detect/mod.ts";
import { Engine } from "../../../src/detect/sigma/mod.ts";
import { createCatalogue, FieldTable, liveSources, sourceId } from "../../../src/event/mod.ts";
import { type AnyLiveEvent, Normalizer } from "../../../src/normalize/mod.ts";
import { bootOffsetMs, type Sensor } from "../../../src/sensor/mod.ts";
import { BootClock, ProcessCache, parsePasswd, UserNames } from "../../../src/state/mod.ts";
import { InvalidMeasurement } from "./report.ts";

const forcedRule: RuleInfo = {
  id: "5d2f8a5e-6a51-4a3b-9a1d-3f6b8b9e0c11",
  title: "One start in so many",
  description: "",
  level: "low",
  status: "",
  author: [],
  references: [],
  tags: ["attack.execution"],
  falsepositives: [],
  version: "",
  license: "",
  file: "",
};

/** One stage: what is done with a record at an offset of the ring. */
export interface Stage {
  readonly name: string;
  readonly take: (at: number) => void;
  /** Throws when it did not do its work. */
  readonly check: (execs: number) => void;
  readonly hits: () => number;
}

/**
 * The way of a record as the detect worker does it. `rulePaths` undefined: no rules. One start in `hitEvery` is given to
 * `onHit`, whatever the rules say, with what an alert about it is made from: what rules match is the workload's business.
 */
export async function pipeline(
  name: string,
  sensor: Sensor,
  rulePaths: readonly string[] | undefined,
  onHit: (event: AnyLiveEvent, hit: Hit, sources: LiveContextSources) => void = () => {},
  hitEvery = Number.POSITIVE_INFINITY,
): Promise<Stage> {
  const fields = new FieldTable();
  const processes = new ProcessCache({
    entriesMax: processesMax,
    exitedMax: exitedProcessesMax,
    bytesMax: processBytesMax,
    ancestorsMax: processAncestorsMax,
  });
  const hostMountNs = statSync("/proc/self/ns/mnt").ino;
  const users = new UserNames({ namespacesMax: userNamespacesMax, hostMountNs, wanted: () => {} });
  users.set(hostMountNs, parsePasswd(await Bun.file("/etc/passwd").text()));
  const clock = new BootClock(bootOffsetMs);
  const normalizer = new Normalizer({ fields, processes, users, hostId: "bench", clock });
  let router: SensorEventRouter<AnyLiveEvent> | undefined;
  let hits = 0;
  let label = name;
  if (rulePaths !== undefined) {
    const files = loadRuleFiles(rulePaths, new Set(["sigma"]));
    const { rules } = parseSigmaFiles(
      files,
      {},
      {
        minLevel: "informational",
        statuses: ["stable", "test", "experimental"],
        includeTags: [],
        excludeTags: [],
      },
    );
    const catalogue = createCatalogue({ live: liveSources.linux, platform: "linux" });
    const sigma = new Engine(rules, {
      slots: fields,
      route: (logsource) => catalogue.route(logsource),
      fieldReason: (source, field) => catalogue.fieldReason(source, field),
    });
    sigma.warm(sourceId("linux/process_creation"));
    sigma.warm(sourceId("linux/process_termination"));
    if (sigma.active === 0) throw new InvalidMeasurement(`no rule of ${name} is active`);
    label = `${name} (${sigma.active} active)`;
    const set: DetectorSet = { sigma, digest: "" };
    router = new SensorEventRouter([
      new SigmaDetectionHandler<AnyLiveEvent>(new DetectorStore(set), fields, () => {
        hits++;
      }),
    ]);
  }
  const bytes = sensor.critical.bytes;
  const forced: Hit = { engine: "sigma", rule: forcedRule, matches: [] };
  let starts = 0;
  return {
    name: label,
    take: (at) => {
      const event = normalizer.take(bytes, at);
      if (event === undefined) return;
      router?.route(event);
      if (event.kind === "process_start" && ++starts % hitEvery === 0)
        onHit(event, forced, { processes, users, clock, hostId: "bench" });
    },
    check: (execs) => {
      const { exec, malformed } = normalizer.stats;
      if (exec !== execs || malformed > 0)
        throw new InvalidMeasurement(`${name}: ${exec} of ${execs} starts came through, ${malformed} malformed`);
      if (processes.stats.evictedLive > 0 || processes.stats.unknownExits > 0)
        throw new InvalidMeasurement(
          `${name}: the process table is not as on a host: ${JSON.stringify(processes.stats)}`,
        );
      if (router !== undefined && router.faults > 0)
        throw new InvalidMeasurement(`${name}: a detector failed ${router.faults} times: ${String(router.lastFault)}`);
    },
    hits: () => hits,
  };
}
