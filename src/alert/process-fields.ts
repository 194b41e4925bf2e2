// A ProcessContext as ECS `process.*`: the process itself, its parent one level deep with ECS names, and the chain above
// the parent as `sigil.ancestors[]`, because ECS has no place for it.

import { ancestorCommandLineMax, ancestorCountMax, longTextLengthMax } from "./limits.ts";
import type { ProcessContext, UserContext } from "./model.ts";
import { compactDoc, type Doc, integer, isoTime, type Shaper, splitPath } from "./shaper.ts";

/** `process.*` of a context, `parent` included; `undefined` without one. */
export function contextDoc(context: ProcessContext, shaper: Shaper): Doc | undefined {
  const env = shaper.isMinimal ? undefined : context.env;
  return compactDoc({
    ...oneProcess(context, "process", shaper),
    env_vars:
      env === undefined
        ? undefined
        : shaper.texts(
            Object.entries(env).map(([name, value]) => `${name}=${value}`),
            "process.env_vars",
            64,
          ),
    session_leader: { pid: integer(context.sessionId, 1) },
    parent: context.parent === undefined ? undefined : compactDoc(oneProcess(context.parent, "process.parent", shaper)),
  });
}

function oneProcess(context: ProcessContext, prefix: string, shaper: Shaper): Doc {
  const { hash, tty } = context;
  const executable = shaper.text(context.executable, `${prefix}.executable`, undefined, "tail");
  const major = integer(tty?.major, 0);
  const minor = integer(tty?.minor, 0);
  const args = shaper.words(context.args, `${prefix}.args`);
  return {
    entity_id: shaper.text(context.entityId, `${prefix}.entity_id`, 256),
    pid: integer(context.pid, 0),
    name: shaper.text(
      context.name ?? (executable === undefined ? undefined : splitPath(executable).name),
      `${prefix}.name`,
    ),
    executable,
    command_line: shaper.text(context.commandLine, `${prefix}.command_line`, longTextLengthMax, "tail"),
    args: args === undefined ? undefined : withinLength(args, `${prefix}.args`, shaper),
    args_count: integer(context.argsCount ?? context.args?.length, 0),
    working_directory: shaper.text(context.workingDirectory, `${prefix}.working_directory`, undefined, "tail"),
    start: isoTime(context.startMs),
    end: isoTime(context.endMs),
    exit_code: integer(context.exitCode),
    interactive: typeof context.interactive === "boolean" ? context.interactive : undefined,
    user: account(context.user, `${prefix}.user`, shaper),
    real_user: account(context.realUser, `${prefix}.real_user`, shaper),
    group: account(context.group, `${prefix}.group`, shaper),
    tty: major === undefined || minor === undefined ? undefined : { char_device: { major, minor } },
    thread: {
      capabilities: {
        effective: shaper.texts(
          // What ECS allows here; a capability without a name is its number.
          context.capabilities?.filter((name) => /^(CAP_[A-Z_]+|\d+)$/.test(name)),
          `${prefix}.thread.capabilities.effective`,
          64,
          64,
        ),
      },
    },
    hash: hash === undefined ? undefined : hashDoc(hash),
  };
}

/** The arguments whose texts fit together into the limit of a command line: a list must not say more than the text. */
function withinLength(args: string[], name: string, shaper: Shaper): string[] {
  let left = longTextLengthMax;
  for (const [index, text] of args.entries()) {
    left -= text.length;
    if (left >= 0) continue;
    shaper.cut(name);
    return args.slice(0, Math.max(1, index));
  }
  return args;
}

function hashDoc(hash: NonNullable<ProcessContext["hash"]>): Doc {
  const hex = (text: string | undefined, length: number): string | undefined =>
    text !== undefined && text.length === length && /^[0-9a-fA-F]+$/.test(text) ? text.toLowerCase() : undefined;
  return { md5: hex(hash.md5, 32), sha1: hex(hash.sha1, 40), sha256: hex(hash.sha256, 64) };
}

/** `{id, name}`: inside a process ECS has no domain. */
function account(user: UserContext | undefined, prefix: string, shaper: Shaper): Doc | undefined {
  if (user === undefined) return undefined;
  return { id: shaper.text(user.id, `${prefix}.id`, 256), name: shaper.text(user.name, `${prefix}.name`, 1024) };
}

/** Facts about a process that ECS has no name for: `sigil.process.*`. */
export function ownFacts(context: ProcessContext, shaper: Shaper): Doc | undefined {
  return compactDoc({
    signal: shaper.text(context.signal, "sigil.process.signal", 64),
    login_user_id: shaper.text(context.loginUserId, "sigil.process.login_user_id", 64),
  });
}

/** The processes above the parent, nearest first; `undefined` when there are none. */
export function ancestors(context: ProcessContext, shaper: Shaper): Doc[] | undefined {
  const chain: Doc[] = [];
  for (let above = context.parent?.parent; above !== undefined; above = above.parent) {
    if (chain.length === ancestorCountMax) {
      shaper.cut("sigil.ancestors");
      break;
    }
    const executable = shaper.text(above.executable, "sigil.ancestors.executable", 4096, "tail");
    const entry = compactDoc({
      entity_id: shaper.text(above.entityId, "sigil.ancestors.entity_id", 256),
      pid: integer(above.pid, 0),
      name: shaper.text(
        above.name ?? (executable === undefined ? undefined : splitPath(executable).name),
        "sigil.ancestors.name",
      ),
      executable,
      command_line: shaper.text(above.commandLine, "sigil.ancestors.command_line", ancestorCommandLineMax, "tail"),
      start: isoTime(above.startMs),
      user: account(above.user, "sigil.ancestors.user", shaper),
    });
    if (entry !== undefined) chain.push(entry);
  }
  return chain.length === 0 ? undefined : chain;
}
