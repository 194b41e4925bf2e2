// Records of the network for tests, as the programs write them, and a normalizer to take them.

import {
  dnsSection,
  FieldTable,
  networkFlag,
  networkKind,
  networkLayout,
  writeActivityRecord,
} from "../../event/mod.ts";
import { BootClock, ProcessCache, UserNames } from "../../state/mod.ts";
import type { ActivityEvent } from "../activity-event.ts";
import { Normalizer } from "../normalizer.ts";
import { NetworkMemory } from "./memory.ts";

export interface KitEnds {
  /** `192.0.2.1` or 32 hexadecimal digits. */
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly protocol?: number;
  readonly result?: number;
  readonly flags?: number;
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  readonly durationNs?: bigint;
  readonly socket?: bigint;
  readonly sequence?: number;
  readonly payload?: Uint8Array;
  readonly isCut?: boolean;
  readonly pid?: number;
  readonly timeMs?: number;
}

function addressBytes(text: string): Buffer {
  if (!text.includes(".")) return Buffer.from(text.padStart(32, "0"), "hex");
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), Buffer.from(text.split(".").map(Number))]);
}

export function networkRecord(kind: number, ends: KitEnds): Buffer {
  const fixed = Buffer.alloc(networkLayout.bytes);
  fixed.set(addressBytes(ends.source ?? "192.0.2.1"), networkLayout.source);
  fixed.set(addressBytes(ends.destination ?? "192.0.2.2"), networkLayout.destination);
  fixed.writeUInt16LE(ends.sourcePort ?? 40_000, networkLayout.sourcePort);
  fixed.writeUInt16LE(ends.destinationPort ?? 443, networkLayout.destinationPort);
  fixed.writeUInt16LE(ends.protocol ?? 6, networkLayout.protocol);
  fixed.writeUInt16LE(ends.result ?? 0, networkLayout.result);
  fixed.writeUInt32LE(ends.flags ?? 0, networkLayout.flags);
  fixed.writeBigUInt64LE(BigInt(ends.bytesSent ?? 0), networkLayout.bytesSent);
  fixed.writeBigUInt64LE(BigInt(ends.bytesReceived ?? 0), networkLayout.bytesReceived);
  fixed.writeBigUInt64LE(ends.durationNs ?? 0n, networkLayout.durationNs);
  fixed.writeBigUInt64LE(ends.socket ?? 7n, networkLayout.socket);
  fixed.writeUInt32LE(ends.sequence ?? 0, networkLayout.streamSequence);
  return writeActivityRecord({
    kind,
    pid: ends.pid ?? 100,
    startNs: 5n,
    timeNs: BigInt(Math.round((ends.timeMs ?? 1000) * 1e6)),
    fixed,
    sections:
      ends.payload === undefined
        ? []
        : [{ type: dnsSection.payload, flags: ends.isCut === true ? 1 : 0, bytes: ends.payload }],
  });
}

export class NetworkWorld {
  readonly network = new NetworkMemory();
  readonly fields = new FieldTable();
  readonly normalizer: Normalizer;

  constructor() {
    this.normalizer = new Normalizer({
      fields: this.fields,
      processes: new ProcessCache({ entriesMax: 100, bytesMax: 1 << 20, exitedMax: 10, ancestorsMax: 4 }),
      users: new UserNames({ namespacesMax: 4, wanted: () => {} }),
      hostId: "host",
      clock: new BootClock(() => 0),
      network: this.network,
    });
  }

  /** The fields of every event that the record makes, without those of the process. */
  take(kind: number, ends: KitEnds): Record<string, string>[] {
    const made: Record<string, string>[] = [];
    this.each(kind, ends, (event) => made.push(ownFields(event.snapshot())));
    return made;
  }

  each(kind: number, ends: KitEnds, visit: (event: ActivityEvent) => void): void {
    let event = this.normalizer.take(networkRecord(kind, ends), 0);
    for (; event !== undefined; event = this.normalizer.next()) visit(event as ActivityEvent);
  }
}

const ofProcess = new Set(
  "UtcTime ProcessGuid ProcessId User LogonId ThreadName Compat ParentProcessId ParentProcessGuid".split(" "),
);
const ownFields = (all: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !ofProcess.has(name)));

export { networkFlag, networkKind };
