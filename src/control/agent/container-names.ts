// What a container is called: its name, image and labels, its pod and namespace, read from the files that the runtimes and the kubelet of
// this machine keep about it. Asked on the main thread when there is an alert, remembered, never asked over the network.
//
// What is looked at is named by 64 hexadecimal digits or a pod's uid, so that no name leads elsewhere; what is in the files
// was written by whoever may start containers, so that every text is checked and cut.

import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { ContainerContext } from "../../alert/mod.ts";

/** Bytes of a file about one container. Labels and mounts of the largest that were seen are some tens of kilobytes. */
const fileSizeMaxBytes = 1024 * 1024;
/** Containers that are remembered: more than run on a busy node at once. */
const rememberedMax = 2048;
/** What was not found is looked for again after this time: a runtime writes some files only once the container runs. */
const retryMs = 5000;
/** Entries of a folder that are looked at. */
const entriesMax = 20_000;
const textLengthMax = 512;
const labelsMax = 32;

export interface ContainerNamesOptions {
  /** Prefix of all paths; for tests. */
  readonly root?: string;
  readonly nowMs?: () => number;
}

type Facts = Omit<ContainerContext, "id" | "runtime">;

interface Remembered {
  readonly facts: Facts | undefined;
  /** When it may be asked again. */
  readonly untilMs: number;
}

export class ContainerNames {
  readonly #root: string;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Remembered>();

  constructor({ root = "/", nowMs = () => performance.now() }: ContainerNamesOptions = {}) {
    this.#root = root;
    this.#nowMs = nowMs;
  }

  /** The container with what is known about it. Reads some small files the first time, then none. Never throws. */
  describe(container: ContainerContext): ContainerContext {
    const { id, podUid } = container;
    if (!/^[0-9a-f]{64}$/.test(id)) return container;
    let known = this.#known.get(id);
    if (known === undefined || known.untilMs < this.#nowMs()) {
      const facts = this.#read(id, podUid);
      known = { facts, untilMs: facts?.name === undefined ? this.#nowMs() + retryMs : Number.POSITIVE_INFINITY };
      if (this.#known.size >= rememberedMax) this.#known.delete(this.#known.keys().next().value as string);
      this.#known.set(id, known);
    }
    return known.facts === undefined ? container : { ...container, ...known.facts };
  }

  #read(id: string, podUid: string | undefined): Facts | undefined {
    for (const read of [this.#docker, this.#annotations, this.#podman, this.#logLink]) {
      const facts = read(id);
      if (facts !== undefined) return facts;
    }
    return podUid === undefined ? undefined : this.#podFolder(podUid);
  }

  readonly #docker = (id: string): Facts | undefined => {
    const config = this.#json(`var/lib/docker/containers/${id}/config.v2.json`);
    if (config === undefined) return undefined;
    const settings = object(config.Config);
    const labels = labelsOf(object(settings?.Labels));
    return facts({
      name: text(config.Name)?.replace(/^\//, ""),
      image: text(settings?.Image),
      labels,
      pod: labels?.["io.kubernetes.pod.name"],
      namespace: labels?.["io.kubernetes.pod.namespace"],
    });
  };

  /** The runtime configuration that containerd and CRI-O hand to runc: Kubernetes' names are among its annotations. */
  readonly #annotations = (id: string): Facts | undefined => {
    for (const path of [
      `run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
      `run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
      `run/containers/storage/overlay-containers/${id}/userdata/config.json`,
    ]) {
      const notes = object(this.#json(path)?.annotations);
      if (notes === undefined) continue;
      const get = (...names: string[]): string | undefined => {
        for (const name of names) {
          const value = text(notes[name]);
          if (value !== undefined) return value;
        }
        return undefined;
      };
      const found = facts({
        name: get("io.kubernetes.cri.container-name", "io.kubernetes.container.name", "io.podman.annotations.name"),
        image: get("io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"),
        labels: undefined,
        pod: get("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
        namespace: get("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
      });
      if (found !== undefined) return found;
    }
    return undefined;
  };

  /** Podman's list of the containers that root runs. */
  readonly #podman = (id: string): Facts | undefined => {
    const list = this.#json("var/lib/containers/storage/overlay-containers/containers.json");
    if (!Array.isArray(list)) return undefined;
    const own = list
      .slice(0, entriesMax)
      .map((one) => object(one))
      .find((one) => one?.id === id);
    if (own === undefined) return undefined;
    const metadata = object(parse(text(own.metadata, fileSizeMaxBytes) ?? ""));
    return facts({
      name: Array.isArray(own.names) ? text(own.names[0]) : undefined,
      image: text(metadata?.["image-name"]),
      labels: undefined,
      pod: undefined,
      namespace: undefined,
    });
  };

  /** The kubelet's links: /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log. */
  readonly #logLink = (id: string): Facts | undefined => {
    for (const entry of this.#entries("var/log/containers")) {
      if (!entry.endsWith(`-${id}.log`)) continue;
      const [pod, namespace, name, more] = entry.slice(0, -`-${id}.log`.length).split("_");
      if (more === undefined) return facts({ name, image: undefined, labels: undefined, pod, namespace });
    }
    return undefined;
  };

  /** The kubelet's folders: /var/log/pods/NAMESPACE_POD_UID. */
  #podFolder(podUid: string): Facts | undefined {
    for (const entry of this.#entries("var/log/pods")) {
      if (!entry.endsWith(`_${podUid}`)) continue;
      const [namespace, pod] = entry.split("_");
      return facts({ name: undefined, image: undefined, labels: undefined, pod, namespace });
    }
    return undefined;
  }

  #entries(path: string): readonly string[] {
    try {
      return readdirSync(join(this.#root, path)).slice(0, entriesMax);
    } catch {
      return [];
    }
  }

  #json(path: string): Record<string, unknown> | undefined {
    return object(parse(readSmall(join(this.#root, path))), true);
  }
}

/** The file's text, or nothing when it is not there, larger than the limit, or no file. */
function readSmall(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const buffer = Buffer.allocUnsafe(fileSizeMaxBytes + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = readSync(fd, buffer, length, buffer.length - length, length);
    return length > fileSizeMaxBytes ? "" : buffer.toString("utf8", 0, length);
  } catch {
    return "";
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function parse(json: string): unknown {
  if (json === "") return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function object(value: unknown, orArray = false): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && (orArray || !Array.isArray(value))
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown, lengthMax = textLengthMax): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= lengthMax ? value : undefined;
}

function labelsOf(labels: Record<string, unknown> | undefined): Record<string, string> | undefined {
  if (labels === undefined) return undefined;
  const own = Object.entries(labels).filter(
    (pair): pair is [string, string] => text(pair[0]) !== undefined && text(pair[1]) !== undefined,
  );
  return own.length === 0 ? undefined : Object.fromEntries(own.slice(0, labelsMax));
}

interface Found {
  readonly name: string | undefined;
  readonly image: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
}

/** Without what is not known; `undefined` when that is all. */
function facts(found: Found): Facts | undefined {
  const entries = Object.entries(found).filter(([, value]) => value !== undefined && value !== "");
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Facts);
}
