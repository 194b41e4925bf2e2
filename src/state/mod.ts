/** The door of the room `state`: what the agent remembers between events. */
export { BootClock } from "./clock.ts";
export {
  ConnectionAggregator,
  type ConnectionAggregatorOptions,
  type ConnectionAggregatorStats,
  type ConnectionStatistics,
} from "./connection-aggregator.ts";
export { type ContainerRef, containerOf, podOf, systemdUnitOf } from "./container.ts";
export { DnsCache, type DnsCacheOptions, type DnsCacheStats } from "./dns-cache.ts";
export {
  ProcessCache,
  type ProcessCacheOptions,
  type ProcessCacheStats,
  type ProcessEntry,
  type Program,
} from "./process-cache.ts";
export { parsePasswd, passwdSizeMaxBytes, UserNames, type UserNamesOptions } from "./user-names.ts";
