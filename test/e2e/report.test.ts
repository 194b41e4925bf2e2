// `agent replay --report` from outside: the data in the page are the alerts, the same run gives the same bytes, and in a real browser the
// page works, asks for nothing and lets no text of an event become anything but text.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReportData } from "../../src/control/report/mod.ts";
import { type BrowserPage, openInBrowser } from "../browser.ts";
import { describeWhere, needsProgram } from "../needs.ts";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sigil-e2e-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "empty.toml"), "", { mode: 0o600 });

const hostile = "</script><script>window.hacked=1</script><img src=//example.invalid/x onerror=window.hacked=2>";
const rule = (title: string, id: string, level: string, tags: string, detection: string): string =>
  `title: ${JSON.stringify(title)}\nid: ${id}-1111-4111-8111-111111111111\nlevel: ${level}\ntags: [${tags}]\n` +
  `references: ["javascript:window.hacked=3", "https://example.invalid/page"]\n` +
  `logsource: { product: windows, category: process_creation }\ndetection:\n  sel: ${detection}\n  condition: sel\n`;
writeFileSync(
  join(folder, "rules.yml"),
  [
    rule(
      "Encoded command",
      "aaaaaaaa",
      "high",
      "attack.execution, attack.t1059.001",
      "{ CommandLine|contains: ' -enc ' }",
    ),
    rule(`Hostile ${hostile}`, "bbbbbbbb", "low", "attack.discovery", "{ CommandLine|contains: onerror }"),
    rule("Any process", "cccccccc", "informational", "", "{ Image|endswith: .exe }"),
  ].join("---\n"),
);
const start = Date.parse("2026-03-01T10:00:00Z");
const events = Array.from({ length: 200 }, (_, at) => ({
  Channel: "Microsoft-Windows-Sysmon/Operational",
  EventID: 1,
  Computer: at % 4 === 0 ? hostile : `host-${at % 4}`,
  UtcTime: new Date(start + at * 60_000).toISOString().replace("T", " ").replace("Z", ""),
  User: `user\u202e${at % 2}`,
  Image: "C:\\x\\y.exe",
  ParentImage: "C:\\Windows\\explorer.exe",
  ProcessGuid: `{00000000-0000-0000-0000-${String(at).padStart(12, "0")}}`,
  ParentProcessGuid: `{00000000-0000-0000-0000-${String(Math.max(0, at - 4)).padStart(12, "0")}}`,
  CommandLine: at % 10 === 0 ? `y.exe -enc ${at}` : at % 7 === 0 ? hostile : `y.exe ${at}`,
}));
writeFileSync(join(folder, "events.ndjson"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));

function replay(report: string, ...more: string[]): { alerts: Record<string, never>[]; code: number; err: string } {
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    [
      process.execPath,
      join(root, "src/main.ts"),
      "replay",
      "--rules",
      "rules.yml",
      "--report",
      report,
      ...more,
      "events.ndjson",
    ],
    { cwd: folder, env: { HOME: folder, TERM: "dumb", EDR_CONFIG: join(folder, "empty.toml") } },
  );
  const lines = stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
  return { alerts: lines.map((line) => JSON.parse(line)), code: exitCode, err: stderr.toString() };
}

const dataOf = (html: string): ReportData =>
  JSON.parse(/id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? "") as ReportData;

describe("replay --report", () => {
  const { alerts, code } = replay("first.html");
  const html = readFileSync(join(folder, "first.html"), "utf8");
  const data = dataOf(html);

  test("counts in the page what went to the output", () => {
    expect(code).toBe(0);
    const byTitle: Record<string, number> = {};
    const byHost: Record<string, number> = {};
    for (const alert of alerts as unknown as { rule: { name: string }; host: { name: string } }[]) {
      byTitle[alert.rule.name] = (byTitle[alert.rule.name] ?? 0) + 1;
      byHost[alert.host.name] = (byHost[alert.host.name] ?? 0) + 1;
    }
    expect(Object.fromEntries(data.fired.map(({ title, count }) => [title, count]))).toEqual(byTitle);
    expect(Object.fromEntries(data.hosts)).toEqual(byHost);
    expect(data.counts.alerts).toBe(alerts.length);
    expect(data.counts.events).toBe(200);
    expect(data.inputs.map(({ path, events }) => [path, events])).toEqual([["events.ndjson", 200]]);
  });

  test("keeps of each alert what the output says of it", () => {
    type Alert = { rule: { name: string }; event: { sequence: number }; sigil: { match: unknown; event: object } };
    const find = (title: string, sequence: number): Alert | undefined =>
      (alerts as unknown as Alert[]).find((alert) => alert.rule.name === title && alert.event.sequence === sequence);
    let count = 0;
    for (const { title, alerts: kept } of data.fired) {
      for (const { event, matches } of kept) {
        const shown = data.events[event];
        const alert = find(title, shown?.sequence ?? -1);
        expect(JSON.parse(JSON.stringify(alert?.sigil.match))).toEqual(matches);
        expect(alert?.sigil.event).toEqual(Object.fromEntries(shown?.fields ?? []));
        count++;
      }
    }
    // 20 and 27 are all; of the 200 of the third rule, every fourth.
    expect(count).toBe(data.fired.reduce((sum, { count: all }) => sum + Math.min(50, all), 0));
  });

  test("gives the same bytes again, for its owner only", () => {
    replay("second.html");
    expect(readFileSync(join(folder, "second.html"), "utf8")).toBe(html);
    expect(statSync(join(folder, "second.html")).mode & 0o777).toBe(0o600);
  });

  test("gives the same bytes from several files, whichever reader is done first", () => {
    mkdirSync(join(folder, "many"));
    for (let file = 0; file < 6; file++) {
      const own = events.filter((_, at) => at % 6 === file).slice(0, file === 0 ? 40 : 3);
      writeFileSync(join(folder, `many/${file}.ndjson`), own.map((event) => `${JSON.stringify(event)}\n`).join(""));
    }
    const bytes = [1, 2, 3].map((run) => {
      replay(`many-${run}.html`, "many");
      return readFileSync(join(folder, `many-${run}.html`), "utf8");
    });
    expect(bytes[1]).toBe(bytes[0]);
    expect(bytes[2]).toBe(bytes[0]);
    const paths = dataOf(bytes[0] ?? "").inputs.map(({ path }) => path);
    // In the order of the command line; `events.ndjson` stands last on it.
    expect(paths).toEqual([...[0, 1, 2, 3, 4, 5].map((file) => `many/${file}.ndjson`), "events.ndjson"]);
  });

  test("leaves out what the output leaves out", () => {
    const low = replay("high.html", "--min-level", "high");
    const high = dataOf(readFileSync(join(folder, "high.html"), "utf8"));
    expect(high.counts.alerts).toBe(low.alerts.length);
    expect(high.fired.map(({ title }) => title)).toEqual(["Encoded command"]);
  });

  test("says when the report cannot be written, and leaves nothing behind", () => {
    const { code: bad, err } = replay("no/such/folder.html");
    expect(bad).toBe(2);
    expect(err).toContain("report cannot be written");
  });
});

describeWhere("the report in a browser", [needsProgram("chromium")], () => {
  const within = async (body: (page: BrowserPage) => Promise<void>): Promise<void> => {
    replay("browser.html");
    const page = await openInBrowser(join(folder, "browser.html"));
    try {
      await body(page);
      expect(page.complaints).toEqual([]);
      expect(page.requests).toHaveLength(1);
      expect(await page.evaluate("window.hacked ?? null")).toBeNull();
      expect(await page.evaluate("document.querySelectorAll('img, iframe, object, embed, link').length")).toBe(0);
    } finally {
      await page.close();
    }
  };
  const text = (selector: string): string => `document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`;
  const click = (selector: string, at = 0): string =>
    `document.querySelectorAll(${JSON.stringify(selector)})[${at}].dispatchEvent(new MouseEvent("click", { bubbles: true }))`;

  test("shows rules, opens one, and shows an event with what matched", async () => {
    await within(async (page) => {
      expect(await page.evaluate("document.querySelectorAll('tr.rule').length")).toBe(3);
      expect(await page.evaluate(text("tr.rule"))).toContain("Encoded command");
      await page.evaluate(click("tr.rule .title"));
      expect(await page.evaluate("document.querySelectorAll('tr.alert').length")).toBe(20);
      await page.evaluate(click("tr.alert"));
      expect(await page.evaluate("document.querySelector('dialog').open")).toBe(true);
      expect(await page.evaluate(text(".fields tr.matched mark"))).toBe(" -enc ");
      expect(await page.evaluate(text(".node.parent"))).toContain("explorer.exe");
      // A character that turns the direction of writing is shown, not obeyed.
      expect(await page.evaluate(text(".drawer .facts"))).toContain("user\\u202e0");
    });
  });

  test("shows hostile text as text, everywhere", async () => {
    await within(async (page) => {
      expect(await page.evaluate("document.body.innerText.includes('<img src=//example.invalid/x')")).toBe(true);
      await page.evaluate(click("tr.rule .title", 1));
      await page.evaluate(click("tr.alert"));
      expect(await page.evaluate(text(".fields tr.matched td"))).toBe(hostile);
      const links = await page.evaluate("[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))");
      expect(links).toEqual(["https://example.invalid/page"]);
    });
  });

  test("filters by words, level, technique and host", async () => {
    await within(async (page) => {
      const titles = "[...document.querySelectorAll('tr.rule .title')].map((title) => title.textContent.slice(2, 9))";
      await page.evaluate(
        "const box = document.querySelector('.search'); box.value = 'y.exe 199'; box.dispatchEvent(new Event('input'))",
      );
      const deadline = Date.now() + 10_000;
      while (((await page.evaluate(titles)) as string[]).length !== 0 && Date.now() < deadline) await Bun.sleep(50);
      // The 199th is none of the sample.
      expect(await page.evaluate(titles)).toEqual([]);
      await page.evaluate(click(".chips .link"));
      expect(await page.evaluate(titles)).toHaveLength(3);
      await page.evaluate(click(".level-toggle"));
      expect(await page.evaluate(titles)).toEqual(["Hostile", "Any pro"]);
      await page.evaluate(click(".level-toggle"));
      await page.evaluate(click(".technique:not(:disabled)"));
      expect(await page.evaluate(titles)).toEqual(["Encoded"]);
      await page.evaluate(click(".chip"));
      await page.evaluate(click(".bar-row"));
      expect(await page.evaluate(text(".chip"))).toContain("host: ");
      expect(await page.evaluate(titles)).toEqual(["Encoded", "Hostile", "Any pro"]);
    });
  });

  test("zooms into the part of the timeline that is dragged over", async () => {
    await within(async (page) => {
      const box = (await page.evaluate(
        "(({ left, top, width, height }) => ({ left, top, width, height }))(document.querySelector('.chart svg').getBoundingClientRect())",
      )) as { left: number; top: number; width: number; height: number };
      const y = box.top + box.height / 2;
      await page.drag(box.left + box.width / 2, y, box.left + box.width - 1, y);
      expect(await page.evaluate(text(".chip"))).toMatch(
        /^time: 2026-03-01 11:3\d:\d\d – 2026-03-01 13:(?:18|19|20):\d\d ✕$/,
      );
      const shown = Number(
        /(\d+) alerts/.exec((await page.evaluate(text("section[aria-label=Rules] h2"))) as string)?.[1],
      );
      const [, from, to] = /time: (\S+ \S+) – (\S+ \S+)/.exec((await page.evaluate(text(".chip"))) as string) ?? [];
      const isInside = (timeMs: number): boolean => timeMs >= Date.parse(`${from}Z`) && timeMs < Date.parse(`${to}Z`);
      const inside = data().filter(({ timeMs }) => isInside(timeMs)).length;
      expect(shown).toBe(inside);
    });
  });

  /** All alerts, with the time of each. */
  function data(): { timeMs: number }[] {
    const { alerts } = replay("again.html");
    return (alerts as unknown as { "@timestamp": string }[]).map((alert) => ({
      timeMs: Date.parse(alert["@timestamp"]),
    }));
  }
});
