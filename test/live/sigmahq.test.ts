// SigmaHQ's Linux rules about process starts, fired by processes: for each rule an event that satisfies it is worked out, and
// played by stand-ins that do nothing, in a root of their own, under the names and with the arguments that the rule asks for. The alert
// must come from the kernel's account of them, with those names and arguments.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadRuleFiles, parseSigmaFiles, ruleStates } from "../../src/control/rules/mod.ts";
import { type Fields, type RuleIr, solve } from "../../src/detect/sigma/mod.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsBpf, needsData, needsProgram } from "../needs.ts";
import { at, LiveAgent, runProgram } from "./agent.ts";
import { compiler, TestFolder } from "./programs.ts";

/** Fields that stand-ins can play, and that an alert must then show. */
const playable = new Set(["Image", "CommandLine", "ParentImage", "ParentCommandLine", "CurrentDirectory", "User"]);

/** All but a few whose event has a form that no path or argument can take. */
const firedMin = 140;

const separator = "\u001f";

interface Play {
  readonly rule: RuleIr;
  readonly fields: Record<string, string>;
}

/** The event to play for a rule, or why stand-ins cannot play it. */
function playOf(rule: RuleIr): Play | string {
  const solution = solve(rule);
  if (solution === undefined) return "no event was found for it";
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(solution.fields as Fields)) {
    if (value === null || value === undefined) continue;
    if (!playable.has(name)) return `needs ${name}`;
    const text = String(value);
    if (name === "User" && text !== "root") return `needs the user ${text}`;
    if (text.includes("\0") || text.includes(separator)) return `${name} has a character that no argument can have`;
    fields[name] = text;
  }
  for (const name of ["Image", "ParentImage", "CurrentDirectory"]) {
    const path = fields[name];
    if (path === undefined) continue;
    // A path is absolute, and no shorter than its last name.
    if (!path.startsWith("/")) fields[name] = `/opt/stand-in/${path}`;
    if (fields[name]?.endsWith("/") && name !== "CurrentDirectory") fields[name] += "stand-in";
  }
  return { rule, fields };
}

describeWhere("SigmaHQ's rules about process starts", [needsBpf(), needsProgram(compiler), needsData("sigma")], () => {
  const folder = new TestFolder("sigmahq");
  const plays: Play[] = [];
  const unplayable: string[] = [];
  let agent: LiveAgent;
  let standIn = "";

  beforeAll(async () => {
    standIn = await folder.compile("stand-in");
    const data = sharedData("sigma") ?? "";
    const paths = ["rules/linux", "rules-threat-hunting/linux", "rules-emerging-threats"].map((name) =>
      join(data, name),
    );
    const sigma = parseSigmaFiles(loadRuleFiles(paths, new Set(["sigma"])), {});
    const active = new Set(
      ruleStates(sigma, "linux").flatMap(({ rule, state, logsource }) =>
        state === "active" && logsource?.category === "process_creation" ? [rule] : [],
      ),
    );
    for (const rule of sigma.rules.filter((one) => active.has(one))) {
      const play = playOf(rule);
      if (typeof play === "string") unplayable.push(`${rule.title}: ${play}`);
      else plays.push(play);
    }
    agent = await LiveAgent.start({ rules: paths });
  }, 60_000);

  afterAll(async () => {
    await agent?.kill();
    folder.dispose();
  }, 60_000);

  /** Puts a stand-in at a path of a root. */
  function stage(root: string, path: string): void {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    try {
      linkSync(standIn, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }

  async function play({ fields }: Play, index: number): Promise<number> {
    const root = folder.in(`root-${index}`);
    const image = fields.Image ?? "/opt/stand-in/program";
    const line = fields.CommandLine ?? image;
    const parent = fields.ParentImage ?? (fields.ParentCommandLine === undefined ? undefined : "/opt/stand-in/parent");
    stage(root, image);
    if (parent !== undefined) stage(root, parent);
    if (fields.CurrentDirectory !== undefined) mkdirSync(join(root, fields.CurrentDirectory), { recursive: true });
    const start = [image, ...line.split(" ")].join(separator);
    const environment: Record<string, string> = {
      STAND_IN_ROOT: root,
      ...(fields.CurrentDirectory === undefined ? {} : { STAND_IN_FOLDER: fields.CurrentDirectory }),
      ...(parent === undefined
        ? { STAND_IN_NEXT: start }
        : {
            STAND_IN_NEXT: [parent, ...(fields.ParentCommandLine ?? parent).split(" ")].join(separator),
            STAND_IN_THEN: start,
          }),
    };
    const { exitCode, output } = await runProgram([standIn], { environment });
    if (exitCode !== 0) throw new Error(`a stand-in failed: ${output}`);
    return exitCode;
  }

  test(`at least ${firedMin} fire, each with what the stand-in did`, async () => {
    for (const [index, one] of plays.entries()) await play(one, index);
    await agent.barrier();
    const missed: string[] = [];
    const wrong: string[] = [];
    let fired = 0;
    for (const { rule, fields } of plays) {
      const alerts = agent.alerts.filter((alert) => at(alert, "rule.id") === rule.id);
      const mine = alerts.find((alert) =>
        Object.entries(fields).every(([name, value]) => (at(alert, "sigil.event") as Fields)[name] === value),
      );
      if (mine !== undefined) fired++;
      else if (alerts.length > 0) wrong.push(rule.title);
      else missed.push(rule.title);
    }
    console.log(`${fired} of ${plays.length} fired; ${unplayable.length} need more than stand-ins can play`);
    for (const title of missed) console.log(`  did not fire: ${title}`);
    for (const title of wrong) console.log(`  fired without the fields that were played: ${title}`);
    for (const reason of unplayable) console.log(`  not played: ${reason}`);
    expect(fired).toBeGreaterThanOrEqual(firedMin);
  }, 120_000);
});
