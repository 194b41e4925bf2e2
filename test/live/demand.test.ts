// What no rule asks about is not recorded: programs of file activities are attached when rules that need them become live, by a
// reload as well, and taken off when they go.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../native/build-steps.ts";
import { describeWhere, needsBpf, needsFile } from "../needs.ts";
import { uniqueToken } from "./agent.ts";
import { startRule, TestFolder } from "./programs.ts";
import { RawAgent } from "./raw-agent.ts";

const word = uniqueToken("sigil-demand-");
const fileRule = `title: File of the test
id: 7c0b77d0-6f0a-4f0e-9a1f-0f0f6d1f2a11
logsource: { product: linux, category: file_event }
detection:
  s: { TargetFilename|contains: ${word} }
  condition: s
level: low
`;
const agentFile = join(root, "dist/agent");

describeWhere("activities on demand", [needsBpf(), needsFile(agentFile)], () => {
  test("file programs come with the rule that needs them and go with it, and the account says what there was", async () => {
    const folder = new TestFolder("demand");
    const rules = folder.write("rule.yml", startRule(word));
    const config = folder.write("config.toml", "");
    try {
      const command = [agentFile, "run", "--config", config, "--rules", rules, "--format", "ndjson"];
      await using agent = new RawAgent(command, { cwd: folder.path });
      await agent.logs("agent ready");
      writeFileSync(folder.in(`${word}-before`), "");

      let from = agent.log.length;
      folder.write("rule.yml", fileRule);
      agent.signal("SIGHUP");
      await agent.logs("rules live", from);
      expect(agent.log.slice(from)).toContain("activities watched");
      writeFileSync(folder.in(`${word}-during`), "");
      await agent.until(() => agent.out.includes(`${word}-during`), "the alert of a file");

      from = agent.log.length;
      folder.write("rule.yml", startRule(word));
      agent.signal("SIGHUP");
      await agent.logs("rules live", from);
      writeFileSync(folder.in(`${word}-after`), "");
      agent.signal("SIGTERM");
      expect((await agent.end()).code).toBe(0);
      const paths = [...agent.out.matchAll(new RegExp(`"TargetFilename":"[^"]*${word}-(\\w+)"`, "g"))].map(
        ([, at]) => at,
      );
      expect(paths).toEqual(["during"]);
      // Seen since the reload only: the account counts from there.
      expect(agent.log).toMatch(/file_create_unaccounted=0/);
    } finally {
      folder.dispose();
    }
  }, 150_000);
});
