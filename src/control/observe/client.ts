// The other end of the control socket: what `agent status`, `reload`, `events`, `top` and `doctor` ask the running agent.

import type { AgentStatus } from "./status.ts";

const answerTimeoutMs = 5_000;

/** No agent answers; `reason` says how it looks from here. */
export class NoAgentError extends Error {
  readonly reason: "absent" | "permission" | "silent";

  constructor(reason: NoAgentError["reason"], path: string) {
    const why = {
      absent: "no agent runs, or its control socket is elsewhere (service.control_socket)",
      permission: "permission denied: only the owner of the agent may ask it",
      silent: "it does not answer",
    };
    super(`${path}: ${why[reason]}`);
    this.reason = reason;
  }
}

async function ask(path: string, route: string, init: RequestInit & { timeoutMs?: number } = {}): Promise<Response> {
  const { timeoutMs, ...rest } = init;
  const timer = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signals = [timer, init.signal ?? undefined].filter((signal) => signal !== undefined);
  try {
    return await fetch(`http://agent${route}`, { ...rest, unix: path, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    const { code, name } = error as NodeJS.ErrnoException;
    if (name === "TimeoutError" || name === "AbortError") throw new NoAgentError("silent", path);
    throw new NoAgentError(code === "EACCES" || code === "EPERM" ? "permission" : "absent", path);
  }
}

/** The status of the agent behind the socket. Throws {@link NoAgentError}. */
export async function askStatus(path: string): Promise<AgentStatus> {
  const response = await ask(path, "/status", { timeoutMs: answerTimeoutMs });
  return (await response.json()) as AgentStatus;
}

/** Makes it read configuration and rules again. Throws {@link NoAgentError}. */
export async function askReload(path: string): Promise<void> {
  await ask(path, "/reload", { method: "POST", timeoutMs: answerTimeoutMs });
}

/**
 * Lines of alerts as they are made, until the agent ends or `signal` aborts. A line `{"missed":N}` says that this reader was too
 * slow. Throws {@link NoAgentError}.
 */
export async function* followEvents(path: string, signal: AbortSignal): AsyncGenerator<string> {
  const response = await ask(path, "/events", { signal });
  if (!response.ok || response.body === null) throw new NoAgentError("silent", path);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of response.body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") yield line;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
