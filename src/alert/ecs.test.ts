// Every leaf of every kind of document is one of ECS.

import { expect, test } from "bun:test";
import { faults } from "../../test/fixtures/alerts/ecs-faults.ts";
import { agent, inputs, linuxHost } from "../../test/fixtures/alerts/inputs.ts";
import { AlertEncoder } from "./mod.ts";

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
