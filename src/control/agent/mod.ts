/** The door of `control/agent`: the running agent, and what it needs from its host. */
export { type AgentEnd, type AgentOptions, startAgent } from "./agent.ts";
export { type Missing, missingPrerequisites } from "./privileges.ts";
