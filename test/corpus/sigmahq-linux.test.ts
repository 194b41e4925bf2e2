import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { describeWhere, needsData } from "../needs.ts";
import { linuxPage, linuxRules, pagePath } from "./sigmahq-linux.ts";

describeWhere("SigmaHQ's rules for Linux", [needsData("sigma")], () => {
  test("all load, most can fire, and each that cannot says why", async () => {
    const rules = (await linuxRules())!;
    expect(rules.rejected).toEqual([]);
    // The data set may grow; the share that runs must not shrink.
    expect(rules.states.length).toBeGreaterThan(240);
    const active = rules.states.filter(({ state }) => state === "active").length;
    expect(active / rules.states.length).toBeGreaterThan(0.98);
    for (const { state, reason, rule } of rules.states)
      expect([rule.title, state === "active" ? reason === "" : reason.length > 10]).toEqual([rule.title, true]);
  });

  test("are listed in docs/reference/sigmahq-linux.md as they are (bun test/corpus/sigmahq-linux.ts writes it)", async () => {
    expect(readFileSync(pagePath, "utf8")).toBe(linuxPage((await linuxRules())!));
  });
});
