// From argv to arguments in two stages: `RawArgs` is what was typed, put in order; `resolve` looks at the values. The
// first fault ends it with a `UsageError` that names the nearest right word.

import { nearest, printable, shorten } from "../std/mod.ts";
import { type CommandId, commands, commonFlags, families, flagAliases, programName, topFlags } from "./commands.ts";
import { BadValue, type Command, type Flag, propertyName, type RawArgs } from "./spec.ts";

/** The command line is wrong: exit status 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string;
  /** What to add to "agent … --help". */
  readonly topic: string;
  constructor(message: string, hint: string, topic: string) {
    super(message);
    this.hint = hint;
    this.topic = topic;
  }
}

/** What the command line asks for. `topic` of help is a command id, a family, or "" for the program. */
export type Request =
  | { readonly kind: "help"; readonly topic: string }
  | { readonly kind: "version" }
  | { readonly kind: "command"; readonly id: CommandId; readonly args: Readonly<Record<string, unknown>> };

const byId: ReadonlyMap<string, Command> = new Map(commands.map((command) => [command.id, command]));
const firstWords = [...new Set(commands.map((command) => command.id.split(" ")[0]!))];

/** Understands `argv` (without the program's own name). Throws {@link UsageError}, nothing else. */
export function parseArgv(argv: readonly string[]): Request {
  const aliased = argv[0] === undefined ? undefined : flagAliases[argv[0]];
  const words = aliased !== undefined && firstWords.includes(aliased) ? [aliased, ...argv.slice(1)] : argv;
  const first = words[0];
  if (first === undefined) return resolveCommand(byId.get("run")!, []);
  if (first === "-h" || first === "--help") return { kind: "help", topic: "" };
  if (first === "-V" || first === "--version") return { kind: "version" };
  if (first.startsWith("-")) return resolveCommand(byId.get("run")!, words);
  if (Object.hasOwn(families, first)) return parseFamily(first, words.slice(1));
  const command = byId.get(first);
  if (command === undefined) throw unknownWord("command", first, firstWords, "");
  return resolveCommand(command, words.slice(1));
}

/** The topic of `agent help WORDS`: a command, a family, or "" . */
export function helpTopic(words: readonly string[]): string {
  const topic = words.join(" ");
  if (topic === "" || byId.has(topic) || Object.hasOwn(families, topic)) return topic;
  throw unknownWord("command", topic, [...byId.keys(), ...Object.keys(families)], "");
}

function parseFamily(family: string, words: readonly string[]): Request {
  const members = [...byId.keys()].filter((id) => id.startsWith(`${family} `)).map((id) => id.slice(family.length + 1));
  const second = words[0];
  if (second === "-h" || second === "--help") return { kind: "help", topic: family };
  if (second === undefined || second.startsWith("-")) {
    throw new UsageError(`'${family}' needs a command`, `one of ${members.join(", ")}`, family);
  }
  const command = byId.get(`${family} ${second}`);
  if (command === undefined) throw unknownWord(`command of '${family}'`, second, members, family);
  return resolveCommand(command, words.slice(1));
}

function resolveCommand(command: Command, words: readonly string[]): Request {
  const raw = readRaw(command, words);
  if (raw.flags.has("help")) return { kind: "help", topic: command.id };
  if (raw.flags.has("version") && command.id === "run") return { kind: "version" };
  return { kind: "command", id: command.id as CommandId, args: resolve(command, raw) };
}

/** Stage one: puts what was typed in order. Values are not looked at. */
export function readRaw(command: Command, words: readonly string[]): RawArgs {
  const known = [...command.flags, ...commonFlags, ...(command.id === "run" ? topFlags : [])];
  const flags = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === "--") {
      operands.push(...words.slice(index + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      operands.push(word);
      continue;
    }
    const { flag, attached } = findFlag(command, known, word);
    let value: string | true = true;
    if (flag.value === undefined) {
      if (attached !== undefined) throw usage(command, `--${flag.name} takes no value`, "");
    } else if (attached !== undefined) {
      value = attached;
    } else {
      const next = words[index + 1];
      if (next === undefined || (next.startsWith("-") && next !== "-")) {
        const hint =
          next === undefined ? "" : `write --${flag.name}=${shorten(printable(next), 60)} if that is the value`;
        throw usage(command, `--${flag.name} needs a value: ${flag.value.name}`, hint);
      }
      value = next;
      index++;
    }
    const before = flags.get(flag.name);
    if (before === undefined) flags.set(flag.name, [value]);
    else before.push(value);
  }
  return { command: command.id, flags, operands };
}

function findFlag(
  command: Command,
  known: readonly Flag[],
  word: string,
): { flag: Flag; attached: string | undefined } {
  const at = word.indexOf("=");
  const name = at < 0 ? word : word.slice(0, at);
  const attached = at < 0 ? undefined : word.slice(at + 1);
  const flag = known.find((one) => name === `--${one.name}` || (one.short !== undefined && name === `-${one.short}`));
  if (flag !== undefined) return { flag, attached };
  const near = nearest(
    name.replace(/^-+/, ""),
    known.map((one) => one.name),
  );
  const owner = commands.find((one: Command) => one.flags.some((other) => name === `--${other.name}`));
  const hint =
    near !== undefined
      ? `did you mean '--${near}'?`
      : owner !== undefined
        ? `'${programName} ${owner.id}' has such a flag`
        : "";
  throw usage(command, `unknown flag '${shorten(printable(name), 60)}'`, hint);
}

/** Stage two: checks and converts the values. The last of several wins where a flag is not repeatable. */
export function resolve(command: Command, raw: RawArgs): Readonly<Record<string, unknown>> {
  const args: Record<string, unknown> = { raw };
  for (const flag of command.flags) {
    const typed = raw.flags.get(flag.name) ?? [];
    const { value: type } = flag;
    const property = propertyName(flag.name);
    if (type === undefined) {
      args[property] = typed.length > 0;
      continue;
    }
    const values = typed.map((text) => {
      const value = type.parse(text as string);
      if (value instanceof BadValue) throw usage(command, `--${flag.name}: ${printable(value.message)}`, value.hint);
      return value;
    });
    args[property] = flag.repeat ? values : values.at(-1);
  }
  args.operands = resolveOperands(command, raw.operands);
  return args;
}

function resolveOperands(command: Command, words: readonly string[]): readonly unknown[] {
  const { operand } = command;
  const countMax = operand?.countMax ?? 0;
  if (words.length > countMax) {
    const extra = words[countMax]!;
    const isCommand = firstWords.includes(extra);
    const hint = isCommand ? `put the command first: ${programName} ${extra} …` : "";
    throw usage(command, `unexpected argument '${shorten(printable(extra), 60)}'`, hint);
  }
  if (operand === undefined) return [];
  if (words.length < operand.countMin) {
    throw usage(command, `${operand.value.name} is missing`, operand.doc);
  }
  return words.map((word) => {
    const value = operand.value.parse(word);
    if (value instanceof BadValue) throw usage(command, printable(value.message), value.hint);
    return value;
  });
}

function unknownWord(what: string, word: string, candidates: readonly string[], topic: string): UsageError {
  const near = nearest(word, candidates);
  const hint = near === undefined ? `one of ${candidates.join(", ")}` : `did you mean '${near}'?`;
  return new UsageError(`unknown ${what} '${shorten(printable(word), 60)}'`, hint, topic);
}

function usage(command: Command, message: string, hint: string): UsageError {
  return new UsageError(message, hint, command.id);
}
