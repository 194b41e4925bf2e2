import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedData } from "../../test/data.ts";
import { techniques } from "./attack-names.ts";
import { threatOf } from "./mod.ts";

test("tactics of ATT&CK v18 and v19 are understood in every spelling that rules use", () => {
  const tactic = (tag: string) => {
    const found = threatOf([tag])?.tactic;
    return found === undefined ? undefined : `${found.id} ${found.name}`;
  };
  expect(tactic("attack.defense-evasion")).toBe("TA0005 Defense Evasion");
  expect(tactic("attack.defense_evasion")).toBe("TA0005 Defense Evasion");
  expect(tactic("attack.stealth")).toBe("TA0005 Stealth");
  expect(tactic("ATTACK.Defense-Impairment")).toBe("TA0112 Defense Impairment");
  expect(tactic("attack.command-and-control")).toBe("TA0011 Command and Control");
  expect(tactic("attack.ta0112")).toBe("TA0112 Defense Impairment");
  expect(tactic("attack.ta0005")).toBe("TA0005 Stealth");
});

test("a sub-technique brings its technique along, each once, in the order of the tags", () => {
  expect(
    threatOf(["attack.t1059.004", "attack.T1059", "attack.t1685.001", "attack.t1562.001", "attack.t1059.004"]),
  ).toEqual({
    framework: "MITRE ATT&CK",
    technique: {
      id: ["T1059", "T1685", "T1562"],
      name: ["Command and Scripting Interpreter", "Disable or Modify Tools", "Impair Defenses"],
      reference: ["T1059", "T1685", "T1562"].map((id) => `https://attack.mitre.org/techniques/${id}/`),
      subtechnique: {
        id: ["T1059.004", "T1685.001", "T1562.001"],
        name: ["Unix Shell", "Disable or Modify Windows Event Log", "Disable or Modify Tools"],
        reference: ["T1059/004", "T1685/001", "T1562/001"].map((id) => `https://attack.mitre.org/techniques/${id}/`),
      },
    },
  });
});

test("an unknown technique has its id and page; unknown words, groups and other tags add nothing", () => {
  expect(threatOf(["attack.t9999"])).toEqual({
    framework: "MITRE ATT&CK",
    technique: { id: ["T9999"], reference: ["https://attack.mitre.org/techniques/T9999/"] },
  });
  for (const tags of [
    [],
    [
      "cve.2021-44228",
      "attack.g0007",
      "attack.s0002",
      "attack.ds0005",
      "attack.",
      "attack",
      "detection.threat-hunting",
      "attack.t1059.4",
      "attack.constructor",
      `attack.${"x".repeat(10_000)}`,
    ],
  ])
    expect(threatOf(tags)).toBeUndefined();
});

const sigma = sharedData("sigma");
test.skipIf(sigma === undefined)(
  "every tactic and technique that SigmaHQ's rules name has its name (needs ../shared/data/sigma)",
  () => {
    const tags = new Set<string>();
    for (const file of readdirSync(sigma ?? "", { recursive: true, encoding: "utf8" }))
      if (file.endsWith(".yml"))
        for (const [, tag = ""] of readFileSync(join(sigma ?? "", file), "utf8").matchAll(/^\s+- (attack\.[\w.-]+)/gm))
          tags.add(tag);
    expect(tags.size).toBeGreaterThan(400);
    const nameless: string[] = [];
    for (const tag of tags) {
      if (/^attack\.(?:[gs]\d{4}|ds\d{4})$/i.test(tag)) continue;
      const threat = threatOf([tag]);
      const named = [threat?.tactic, threat?.technique, threat?.technique?.subtechnique].filter(
        (group) => group !== undefined,
      );
      if (named.length === 0 || named.some(({ id, name }) => id.length !== name?.length)) nameless.push(tag);
    }
    expect(nameless).toEqual([]);
  },
);

test("the table has no empty or doubled name within a technique", () => {
  for (const [id, name] of techniques) {
    expect(id).toMatch(/^T\d{4}(\.\d{3})?$/);
    expect(name.trim()).toBe(name);
    expect(name).not.toBe("");
  }
});
