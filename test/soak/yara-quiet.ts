// The YARA rules inside the agent say nothing about the programs and libraries of this machine: all of /usr/bin, /usr/sbin and /usr/lib.
//
//   npm run soak -- yara-quiet

import { agentCommand } from "../live/agent.ts";

const began = performance.now();
const { exitCode, stdout, stderr } = Bun.spawnSync([
  ...agentCommand(),
  "scan",
  "--json",
  "/usr/bin",
  "/usr/sbin",
  "/usr/lib",
]);
const alerts = stdout
  .toString()
  .split("\n")
  .filter((line) => line !== "");
for (const line of alerts) {
  const { rule, file } = JSON.parse(line) as { rule: { name: string }; file: { path: string } };
  console.log(`${rule.name}: ${file.path}`);
}
console.log(
  stderr
    .toString()
    .split("\n")
    .findLast((line) => line.includes("scan done")) ?? stderr.toString(),
);
console.log(`${alerts.length} findings, ${((performance.now() - began) / 1000).toFixed(0)} s`);
process.exit(alerts.length === 0 && exitCode !== 1 && exitCode < 64 ? 0 : 1);
