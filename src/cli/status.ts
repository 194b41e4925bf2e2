// `agent status` and `agent reload`: the running agent, asked over its control socket.

import { type AgentStatus, askReload, askStatus, complaints, NoAgentError } from "../control/observe/mod.ts";
import { printable } from "../std/mod.ts";
import type { CommandArgs } from "./commands.ts";
import { requireConfig, terminalWidth, usesColor } from "./context.ts";
import { ExitCode } from "./exit-code.ts";
import { writeErr, writeOut } from "./output.ts";
import { textTable } from "./text-table.ts";

/** Runs `body` with the path of the socket; an agent that does not answer is an exit status. */
export async function withAgent(
  args: Parameters<typeof requireConfig>[0],
  body: (socketPath: string) => Promise<ExitCode>,
): Promise<ExitCode> {
  const config = requireConfig(args);
  if (typeof config === "number") return config;
  const { controlSocket } = config.service;
  if (controlSocket === "") {
    writeErr("agent: no control socket is configured (service.control_socket)\n");
    return ExitCode.unavailable;
  }
  try {
    return await body(controlSocket);
  } catch (error) {
    if (!(error instanceof NoAgentError)) throw error;
    writeErr(`agent: ${printable(error.message)}\n`);
    return error.reason === "permission" ? ExitCode.noPermission : ExitCode.unavailable;
  }
}

export function reloadEntry(args: CommandArgs<"reload">): Promise<ExitCode> {
  return withAgent(args, async (path) => {
    await askReload(path);
    return ExitCode.ok;
  });
}

export function statusEntry(args: CommandArgs<"status">): Promise<ExitCode> {
  return withAgent(args, async (path) => {
    const status = await askStatus(path);
    const found = complaints(status);
    writeOut(args.json ? `${JSON.stringify({ ...status, complaints: found })}\n` : statusText(status, found));
    return found.length === 0 ? ExitCode.ok : ExitCode.findings;
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

function statusText(status: AgentStatus, found: readonly string[]): string {
  const { rules, sensor, detect, alerts, outputs, memory } = status;
  const facts: readonly (readonly [string, string])[] = [
    ["agent", `${status.version}, process ${status.pid}, up ${duration(status.uptime_seconds)}`],
    [
      "rules",
      `${rules.active} active, ${rules.inert} inert, ${rules.rejected} rejected, ${rules.indicators} indicators`,
    ],
    ["detectors", `${detect.routed} events looked at, ${detect.hits} hits, ${detect.faults} faults`],
    ["alerts", `${alerts.sent} sent, ${alerts.dropped} lost`],
    ["memory", `${megabytes(memory.resident_bytes)} resident, ${status.cpu_seconds.toFixed(1)} s of processor time`],
  ];
  let text = facts.map(([name, value]) => `${name.padEnd(10)} ${value}\n`).join("");
  for (const { name, state, written, dropped, failed } of outputs)
    text += `${"output".padEnd(10)} ${printable(name)}: ${state}, ${written} written, ${dropped + failed} lost\n`;
  const number = (value: number): string => String(value);
  const right = (head: string, rank: number) => ({ head, widthMin: head.length, rank, alignRight: true as const });
  text += `\n${textTable(
    [
      { head: "events", widthMin: 8, rank: 0 },
      right("seen", 0),
      right("delivered", 1),
      right("filtered", 2),
      right("lost", 0),
      right("unaccounted", 3),
    ],
    Object.entries(sensor.events).map(([kind, account]) => [
      kind,
      number(account.seen),
      number(account.delivered),
      number(account.filtered),
      number(account.lost_kernel_ring + account.lost_shared_ring + account.missed + account.malformed),
      number(account.unaccounted),
    ]),
    { width: terminalWidth(), color: usesColor(1) },
  )}`;
  text += found.length === 0 ? "\nall is well\n" : `\n${found.map((one) => `! ${printable(one)}\n`).join("")}`;
  return text;
}

export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
