/** The door of `std`: small things without a word of the domain in them. Imports nothing of ours. */
export type { Diagnostic } from "./diagnostic.ts";
export { nearest } from "./nearest.ts";
export { printable, shorten } from "./text.ts";
