// The agent's own account of events, from its last log line: what a measurement needs to know that nothing was lost silently.

import { logValues } from "../../live/programs.ts";
import { InvalidMeasurement } from "./report.ts";

/** The account by column (`exec_seen` …). Throws InvalidMeasurement when there is none, or when an event is in no column. */
export function closedAgentAccount(log: string): Readonly<Record<string, number>> {
  let values: Readonly<Record<string, string>>;
  try {
    values = logValues(log, "agent stopped");
  } catch (error) {
    throw new InvalidMeasurement((error as Error).message);
  }
  const account = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
  const open = Object.entries(account).filter(([name, value]) => name.endsWith("_unaccounted") && value !== 0);
  if (account.exec_unaccounted === undefined || open.length > 0)
    throw new InvalidMeasurement(`the agent's account is not closed: ${JSON.stringify(account)}`);
  return account;
}
