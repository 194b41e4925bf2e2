/** The door of `control/logs`: journal and log files, from the disk (main thread) to events (detect worker). */
export { logRingBytes } from "./limits.ts";
export { LogFeed, type LogFeedOptions, type LogFeedStats, usualLogFiles } from "./log-feed.ts";
export { LogIntake, type LogIntakeStats, logEventContext } from "./log-intake.ts";
