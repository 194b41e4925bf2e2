// Kernel operations as events: words for numbers, addresses, and records whose bytes nobody promises anything about.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  activityByKind,
  activityKinds,
  credentialsLayout,
  FieldTable,
  operationKind,
  operationLayout,
  operationSection,
  writeActivityRecord,
} from "../event/mod.ts";
import { BootClock, ProcessCache, UserNames } from "../state/mod.ts";
import { ActivityEvent, NetworkMemory, Normalizer } from "./mod.ts";
import { socketAddress } from "./operation-names.ts";

function world(): Normalizer {
  const processes = new ProcessCache({ entriesMax: 100, bytesMax: 1 << 20, exitedMax: 50, ancestorsMax: 16 });
  const users = new UserNames({ namespacesMax: 4, wanted: () => {} });
  const clock = new BootClock(() => 1_700_000_000_000);
  const fields = new FieldTable();
  return new Normalizer({ fields, processes, users, hostId: "host", clock, network: new NetworkMemory() });
}

const kinds = activityKinds.filter(({ kind }) => kind >= 64).map(({ kind }) => kind);

/** The fields of an operation whose own part has these values. */
function fieldsOf(
  kind: number,
  values: Readonly<Record<string, number | bigint>>,
  sections: readonly { readonly type: number; readonly bytes: string | Uint8Array }[] = [],
): Readonly<Record<string, string>> {
  const isCredentials = kind === operationKind.credentials || kind === operationKind.capabilities;
  const layout: Readonly<Record<string, number>> = isCredentials ? credentialsLayout : operationLayout;
  const fixed = Buffer.alloc(layout.bytes as number);
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "bigint") fixed.writeBigInt64LE(BigInt.asIntN(64, value), layout[name] as number);
    else fixed.writeUInt32LE(value, layout[name] as number);
  }
  const record = writeActivityRecord({ kind, pid: 7, startNs: 5n, timeNs: 9n, fixed, sections, comm: "thread" });
  const event = world().take(record, 0);
  if (!(event instanceof ActivityEvent)) throw new Error("It is no event");
  return event.snapshot();
}

describe("operations", () => {
  test("have words where the kernel has numbers", () => {
    expect(fieldsOf(operationKind.ptrace, { code: 0x4206, result: -1n })).toMatchObject({
      EventType: "ptrace_seize",
      Result: "-1",
    });
    expect(fieldsOf(operationKind.signal, { code: 9, marks: 2 })).toMatchObject({
      Signal: "SIGKILL",
      TargetIsAgent: "true",
    });
    expect(fieldsOf(operationKind.namespace, { call: 272, flags: 0x1002_0000n })).toMatchObject({
      EventType: "unshare",
      Namespaces: "mnt,user",
    });
    expect(fieldsOf(operationKind.bpf, { code: 5, value: 29 })).toMatchObject({
      EventType: "prog_load",
      ProgramType: "lsm",
    });
    expect(fieldsOf(operationKind.mount, { call: 40, flags: 4097n })).toMatchObject({
      EventType: "mount",
      MountFlags: "ro,bind",
    });
    expect(fieldsOf(operationKind.throttle, { value: operationKind.prctl, length: 12n })).toMatchObject({
      ThrottledKind: activityByKind[operationKind.prctl]?.name as string,
      ThrottledCount: "12",
    });
  });

  test("tell a gain of capabilities from a loss", () => {
    const gained = fieldsOf(operationKind.capabilities, {
      capEffectiveBefore: 0b0110n,
      capEffective: 0b1010n,
      capPermitted: 0n,
    });
    expect(gained).toMatchObject({ EventType: "capabilities", CapabilitiesGained: "CAP_FOWNER" });
    const lost = fieldsOf(operationKind.credentials, { uidBefore: 0, uid: 1000, capEffectiveBefore: 7n });
    expect([lost.EventType, lost.UidBefore, lost.Uid, lost.CapabilitiesGained]).toEqual([
      "ids",
      "0",
      "1000",
      undefined,
    ]);
  });

  test("have absolute paths: the kernel's as they are, passed ones from the folder that they start from", () => {
    const sections = [
      { type: operationSection.path, bytes: "../x/./made" },
      { type: operationSection.dir, bytes: "/srv/ring" },
    ];
    expect(fieldsOf(operationKind.uringCreate, { code: 18 }, sections)).toMatchObject({
      EventType: "io_uring_openat",
      TargetFilename: "/srv/x/made",
    });
    const resolved = [{ type: operationSection.path, bytes: "/srv/../odd" }];
    expect(fieldsOf(operationKind.library, { marks: 1 }, resolved).ImageLoaded).toBe("/srv/../odd");
  });

  test("of any bytes become events that can be read whole, or are refused", () => {
    const section = fc.record({
      type: fc.integer({ min: 60, max: 70 }),
      flags: fc.nat(7),
      bytes: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.uint8Array({ maxLength: 160 }).map((bytes) => bytes.subarray(0, bytes.length & ~3)),
        fc.array(section, { maxLength: 4 }),
        (kind, fixed, sections) => {
          const record = writeActivityRecord({ kind, pid: 7, startNs: 5n, timeNs: 9n, fixed, sections });
          let event: ReturnType<Normalizer["take"]>;
          try {
            event = world().take(record, 0);
            if (event instanceof ActivityEvent) {
              for (const value of Object.values(event.snapshot())) expect(value).toBeString();
              event.details();
            }
          } catch (error) {
            // What is shorter than its kind must be: the decoder counts it as malformed.
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("a socket's address", () => {
  const v6 = (groups: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt16LE(10, 0);
    bytes.writeUInt16BE(443, 2);
    groups.forEach((group, i) => {
      bytes.writeUInt16BE(group, 8 + 2 * i);
    });
    return bytes;
  };

  test("is text as RFC 5952 has it", () => {
    expect(socketAddress(Buffer.from([2, 0, 0, 9, 127, 0, 0, 1]))).toEqual({ ip: "127.0.0.1", port: 9 });
    const text = (groups: readonly number[]): string | undefined => socketAddress(v6(groups))?.ip;
    expect(text([0, 0, 0, 0, 0, 0, 0, 0])).toBe("::");
    expect(text([0, 0, 0, 0, 0, 0, 0, 1])).toBe("::1");
    expect(text([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1])).toBe("2001:db8::1:0:0:1");
    expect(text([0x2001, 0xdb8, 0, 1, 1, 1, 1, 1])).toBe("2001:db8:0:1:1:1:1:1");
    expect(text([0xfe80, 0, 0, 0, 0, 0, 0, 0])).toBe("fe80::");
    expect(text([0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0001])).toBe("10.0.0.1");
    expect(socketAddress(v6([1]))?.port).toBe(443);
  });

  test("of another family, or cut, is none", () => {
    expect(socketAddress(Buffer.from([1, 0, 0x2f, 0x78, 0, 0, 0, 0]))).toBeUndefined();
    expect(socketAddress(Buffer.alloc(0))).toBeUndefined();
    expect(socketAddress(v6([1]).subarray(0, 20))).toBeUndefined();
  });
});
