/** The door of `control/doctor`: checks of the machine, of what the agent is given, and of the agent that runs. */
import { agentChecks } from "./agent-checks.ts";
import type { Check, DoctorContext, Finding } from "./check.ts";
import { hostChecks } from "./host-checks.ts";

export type { Check, DoctorContext, Finding, Verdict } from "./check.ts";

export const checks: readonly Check[] = [...hostChecks, ...agentChecks];

/** Runs all checks, one after the other; one that fails itself is a finding. */
export async function examine(context: DoctorContext, list: readonly Check[] = checks): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const check of list) {
    try {
      found.push(...(await check.run(context)));
    } catch (error) {
      const message = `the check itself failed: ${error instanceof Error ? error.message : String(error)}`;
      found.push({ id: check.id, verdict: "warning", message, affects: "", hint: "please report this" });
    }
  }
  return found;
}
