/** The door of `control/agent`: the running agent, and what it needs from its host. */
export { type AgentEnd, type AgentOptions, startAgent } from "./agent.ts";
export { bootIdentity, readHost } from "./host.ts";
export { mountNamespace, readPasswd, readPasswdOf } from "./passwd.ts";
export { type Missing, missingPrerequisites } from "./privileges.ts";
export { networkOptions, sensorOptions } from "./sensor-options.ts";
