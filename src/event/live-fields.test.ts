import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsPage } from "./live-fields.ts";

const page = join(import.meta.dir, "../../docs/reference/fields.md");

// `UPDATE_GENERATED=1 bun test src/event` writes it anew.
test("docs/reference/fields.md is what the table says", () => {
  if (process.env.UPDATE_GENERATED === "1") writeFileSync(page, fieldsPage());
  expect(readFileSync(page, "utf8")).toBe(fieldsPage());
});
