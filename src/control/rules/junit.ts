// The report of rule tests in the XML that build servers read: a suite for each rule, a case for each event, detonations as skipped.

import { printable } from "../../std/mod.ts";
import type { TestsReport } from "./run-tests.ts";

/** `explained` renders the explanation of a failed event as plain text. */
export function junitXml(
  report: TestsReport,
  explained: (outcome: TestsReport["outcomes"][number]["events"][number]) => string,
): string {
  const { outcomes, diagnostics } = report;
  const tests = outcomes.reduce((sum, { events, detonations }) => sum + events.length + detonations.length, 0);
  const failures = outcomes.reduce((sum, { events }) => sum + events.filter(({ problem }) => problem !== "").length, 0);
  const skipped = outcomes.reduce((sum, { detonations }) => sum + detonations.length, 0);
  const seconds = outcomes.reduce((sum, one) => sum + one.seconds, 0);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>'];
  const total = {
    tests: tests + diagnostics.length,
    failures,
    errors: diagnostics.length,
    skipped,
    time: seconds.toFixed(3),
  };
  lines.push(`<testsuites${attributes({ name: "agent rules test", ...total })}>`);
  for (const { rule, testsFile, events, detonations, seconds: time } of outcomes) {
    const failed = events.filter(({ problem }) => problem !== "").length;
    const counts = {
      tests: events.length + detonations.length,
      failures: failed,
      errors: 0,
      skipped: detonations.length,
    };
    lines.push(`  <testsuite${attributes({ name: rule.title, ...counts, time: time.toFixed(3), file: testsFile })}>`);
    for (const event of events) {
      const open = `    <testcase${attributes({ name: event.name, classname: rule.id, file: testsFile, line: event.line })}`;
      if (event.problem === "") {
        lines.push(`${open}/>`);
        continue;
      }
      const failure = attributes({ message: event.problem, type: event.matched ? "match" : "miss" });
      lines.push(`${open}>`, `      <failure${failure}>${text(explained(event))}</failure>`, "    </testcase>");
    }
    for (const name of detonations) {
      lines.push(`    <testcase${attributes({ name, classname: rule.id, file: testsFile })}>`);
      lines.push('      <skipped message="detonations are run by the live test"/>', "    </testcase>");
    }
    lines.push("  </testsuite>");
  }
  if (diagnostics.length > 0) {
    const count = diagnostics.length;
    lines.push(
      `  <testsuite${attributes({ name: "files that could not be used", tests: count, failures: 0, errors: count, skipped: 0 })}>`,
    );
    for (const { file, line, column, code, message, hint } of diagnostics) {
      lines.push(`    <testcase${attributes({ name: file, classname: code, file, line })}>`);
      lines.push(
        `      <error${attributes({ message, type: code })}>${text(`${file}:${line}:${column}: ${message}\n${hint}`)}</error>`,
      );
      lines.push("    </testcase>");
    }
    lines.push("  </testsuite>");
  }
  lines.push("</testsuites>");
  return `${lines.join("\n")}\n`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(printable(String(value)))}"`)
    .join("");
}

/** Lines stay lines; whatever else XML 1.0 cannot hold is written as an escape. */
function text(value: string): string {
  return escaped(value.split("\n").map(printable).join("\n"));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

function escaped(value: string): string {
  // U+FFFE and U+FFFF are no characters in XML 1.0.
  return value.replace(/[&<>"']/g, (char) => entities[char]!).replace(/[\ufffe\uffff]/g, "\ufffd");
}
