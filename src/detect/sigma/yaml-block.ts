import type { YamlDocument } from "./yaml.ts";
export function parseBlock(_text: string): YamlDocument[] | undefined {
  return undefined;
}
