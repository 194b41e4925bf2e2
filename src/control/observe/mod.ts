/** The door of `control/observe`: what the running agent says of itself, and how it is asked. */
export { askReload, askStatus, followEvents, NoAgentError } from "./client.ts";
export { prometheusText } from "./metrics.ts";
export { ControlServer, ControlServerError, type ControlServerOptions } from "./server.ts";
export { type AgentStatus, complaints, type EventAccount } from "./status.ts";
