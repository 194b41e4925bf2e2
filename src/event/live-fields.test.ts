import { expect, test } from "bun:test";
import { fieldsPage, liveFields } from "./live-fields.ts";

test("no source lists a field twice, and the page names them all", () => {
  const page = fieldsPage();
  for (const [source, fields] of Object.entries(liveFields)) {
    const names = fields.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const section = page.split("\n## ").find((one) => one.split("\n")[0]?.split(", ").includes(source)) ?? "";
    for (const name of names) expect(section).toContain(`| \`${name}\` |`);
  }
});
