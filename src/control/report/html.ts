// The report as one HTML file: style, script and data inside it, nothing fetched from anywhere. The policy names the digests of exactly
// this style and this script, so whatever text of an event ended up as markup by a fault of ours could still neither run nor load.

import { createHash } from "node:crypto";
import type { ReportData } from "./data.ts";
import { pageScript, pageStyle } from "./page.gen.ts";

/** The page; the same data give the same bytes. */
export function reportHtml(data: ReportData): string {
  const policy = [
    "default-src 'none'",
    `script-src '${digest(pageScript)}'`,
    `style-src '${digest(pageStyle)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="referrer" content="no-referrer">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    "<title>Sigil replay report</title>",
    `<style>${pageStyle}</style>`,
    "</head>",
    "<body>",
    '<noscript>This report needs JavaScript: its data are below as JSON, in the element "report-data".</noscript>',
    `<script type="application/json" id="report-data">${inertJson(data)}</script>`,
    `<script>${pageScript}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/**
 * JSON without the characters that could end or open anything in HTML: all are written as escapes, which JSON reads as the same text.
 * Lone surrogates have no UTF-8; JSON.stringify writes them as escapes too.
 */
export function inertJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029\u007f-\u009f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** As Content Security Policy 3 writes it: over the text between the tags. */
function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
