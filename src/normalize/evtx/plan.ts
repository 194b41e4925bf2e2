// A template compiled for reading: instead of the XML that it describes, the list of what to do with the values of a record. What an
// element means depends on where it stands, so a template that is used in two places has two plans.

import type { Element, Node, Part } from "./tree.ts";

/** Where a fragment stands. */
export const role = {
  /** At the top: the element is `Event`. */
  root: 0,
  /** In `Event`. */
  event: 1,
  /** In `System`. */
  system: 2,
  /** In `EventData`: `Data` elements by their names. */
  data: 3,
  /** In `UserData`, at any depth: leaves are fields. */
  user: 4,
} as const;
export type Role = (typeof role)[keyof typeof role];

/** What stands in an attribute or an element: a value, a constant, several of both, or nothing. */
export type Source = number | string | readonly Part[] | null;

/** Elements of `System` that are kept, as indices of {@link SystemValues}. */
export const system = {
  Channel: 0,
  Computer: 1,
  EventRecordID: 2,
  Level: 3,
  Task: 4,
  Opcode: 5,
  Keywords: 6,
  Version: 7,
  EventID: 8,
  provider: 9,
  UserID: 10,
  time: 11,
} as const;
export const systemCount = 12;
type SystemElement = keyof Omit<typeof system, "provider" | "UserID" | "time">;

/**
 * One thing to do. When a substitution that it depends on is null, a field is null and a fragment is not read: Windows shows no element
 * then, converters to JSON an empty one, and to a rule both are the same.
 */
export type Step =
  /** Set `System`'s value number `index`. */
  | { readonly do: "system"; readonly index: number; readonly source: Source; readonly needs: Needs }
  /**
   * Set a field; a value that is itself a fragment is read as content of the element. Empty text is kept in a `Data` element and no
   * content (null) in others; a field is absent when it `isOptional` and would be null: a leaf of UserData that has only attributes.
   */
  | {
      readonly do: "field";
      readonly name: string;
      readonly source: Source;
      readonly keepsEmpty: boolean;
      readonly isOptional: boolean;
      readonly needs: Needs;
    }
  /** Set the field whose name is itself a value. */
  | { readonly do: "named"; readonly name: Source; readonly source: Source; readonly needs: Needs }
  /** One more value of the field `Data`. */
  | { readonly do: "data"; readonly source: Source; readonly needs: Needs }
  /** Read a fragment that is a value. */
  | { readonly do: "fragment"; readonly value: number; readonly role: Role; readonly needs: Needs }
  /** Read a template instance that stands in the template. */
  | { readonly do: "instance"; readonly at: number; readonly role: Role; readonly needs: Needs };

/** Substitutions that must not be null, of the element and of those around it. */
type Needs = readonly number[] | undefined;

export interface Plan {
  readonly steps: readonly Step[];
}

/** The plan of an element that stands in `where`. `undefined` when it stands at the top and is no `Event`. */
export function compile(element: Element, where: Role): Plan | undefined {
  if (where === role.root && element.name !== "Event") return undefined;
  const steps: Step[] = [];
  addElement(element, where, undefined, steps);
  return { steps };
}

const isElement = (node: Node): node is Element => "name" in node;

function addElement(element: Element, where: Role, outer: Needs, steps: Step[]): void {
  const needs = element.dependency === -1 ? outer : [...(outer ?? []), element.dependency];
  switch (where) {
    case role.root:
      addContent(element, role.event, needs, steps);
      return;
    case role.event:
      if (element.name === "System") addContent(element, role.system, needs, steps);
      else if (element.name === "EventData") addContent(element, role.data, needs, steps);
      else if (element.name === "UserData") addContent(element, role.user, needs, steps);
      return;
    case role.system:
      addSystem(element, needs, steps);
      return;
    case role.data:
      if (element.name === "Data") addData(element, needs, steps);
      else addLeaf(element, where, needs, steps);
      return;
    case role.user:
      addLeaf(element, where, needs, steps);
  }
}

/** All that stands in `element`, which is a container. */
function addContent(element: Element, where: Role, needs: Needs, steps: Step[]): void {
  for (const part of element.parts)
    if (typeof part === "number") steps.push({ do: "fragment", value: part, role: where, needs });
  for (const child of element.children) {
    if (isElement(child)) addElement(child, where, needs, steps);
    else steps.push({ do: "instance", at: child.instanceAt, role: where, needs });
  }
}

function addSystem(element: Element, needs: Needs, steps: Step[]): void {
  const set = (index: number, source: Source): void => {
    steps.push({ do: "system", index, source, needs });
  };
  const attribute = (name: string, index: number): void => {
    const found = element.attributes.find((it) => it.name === name);
    if (found !== undefined) set(index, sourceOf(found.parts));
  };
  switch (element.name) {
    case "Provider":
      attribute("Name", system.provider);
      return;
    case "TimeCreated":
      attribute("SystemTime", system.time);
      return;
    case "Security":
      attribute("UserID", system.UserID);
      return;
    default:
      if (Object.hasOwn(system, element.name) && isSystemElement(element.name))
        set(system[element.name], sourceOf(element.parts));
  }
}

const isSystemElement = (name: string): name is SystemElement =>
  name !== "provider" && name !== "UserID" && name !== "time";

function addData(element: Element, needs: Needs, steps: Step[]): void {
  const source = sourceOf(element.parts);
  const attribute = element.attributes.find(({ name }) => name === "Name");
  if (attribute === undefined) {
    if (element.children.length > 0) addContent(element, role.user, needs, steps);
    else steps.push({ do: "data", source, needs });
    return;
  }
  const name = sourceOf(attribute.parts);
  if (typeof name === "string")
    steps.push({ do: "field", name: fieldName(name), source, keepsEmpty: true, isOptional: false, needs });
  else steps.push({ do: "named", name, source, needs });
}

/** An element that has the field's name itself. */
function addLeaf(element: Element, where: Role, needs: Needs, steps: Step[]): void {
  if (element.children.length > 0) {
    addContent(element, role.user, needs, steps);
    return;
  }
  const isOptional = where === role.user && element.attributes.length > 0;
  const name = fieldName(element.name);
  steps.push({ do: "field", name, source: sourceOf(element.parts), keepsEmpty: false, isOptional, needs });
}

/** `Threat Name` is `ThreatName` to rules. */
export const fieldName = (name: string): string => (name.includes(" ") ? name.replaceAll(" ", "") : name);

function sourceOf(parts: readonly Part[]): Source {
  const [first] = parts;
  if (first === undefined) return null;
  return parts.length === 1 ? first : parts;
}
