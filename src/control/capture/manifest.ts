// What a capture says about where it comes from: enough to name host, users and processes as the live agent would have, anywhere.

import type { HostContext } from "../../alert/mod.ts";
import { abiDigest, abiVersion } from "../../event/mod.ts";
import { captureManifestTextMax, configListLengthMax } from "../config/limits.ts";
import { CaptureError } from "./format.ts";

export interface CaptureManifest {
  /** The layout of its records (native/abi.h). */
  readonly abi: { readonly version: number; readonly digest: string };
  readonly agent: { readonly version: string; readonly commit: string };
  readonly kernel: string;
  readonly host: HostContext;
  /** Host and boot: part of every process's identity. */
  readonly hostId: string;
  readonly hostMountNs: number;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  /** Of the configuration that it was recorded with: which files being read is an event, and how long connections are folded. */
  readonly sensitiveFiles: readonly string[];
  readonly foldIntervalMs: number;
  readonly probes: readonly { readonly name: string; readonly state: string; readonly error: string }[];
}

export const layoutDigest = abiDigest.toString(16).padStart(16, "0");

export function encodeManifest(manifest: Omit<CaptureManifest, "abi">): Buffer {
  return Buffer.from(JSON.stringify({ abi: { version: abiVersion, digest: layoutDigest }, ...manifest }));
}

/** Reads a manifest. Throws {@link CaptureError} when it is none, or its records have another layout than this program knows. */
export function decodeManifest(bytes: Buffer): CaptureManifest {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw new CaptureError("its manifest is not valid JSON");
  }
  const root = objectOf(value);
  const abi = objectOf(root.abi);
  const agent = objectOf(root.agent);
  const version = textOf(agent.version);
  if (abi.digest !== layoutDigest)
    throw new CaptureError(
      `its records have the layout ${textOf(abi.digest) || "(none)"}, this program knows ${layoutDigest}: replay it with agent ${version || "of the same version"}`,
    );
  const probes = Array.isArray(root.probes) ? root.probes.slice(0, probesMax).map(objectOf) : [];
  return {
    abi: { version: numberOf(abi.version), digest: layoutDigest },
    agent: { version, commit: textOf(agent.commit) },
    kernel: textOf(root.kernel),
    host: hostOf(objectOf(root.host)),
    hostId: textOf(root.hostId),
    hostMountNs: numberOf(root.hostMountNs),
    startedMs: numberOf(root.startedMs),
    sensitiveFiles: listOf(root.sensitiveFiles, sensitiveMax),
    foldIntervalMs: numberOf(root.foldIntervalMs),
    probes: probes.map(({ name, state, error }) => ({
      name: textOf(name),
      state: textOf(state),
      error: textOf(error),
    })),
  };
}

const probesMax = 1024;
const listMax = 64;
/** As many as a configuration may have. */
const sensitiveMax = configListLengthMax;

type Loose = Readonly<Record<string, unknown>>;
const objectOf = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const textOf = (value: unknown): string =>
  typeof value === "string" ? value.slice(0, captureManifestTextMax).toWellFormed() : "";
const numberOf = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const listOf = (value: unknown, max = listMax): string[] =>
  (Array.isArray(value) ? value : [])
    .slice(0, max)
    .map(textOf)
    .filter((text) => text !== "");

function hostOf(host: Loose): HostContext {
  const os = objectOf(host.os);
  const type = os.type === "linux" || os.type === "windows" || os.type === "macos" ? os.type : "";
  return {
    id: textOf(host.id),
    name: textOf(host.name),
    hostname: textOf(host.hostname),
    architecture: textOf(host.architecture),
    ip: listOf(host.ip),
    mac: listOf(host.mac),
    os: {
      type,
      family: textOf(os.family),
      platform: textOf(os.platform),
      name: textOf(os.name),
      version: textOf(os.version),
      kernel: textOf(os.kernel),
      full: textOf(os.full),
    },
  };
}
