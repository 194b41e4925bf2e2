// Checks of what the agent is given (configuration, rules, outputs) and of the agent that runs.

import { accessSync, constants, lstatSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { loadShim } from "../../sensor/mod.ts";
import type { AppConfig } from "../config/mod.ts";
import { askStatus, complaints, NoAgentError } from "../observe/mod.ts";
import { loadSigmaRules, packIndicators } from "../rules/mod.ts";
import { bad, type Check, type Finding, good } from "./check.ts";

/** Less free space than this fills up in a day of an ordinary host's alerts. */
const freeMinBytes = 256 * 1024 * 1024;
/** Files that others may write to which are named one by one. */
const namedMax = 5;

const configuration: Check = {
  id: "configuration",
  run: ({ config }) => {
    const { diagnostics } = config;
    if (diagnostics.length === 0) return [good("configuration", "the configuration is right")];
    return diagnostics.map(({ file, line, message, hint, severity }) =>
      bad(
        "configuration",
        severity === "error" ? "failure" : "warning",
        `${file === "" ? "" : `${file}:${line}: `}${message}`,
        severity === "error" ? "the agent does not start" : "",
        hint,
      ),
    );
  },
};

const rules: Check = {
  id: "rules",
  run: async ({ config: { config } }) => {
    if (config === undefined) return [];
    const loaded = await loadSigmaRules(config);
    const indicators = packIndicators(loaded.files.files, config.ioc, Date.now());
    const rejected = [...loaded.diagnostics, ...indicators.diagnostics].filter(({ severity }) => severity === "error");
    const count = loaded.rules.length + loaded.correlations.length;
    const found: Finding[] = [];
    if (count + indicators.count === 0)
      found.push(
        bad(
          "rules",
          "failure",
          "no rule is loaded",
          "nothing is detected",
          "name rules in sigma.rules_paths or --rules",
        ),
      );
    else found.push(good("rules", `${count} rules and ${indicators.count} indicators load`));
    if (rejected.length > 0)
      found.push(
        bad(
          "rules_rejected",
          "warning",
          `${rejected.length} rules or indicators are rejected, the first in ${rejected[0]!.file}:${rejected[0]!.line}`,
          "what they look for is not detected",
          "agent rules validate",
        ),
      );
    return found;
  },
};

/** Whoever can write to rules or configuration decides what the agent sees. */
const owners: Check = {
  id: "file_owners",
  run: ({ config: { config, sources } }) => {
    if (config === undefined || process.platform === "win32") return [];
    const paths = [...sources.keys(), ...config.sigma.rulesPaths, ...config.ioc.paths];
    const loose = paths.filter((path) => isLoose(path));
    if (loose.length === 0)
      return [good("file_owners", "configuration and rules belong to root or to this user alone")];
    return loose
      .slice(0, namedMax)
      .map((path) =>
        bad(
          "file_owners",
          "warning",
          `others can write to ${path}`,
          "whoever can change it decides what the agent sees",
          `chmod go-w ${path}`,
        ),
      );
  },
};

function isLoose(path: string): boolean {
  try {
    const stat = statSync(path);
    const isOurs = stat.uid === 0 || stat.uid === process.getuid?.();
    return !isOurs || (stat.mode & 0o022) !== 0;
  } catch {
    // That it is not there is said elsewhere.
    return false;
  }
}

const output: Check = {
  id: "output",
  run: ({ config: { config } }) => (config === undefined || config.alerts.output === "-" ? [] : outputFindings(config)),
};

function outputFindings({ alerts: { output: path } }: AppConfig): Finding[] {
  const folder = dirname(resolve(path));
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    accessSync(there === undefined ? folder : path, constants.W_OK);
  } catch {
    return [
      bad("output", "failure", `cannot write to ${path}`, "alerts are lost", `make ${folder} writable for the agent`),
    ];
  }
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= freeMinBytes
    ? [good("output", `alerts go to ${path}`)]
    : [
        bad(
          "output",
          "warning",
          `only ${Math.round((bavail * bsize) / 1024 / 1024)} MiB are free below ${folder}`,
          "alerts wait, then are lost, when it is full",
          "make room, or rotate the file and send SIGUSR1",
        ),
      ];
}

const nativeLibrary: Check = {
  id: "native_library",
  run: () => {
    try {
      loadShim();
      return [good("native_library", "the native library loads, and is the one that this executable was built with")];
    } catch (error) {
      return [
        bad(
          "native_library",
          "failure",
          (error as Error).message,
          "the sensor",
          "is there room and the right to execute in the temporary folder, and was MemoryDenyWriteExecute left out of the unit?",
        ),
      ];
    }
  },
};

const running: Check = {
  id: "agent",
  run: async ({ config: { config } }) => {
    const path = config?.service.controlSocket ?? "";
    if (path === "") return [];
    try {
      const status = await askStatus(path);
      const found = complaints(status);
      if (found.length === 0)
        return [good("agent", `agent ${status.version} runs as process ${status.pid} and is well`)];
      return found.map((message) => bad("agent", "warning", message, "the agent that runs", "agent status"));
    } catch (error) {
      if (!(error instanceof NoAgentError)) throw error;
      return [bad("agent", "warning", error.message, "nothing is watched, or nobody can ask", "agent run")];
    }
  },
};

export const agentChecks: readonly Check[] = [configuration, rules, owners, output, nativeLibrary, running];
