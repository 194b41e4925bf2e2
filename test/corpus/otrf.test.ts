// Whole hosts recorded while one technique ran (OTRF), through the command itself: what leaves, in which order, and that it
// leaves the same every time.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Glob } from "bun";
import { sharedData } from "../data.ts";
import { describeWhere, needsData } from "../needs.ts";
import { readZip } from "./zip.ts";

const main = join(import.meta.dir, "../../src/main.ts");

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function agent(args: string[], stdin?: Buffer): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, main, ...args], {
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

interface Alert {
  readonly "@timestamp": string;
  readonly event: { readonly id: string; readonly sequence: number; readonly created?: string };
  readonly rule: { readonly name: string };
  readonly host?: { readonly name?: string };
  readonly log: { readonly file: { readonly path: string } };
  readonly agent: Readonly<Record<string, string>>;
}
const alertsOf = (out: string): Alert[] =>
  out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
const summaryOf = (err: string): Record<string, number> => JSON.parse(err.trimEnd().split("\n").at(-1) ?? "");

describeWhere("OTRF's recordings", [needsData("sigma"), needsData("otrf")], () => {
  const rules = ["--rules", join(sharedData("sigma") ?? "", "rules/windows"), "--min-level", "medium"];
  const wanted = [
    "cmd_sam_copy_esentutl",
    "cmd_mshta_javascript_getobject_sct",
    "empire_shell_net_local_users",
    "cmd_bitsadmin_download_psh_script",
  ];
  const files: string[] = [];
  let folder = "";
  let events = 0;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sigil-otrf-"));
    const zips = [...new Glob("**/*.zip").scanSync(sharedData("otrf") ?? "")].sort();
    for (const zip of zips.filter((path) => wanted.includes(basename(path, ".zip")))) {
      for (const { name, bytes } of readZip(join(sharedData("otrf") ?? "", zip))) {
        if (!name.endsWith(".json")) continue;
        const path = join(folder, basename(name));
        writeFileSync(path, bytes);
        files.push(path);
        events += bytes
          .toString("latin1")
          .split("\n")
          .filter((line) => line.trim() !== "").length;
      }
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("name the technique that was recorded", async () => {
    const { code, out, err } = await agent(["replay", ...rules, "--summary", ...files]);
    expect(code).toBe(0);
    const alerts = alertsOf(out);
    const names = new Set(alerts.map(({ rule }) => rule.name));
    // What the recordings' names say was done, found by the rules written for it.
    expect([...names].filter((name) => /esentutl/i.test(name)).length).toBeGreaterThan(0);
    expect([...names].filter((name) => /mshta/i.test(name)).length).toBeGreaterThan(0);
    expect([...names].filter((name) => /bitsadmin/i.test(name)).length).toBeGreaterThan(0);
    const summary = summaryOf(err);
    expect(summary).toMatchObject({ files: files.length, events, malformed: 0, alerts: alerts.length });
    expect(Object.keys(summary)).toEqual([
      "files",
      "events",
      "malformed",
      "alerts",
      "rules",
      "seconds",
      "events_per_second",
    ]);
    const times = alerts.map((alert) => Date.parse(alert["@timestamp"]));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(alerts.map(({ event }) => event.id)).size).toBe(alerts.length);
    for (const alert of alerts) {
      expect(Object.keys(alert.agent).sort()).toEqual(["type", "version"]);
      expect(alert.event.created).toBeUndefined();
      expect(alert.host?.name).toBeTruthy();
      expect(files).toContain(alert.log.file.path);
      // The position leads back to the event.
      const line = readFileSync(alert.log.file.path, "utf8").split("\n")[alert.event.sequence];
      expect(JSON.parse(line ?? "")).toHaveProperty("EventID");
    }
  }, 60_000);

  test("give the same bytes every time, and in a directory the same as one by one", async () => {
    const first = await agent(["replay", ...rules, ...files.toSorted()]);
    const second = await agent(["replay", ...rules, ...files.toSorted()]);
    expect(second.out).toBe(first.out);
    expect(first.out.length).toBeGreaterThan(0);
    expect((await agent(["replay", ...rules, folder])).out).toBe(first.out);
  }, 60_000);

  test("come from standard input too, and an alert can fail a check", async () => {
    const [path = ""] = files.filter((file) => file.includes("esentutl"));
    const fromFile = await agent(["replay", ...rules, "--fail-on-alert", path]);
    const fromStdin = await agent(["replay", ...rules, "--fail-on-alert", "-"], readFileSync(path));
    expect([fromFile.code, fromStdin.code]).toEqual([1, 1]);
    // The digest is that of the same bytes: only the path differs.
    const ids = (out: string) => alertsOf(out).map(({ event }) => event.id);
    expect(ids(fromStdin.out)).toEqual(ids(fromFile.out));
    expect(alertsOf(fromStdin.out)[0]?.log.file.path).toBe("-");
  }, 60_000);

  test("are the same alerts in their archives as outside of them", async () => {
    const zips = [...new Glob("**/*.zip").scanSync({ cwd: sharedData("otrf") ?? "", absolute: true })];
    const archives = zips.filter((path) => wanted.includes(basename(path, ".zip"))).sort();
    expect(archives).toHaveLength(wanted.length);
    const inside = await agent(["replay", ...rules, "--summary", ...archives]);
    const outside = await agent(["replay", ...rules, ...files]);
    expect(inside.code).toBe(0);
    expect(summaryOf(inside.err)).toMatchObject({ files: files.length, events });
    const ids = (out: string) =>
      alertsOf(out)
        .map(({ event }) => event.id)
        .sort();
    expect(ids(inside.out)).toEqual(ids(outside.out));
    const paths = new Set(alertsOf(inside.out).map(({ log }) => log.file.path));
    for (const path of paths) expect(archives).toContain(path.slice(0, path.indexOf("!")));
  }, 60_000);

  test("end quietly when the reader of the alerts goes away", async () => {
    const child = Bun.spawn(
      ["sh", "-c", `"$@" | head -n 1`, "sh", process.execPath, main, "replay", ...rules, ...files],
      { stdout: "pipe", stderr: "pipe" },
    );
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(alertsOf(out)).toHaveLength(1);
    expect(err).not.toMatch(/EPIPE|error/i);
  }, 60_000);

  test("are refused when they are of a kind that is not read yet", async () => {
    const path = join(folder, "x.tar.bz2");
    writeFileSync(path, "BZh91AY&SY");
    const { code, err } = await agent(["replay", ...rules, path]);
    expect(code).toBe(64);
    expect(err).toContain("EVTX");
    rmSync(path);
    expect((await agent(["replay", "--input", "etl", folder])).code).toBe(64);
  }, 60_000);
});
