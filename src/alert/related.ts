// `related.*`: the values that an analyst pivots on, gathered from wherever a document has them.

import type { Fields } from "./event-fields.ts";
import type { HostContext } from "./model.ts";
import { address, compactDoc, type Doc } from "./shaper.ts";

/** Values of one list; more is no pivot any more. */
const relatedCountMax = 64;

/** `related.{user,hash,ip,hosts}` of a shaped document; `undefined` when there is none. */
export function related(doc: Doc, fields: Fields, host: HostContext | undefined): Doc | undefined {
  const at = (path: string): unknown => {
    let value: unknown = doc;
    for (const name of path.split(".")) {
      if (typeof value !== "object" || value === null) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
    return value;
  };
  const gather = (...paths: string[]): string[] | undefined => {
    const found = new Set<string>();
    for (const value of paths.flatMap(at))
      if (typeof value === "string" && value !== "" && found.size < relatedCountMax) found.add(value);
    return found.size === 0 ? undefined : [...found];
  };
  const users = new Set(gather("user.name", "process.user.name", "process.real_user.name", "process.parent.user.name"));
  // Accounts of the Security log that ECS's `user` has no place for: who did it and to whom.
  for (const name of ["SubjectUserName", "TargetUserName"]) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined && value !== "" && value !== "-") users.add(value.slice(0, 256).toWellFormed());
  }
  const hosts = new Set(gather("source.domain", "destination.domain", "dns.question.name"));
  for (const name of [host?.name, host?.hostname])
    if (name !== undefined && name !== "") hosts.add(name.slice(0, 256).toWellFormed());
  const hashes = ["process", "process.parent", "file", "dll"].flatMap((place) => [
    ...["md5", "sha1", "sha256"].map((kind) => `${place}.hash.${kind}`),
    `${place}.pe.imphash`,
  ]);
  return compactDoc({
    user: users.size === 0 ? undefined : [...users],
    hash: gather(...hashes),
    ip: gather("source.ip", "destination.ip", "dns.resolved_ip")?.filter((ip) => address(ip) !== undefined),
    hosts: hosts.size === 0 ? undefined : [...hosts],
  });
}
