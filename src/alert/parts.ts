// The parts of a document that do not depend on the event: host, agent, data stream and rule. They are shaped and serialized
// once and joined to each line as text.

import type { RuleInfo } from "../detect/mod.ts";
import { threatOf } from "./attack.ts";
import type { AgentContext, HostContext } from "./model.ts";
import { address, compactDoc, type Doc, type Shaper } from "./shaper.ts";

/** Top-level member → its JSON. */
export type Parts = Readonly<Record<string, string>>;

/** `host.*`; `undefined` when nothing is known of it. */
export function hostJson(host: HostContext, shaper: Shaper): string | undefined {
  const { os } = host;
  return toJson({
    id: shaper.text(host.id, "host.id", 256),
    name: shaper.text(host.name, "host.name", 256),
    hostname: shaper.text(host.hostname, "host.hostname", 256),
    architecture: shaper.text(host.architecture, "host.architecture", 64),
    ip: shaper.texts(
      host.ip.map(address).filter((ip) => ip !== undefined),
      "host.ip",
      64,
    ),
    mac: shaper.texts(
      // RFC 7042, 2.1: upper-case octets with hyphens, which ECS asks for.
      host.mac
        .map((mac) => mac.toUpperCase().replaceAll(":", "-"))
        .filter((mac) => /^[A-F0-9]{2}(-[A-F0-9]{2}){5,7}$/.test(mac)),
      "host.mac",
      64,
    ),
    os: {
      type: shaper.text(os.type, "host.os.type", 64),
      family: shaper.text(os.family, "host.os.family", 256),
      platform: shaper.text(os.platform, "host.os.platform", 256),
      name: shaper.text(os.name, "host.os.name", 256),
      version: shaper.text(os.version, "host.os.version", 256),
      kernel: shaper.text(os.kernel, "host.os.kernel", 256),
      full: shaper.text(os.full, "host.os.full", 256),
    },
  });
}

/** `agent.*`; in replay type and version only, so that output depends on input and rules alone. */
export function agentJson(agent: AgentContext, isReplay: boolean): string {
  const { type, version, id, name, ephemeralId } = agent;
  return JSON.stringify(isReplay ? { type, version } : { type, version, id, name, ephemeral_id: ephemeralId });
}

/** What of a rule stands in an alert: `message`, `rule`, `threat`, `tags`; and `sigil.rule` apart, for the others' company. */
export interface RuleParts {
  readonly parts: Parts;
  readonly sigil: Doc | undefined;
  /** ECS names of what was cut. */
  readonly cut: readonly string[];
}

export function ruleParts(rule: RuleInfo, engine: string, isReplay: boolean, shaper: Shaper): RuleParts {
  const id = shaper.text(rule.id, "rule.id", 256);
  const title = shaper.text(rule.title, "rule.name", 1024);
  const threat = threatOf(rule.tags);
  const parts: Record<string, string> = {};
  const put = (name: string, value: unknown): void => {
    if (value !== undefined) parts[name] = JSON.stringify(value);
  };
  // A rule without a title is named by its id: the title is what consoles show.
  put("message", title ?? id ?? engine);
  put(
    "rule",
    compactDoc({
      id,
      uuid: id,
      name: title ?? id,
      description: shaper.text(rule.description, "rule.description"),
      author: shaper.texts(rule.author, "rule.author", 32, 256),
      reference: shaper.text(rule.references[0], "rule.reference", 2048),
      ruleset: engine,
      category: shaper.text(rule.category, "rule.category", 256),
      version: shaper.text(rule.version, "rule.version", 64),
      license: shaper.text(rule.license, "rule.license", 256),
    }),
  );
  put("threat", threat);
  put("tags", shaper.texts(rule.tags, "tags", 64, 256));
  return {
    parts,
    sigil: compactDoc({
      status: shaper.text(rule.status, "sigil.rule.status", 64),
      references: shaper.texts(rule.references.slice(1), "sigil.rule.references", 32, 2048),
      falsepositives: shaper.texts(rule.falsepositives, "sigil.rule.falsepositives", 32, 1024),
      // Where rules lie differs between machines; a replay's output must not.
      file: isReplay ? undefined : shaper.text(rule.file, "sigil.rule.file", 4096, "tail"),
    }),
    cut: [...shaper.truncated],
  };
}

function toJson(doc: Doc): string | undefined {
  const full = compactDoc(doc);
  return full === undefined ? undefined : JSON.stringify(full);
}
