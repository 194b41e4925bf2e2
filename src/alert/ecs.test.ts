// Every leaf of every kind of document against Elastic's own field list: name, array or not, type, allowed values.
// The list is of ECS 9.4.0, the newest that is published as a package; 9.5.0 only added fields to it.

import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { EcsFlat } from "@elastic/ecs";
import { agent, inputs, linuxHost } from "../../test/fixtures/alerts/inputs.ts";
import { AlertEncoder } from "./mod.ts";

interface EcsField {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly allowed_values?: readonly { readonly name: string; readonly expected_event_types?: readonly string[] }[];
}
const ecs = EcsFlat as unknown as Readonly<Record<string, EcsField>>;

/** What stands outside ECS on purpose: our own object, and the record number as Beats names it (contract, "Alerts"). */
const isOurs = (path: string): boolean => path.startsWith("sigil.") || path === "winlog.record_id";

const isRightType: Readonly<Record<string, (value: unknown) => boolean>> = {
  date: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  ip: (value) => typeof value === "string" && isIP(value) !== 0 && !value.includes("%"),
  long: (value) => Number.isSafeInteger(value),
  float: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
};
const isText = (value: unknown): boolean => typeof value === "string" && value !== "" && value.isWellFormed();

/** What of a document ECS would not have: an empty list when all is well. */
export function faults(document: Record<string, unknown>): string[] {
  const found: string[] = [];
  const leaf = (path: string, value: unknown, isInArray: boolean): void => {
    const field = ecs[path];
    if (field === undefined) {
      found.push(`${path}: no such field`);
      return;
    }
    if (field.normalize.includes("array") !== isInArray) found.push(`${path}: ${isInArray ? "is" : "is not"} an array`);
    if (!(isRightType[field.type] ?? isText)(value))
      found.push(`${path}: not a ${field.type}: ${JSON.stringify(value)}`);
    if (field.allowed_values !== undefined && !field.allowed_values.some(({ name }) => name === value))
      found.push(`${path}: value ${JSON.stringify(value)} is not allowed`);
  };
  const walk = (value: unknown, path: string): void => {
    if (isOurs(path)) return;
    if (Array.isArray(value)) {
      if (value.length === 0) found.push(`${path}: empty array`);
      for (const item of value) {
        if (typeof item === "object") {
          if (!ecs[path]?.normalize.includes("array")) found.push(`${path}: is an array`);
          walk(item, path);
        } else leaf(path, item, true);
      }
    } else if (typeof value === "object" && value !== null) {
      if (Object.keys(value).length === 0) found.push(`${path}: empty object`);
      for (const [name, member] of Object.entries(value)) {
        if (name.includes(".")) found.push(`${path}: dotted name ${name}`);
        else if (path !== "" || name !== "sigil") walk(member, path === "" ? name : `${path}.${name}`);
      }
    } else leaf(path, value, false);
  };
  walk(document, "");
  const { category, type } = document.event as { category: string[]; type: string[] };
  const pairs = ecs["event.category"]?.allowed_values?.filter(({ name }) => category.includes(name)) ?? [];
  for (const word of type)
    if (!pairs.some(({ expected_event_types }) => expected_event_types?.includes(word)))
      found.push(`event.type: ${word} does not go with ${category.join(", ")}`);
  return found;
}

const encoder = new AlertEncoder({ agent, host: linuxHost });

for (const [name, input] of Object.entries(inputs)) {
  test(`every field of the alert ${name} is one of ECS, as ECS has it`, () => {
    expect(faults(JSON.parse(encoder.alert(input).line))).toEqual([]);
  });
  test(`every field of the event of ${name} as telemetry is one of ECS`, () => {
    const document = JSON.parse(encoder.event(input).line);
    expect(faults(document)).toEqual([]);
    expect(document.event.kind).toBe("event");
    expect([document.rule, document.event.severity, document.sigil.engine]).toEqual([undefined, undefined, undefined]);
  });
}

test("every field of a state and of a metric is one of ECS", () => {
  for (const kind of ["state", "metric"] as const) {
    const values = { seen: 10, delivered: 9, dropped: { shared_ring: 1 } };
    const line = encoder.state({ kind, timeMs: 0, action: "heartbeat", message: "All is well", values }).line;
    const document = JSON.parse(line);
    expect(faults(document)).toEqual([]);
    expect(document.event.kind).toBe(kind);
    expect(document.sigil[kind]).toEqual(values);
    expect(document.host.name).toBe("web-1");
  }
});

test("the check finds what is wrong", () => {
  const event = { category: ["process"], type: ["creation"], kind: "alarm", severity: "high" };
  expect(faults({ event, rule: { author: "me", nonsense: 1, id: ["x"] }, host: { ip: ["fe80::1%eth0"] } })).toEqual([
    'event.kind: value "alarm" is not allowed',
    'event.severity: not a long: "high"',
    "rule.author: is not an array",
    "rule.nonsense: no such field",
    "rule.id: is an array",
    'host.ip: not a ip: "fe80::1%eth0"',
    "event.type: creation does not go with process",
  ]);
});
