// The catalogue of event sources: gives each class of events its id, answers which of them a rule's log source means (or
// why there are none here), and which source a Windows record belongs to. Ids are the same in every catalogue of a program.

import { activityKinds } from "./activity-kinds.ts";
import { channelClasses, channelServices, type SourceRow, sourceTable, sysmonNames } from "./catalogue-table.ts";
import { fieldFilled, valueFilled } from "./live-fields.ts";
import type { LogSource, Route, SourceId } from "./source.ts";

export type { SourceRow } from "./catalogue-table.ts";

export type Platform = "linux" | "windows";

const logServices = ["auth", "syslog", "sshd", "sudo", "su", "cron", "clamav", "vsftpd", "guacamole"];

/** Names of the sources that this version's sensors deliver, by platform. */
export const liveSources: Readonly<Record<Platform, ReadonlySet<string>>> = {
  linux: new Set([
    "linux/process_creation",
    "linux/process_termination",
    ...activityKinds.map(({ source }) => source),
    // Made from the others.
    "linux/auditd",
    // From the journal and log files.
    ...logServices.map((name) => `linux/${name}`),
  ]),
  windows: new Set<string>(),
};

/** Live sources whose events are made from those of others: seen only by rules that name their service. */
const derivedSources: ReadonlySet<string> = new Set(["linux/auditd"]);

/** Live sources of text: command lines and logs. */
const textSources: ReadonlySet<string> = new Set([
  "linux/process_creation",
  ...logServices.map((name) => `linux/${name}`),
]);

export interface CatalogueOptions {
  /** Names of the sources that a sensor feeds; `all` for recordings, which may hold anything. */
  readonly live: ReadonlySet<string> | "all";
  /** Where the agent runs: reasons leave out the other platforms. */
  readonly platform?: Platform;
}

export interface Catalogue {
  /** Index is the SourceId. */
  readonly sources: readonly SourceRow[];
  /**
   * The sources whose events a rule with this log source sees, or why none; a live rule of nothing but keywords for a whole product
   * sees command lines and logs. O(sources); meant for loading rules.
   */
  route(logsource: LogSource, isKeywordsOnly?: boolean): Route;
  /**
   * Why `field` is never present in events of `source`, or has none of the values that satisfy; `undefined` when it may. Recordings
   * may hold any field with any value.
   */
  fieldReason(source: SourceId, field: string, satisfies?: (value: string) => boolean): string | undefined;
}

const ids = new Map(sourceTable.map((source, id) => [source.name, id]));
if (ids.size !== sourceTable.length) throw new Error("Cannot build the catalogue: a source name is used twice");

/** The id of a source; throws RangeError for a name that is not in the catalogue. */
export function sourceId(name: string): SourceId {
  const id = ids.get(name);
  if (id === undefined) throw new RangeError(`Cannot find event source ${name}`);
  return id;
}

/** The id of a source by name, or `undefined`. */
export const findSource = (name: string): SourceId | undefined => ids.get(name);

const byCategory = new Map<string, SourceId>();
for (const [id, { product, categories }] of sourceTable.entries())
  for (const category of categories) {
    const key = `${product}/${category}`;
    if (!byCategory.has(key)) byCategory.set(key, id);
  }

/** The first source of a product (`windows`) that is of a category (`ps_script`), or `undefined`. */
export const categorySource = (product: string, category: string): SourceId | undefined =>
  byCategory.get(`${product}/${category}`);

/** What is known about a source; throws RangeError for an id that is not in the catalogue. */
export function sourceRow(id: SourceId): SourceRow {
  const found = sourceTable[id];
  if (found === undefined) throw new RangeError(`Cannot find event source ${id}`);
  return found;
}

/** Log sources of a host; rules for all others (and for no product) are also shown events of the source `other`. */
const hostProducts: ReadonlySet<string> = new Set(["windows", "linux", "macos"]);
const hostCategories: ReadonlySet<string> = new Set(
  sourceTable.filter((source) => hostProducts.has(source.product)).flatMap((source) => source.categories),
);
const known = {
  product: new Set(sourceTable.map((source) => source.product)),
  category: new Set(sourceTable.flatMap((source) => source.categories)),
  service: new Set(sourceTable.flatMap((source) => source.services)),
};

export function createCatalogue(options: CatalogueOptions): Catalogue {
  const { live, platform } = options;
  /** Thousands of rules have some hundred log sources. */
  const routes = new Map<string, Route>();
  return {
    sources: sourceTable,
    route(logsource, isKeywordsOnly = false) {
      const wanted = normalize(logsource);
      const key = `${wanted.product}\n${wanted.category}\n${wanted.service}\n${isKeywordsOnly}`;
      let route = routes.get(key);
      if (route === undefined) {
        route = routeOf(wanted, isKeywordsOnly);
        if (routes.size < routesMax) routes.set(key, route);
      }
      return route;
    },
    fieldReason(source, field, satisfies) {
      const name = sourceTable[source]?.name;
      if (live === "all" || name === undefined) return undefined;
      return fieldFilled(name, field) ?? valueFilled(name, field, satisfies);
    },
  };

  function routeOf(wanted: Wanted, isKeywordsOnly: boolean): Route {
    const sources: SourceId[] = [];
    const silent: string[] = [];
    for (const [id, source] of sourceTable.entries()) {
      if (!sees(wanted, source)) continue;
      // Words are looked for where people and programs write them. Every other live source would have to be watched for them,
      // and an event of each would be told again: at the end of a process, of its file, of its connection.
      if (live !== "all" && isKeywordsOnly && isWholeProduct(wanted) && !textSources.has(source.name)) continue;
      // Made from events of other sources, which such a rule sees already.
      if (live !== "all" && wanted.service === "" && derivedSources.has(source.name)) continue;
      if (live === "all" || live.has(source.name)) sources.push(id);
      else if (source.product !== "*" && source.name !== "other") silent.push(source.name);
    }
    if (sources.length > 0) return { sources };
    return { reason: whyNone(wanted, silent, platform) };
  }
}

/** Log sources that are remembered; the public rules have 136. */
const routesMax = 1_024;

/** Every recording: all sources exist and any field may be there. */
export const replayCatalogue: Catalogue = createCatalogue({ live: "all" });

const isWholeProduct = ({ product, category, service }: Wanted): boolean =>
  product !== "" && category === "" && service === "";

interface Wanted {
  readonly product: string;
  readonly category: string;
  readonly service: string;
}

const normalize = (logsource: LogSource): Wanted => ({
  product: (logsource.product ?? "").trim().toLowerCase(),
  category: (logsource.category ?? "").trim().toLowerCase(),
  service: (logsource.service ?? "").trim().toLowerCase(),
});

function sees(wanted: Wanted, source: SourceRow): boolean {
  if (source.name === "other") {
    return wanted.product === "" ? !hostCategories.has(wanted.category) : !hostProducts.has(wanted.product);
  }
  if (wanted.product !== "" && source.product !== "*" && wanted.product !== source.product) return false;
  if (wanted.category !== "" && !source.categories.includes(wanted.category)) return false;
  if (wanted.service !== "" && !source.services.includes(wanted.service)) return false;
  // An event of unknown product is only as good as its category: a rule for a whole product does not see it.
  return source.product !== "*" || wanted.category !== "";
}

function whyNone(wanted: Wanted, silent: readonly string[], platform: Platform | undefined): string {
  if (silent.length > 0) {
    if (silent.every((name) => !hostNames.test(name))) return `no sensor reads ${nameOf(wanted)} logs`;
    if (platform !== undefined && silent.every((name) => !name.startsWith(`${platform}/`))) {
      return `${nameOf(wanted)} events do not exist on ${platform}`;
    }
    const own = platform === undefined ? silent : silent.filter((name) => name.startsWith(`${platform}/`));
    const shown = own.slice(0, 3).join(", ");
    return `no sensor for ${own.length > 3 ? `${shown} and ${own.length - 3} more` : shown} in this version`;
  }
  for (const part of ["product", "category", "service"] as const) {
    const word = wanted[part];
    if (word !== "" && !known[part].has(word)) return `no event source has the ${part} "${word}"`;
  }
  return `no event source is ${nameOf(wanted)}`;
}

const hostNames = /^(?:windows|linux|macos)\//;

const nameOf = (wanted: Wanted): string =>
  [wanted.product, wanted.category, wanted.service].filter((part) => part !== "").join("/") || "any";

const sysmonIds: ReadonlyMap<number, SourceId> = new Map(
  [...sysmonNames].map(([id, name]) => [id, sourceId(`windows/${name}`)]),
);
const sysmonLinuxIds: ReadonlyMap<number, SourceId> = new Map(
  [...sysmonNames].map(([id, name]) => [id, ids.get(`linux/${name}`) ?? sourceId("linux/sysmon")]),
);
const sysmonAnyIds: ReadonlyMap<number, SourceId> = new Map(
  [...sysmonNames].flatMap(([id, name]) => {
    const found = ids.get(`any/${name}`);
    return found === undefined ? [] : [[id, found] as const];
  }),
);
const classIds: ReadonlyMap<string, ReadonlyMap<number, SourceId>> = new Map(
  [...channelClasses].map(([service, classes]) => [
    service,
    new Map([...classes].map(([id, name]) => [id, sourceId(name)])),
  ]),
);
const windowsOther = sourceId("windows/other");
const windowsSysmon = sourceId("windows/sysmon");
const linuxSysmon = sourceId("linux/sysmon");

/** The source of a Sysmon event; `undefined` only for `any`, when the id says nothing. `eventType` tells apart what shares event 12. O(1). */
export function sysmonSource(product: "windows" | "linux", eventId: number, eventType?: unknown): SourceId;
export function sysmonSource(product: "any", eventId: number): SourceId | undefined;
export function sysmonSource(
  product: "windows" | "linux" | "any",
  eventId: number,
  eventType?: unknown,
): SourceId | undefined {
  if (product === "any") return sysmonAnyIds.get(eventId);
  if (product === "linux") return sysmonLinuxIds.get(eventId) ?? linuxSysmon;
  if (eventId === 12 && typeof eventType === "string") {
    if (eventType.startsWith("Create")) return registryAdd;
    if (eventType.startsWith("Delete")) return registryDelete;
  }
  return sysmonIds.get(eventId) ?? windowsSysmon;
}
const registryAdd = sourceId("windows/registry_add");
const registryDelete = sourceId("windows/registry_delete");

/** The source of a record of a Windows event log channel, in any case; `windows/other` for a channel without a service. O(1). */
export function channelSource(channel: string, eventId: number, eventType?: unknown): SourceId {
  const found = channelServices.get(channel) ?? channelServices.get(channel.toLowerCase());
  if (found === undefined) return windowsOther;
  if (found === "sysmon") return sysmonSource("windows", eventId, eventType);
  return classIds.get(found)?.get(eventId) ?? serviceIds.get(found) ?? windowsOther;
}
const serviceIds: ReadonlyMap<string, SourceId> = new Map(
  [...new Set(channelServices.values())].map((service) => [service, sourceId(`windows/${service}`)]),
);
