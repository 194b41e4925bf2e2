// `related.*`: the values that an analyst pivots on, gathered from wherever a document has them.

import type { Fields } from "./event-fields.ts";
import type { HostContext } from "./model.ts";
import { address, compactDoc, type Doc } from "./shaper.ts";

/** Values of one list; more is no pivot any more. */
const relatedCountMax = 64;

/** Members from the outside in, of the values of one list. */
type Paths = readonly (readonly string[])[];

const paths = (...dotted: string[]): Paths => dotted.map((path) => path.split("."));
const userPaths = paths("user.name", "process.user.name", "process.real_user.name", "process.parent.user.name");
const hostPaths = paths("source.domain", "destination.domain", "dns.question.name");
const addressPaths = paths("source.ip", "destination.ip", "dns.resolved_ip");
const hashPaths = paths(
  ...["process", "process.parent", "file", "dll"].flatMap((place) => [
    ...["md5", "sha1", "sha256"].map((kind) => `${place}.hash.${kind}`),
    `${place}.pe.imphash`,
  ]),
);

/** `related.{user,hash,ip,hosts}` of a shaped document; `undefined` when there is none. */
export function related(doc: Doc, fields: Fields, host: HostContext | undefined): Doc | undefined {
  const users = gather(doc, userPaths);
  // Accounts of the Security log that ECS's `user` has no place for: who did it and to whom.
  for (const name of ["SubjectUserName", "TargetUserName"]) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined && value !== "" && value !== "-") users.add(value.slice(0, 256).toWellFormed());
  }
  const hosts = gather(doc, hostPaths);
  for (const name of [host?.name, host?.hostname])
    if (name !== undefined && name !== "") hosts.add(name.slice(0, 256).toWellFormed());
  const addresses = list(gather(doc, addressPaths));
  return compactDoc({
    user: list(users),
    hash: list(gather(doc, hashPaths)),
    ip: addresses?.filter((ip) => address(ip) !== undefined),
    hosts: list(hosts),
  });
}

const list = (found: ReadonlySet<string>): string[] | undefined => (found.size === 0 ? undefined : [...found]);

/** The texts at these places of the document, those of lists too, each once. */
function gather(doc: Doc, from: Paths): Set<string> {
  const found = new Set<string>();
  for (const path of from) {
    const value = valueAt(doc, path);
    if (Array.isArray(value)) for (const item of value) keep(item, found);
    else if (value !== undefined) keep(value, found);
  }
  return found;
}

function keep(value: unknown, found: Set<string>): void {
  if (typeof value === "string" && value !== "" && found.size < relatedCountMax) found.add(value);
}

function valueAt(doc: Doc, path: readonly string[]): unknown {
  let value: unknown = doc;
  for (const name of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
