import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ContainerNames } from "./container-names.ts";

const id = "0123456789abcdef".repeat(4);
const podUid = "3d5f4c1e-8c2b-4a5d-9e11-2b7f0c9a8d10";
let root = "";
let nowMs = 0;
let names: ContainerNames;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sigil-containers-"));
  nowMs = 0;
  names = new ContainerNames({ root, nowMs: () => nowMs });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, content: unknown): void {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content));
}

describe("a container is called what is written about it by", () => {
  test("Docker", () => {
    put(`var/lib/docker/containers/${id}/config.v2.json`, {
      ID: id,
      Name: "/web",
      Config: { Image: "nginx:1.27", Labels: { "com.example/team": "shop", bad: 7 } },
    });
    expect(names.describe({ id, runtime: "docker" })).toEqual({
      id,
      runtime: "docker",
      name: "web",
      image: "nginx:1.27",
      labels: { "com.example/team": "shop" },
    });
  });

  test("containerd and CRI-O, in the annotations for runc", () => {
    put(`run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`, {
      annotations: {
        "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.image-name": "registry.example/app:2",
        "io.kubernetes.cri.sandbox-name": "app-7d9f",
        "io.kubernetes.cri.sandbox-namespace": "shop",
      },
    });
    const wanted = { name: "app", pod: "app-7d9f", namespace: "shop" };
    expect(names.describe({ id, runtime: "containerd", podUid })).toMatchObject({
      ...wanted,
      podUid,
      image: "registry.example/app:2",
    });
    const other = "f".repeat(64);
    put(`run/containers/storage/overlay-containers/${other}/userdata/config.json`, {
      annotations: {
        "io.kubernetes.container.name": "app",
        "io.kubernetes.pod.name": "app-7d9f",
        "io.kubernetes.pod.namespace": "shop",
      },
    });
    expect(names.describe({ id: other, runtime: "cri-o" })).toMatchObject(wanted);
  });

  test("Podman", () => {
    put("var/lib/containers/storage/overlay-containers/containers.json", [
      null,
      { id: "x" },
      { id, names: ["db"], metadata: JSON.stringify({ "image-name": "docker.io/library/postgres:16" }) },
    ]);
    expect(names.describe({ id, runtime: "podman" })).toMatchObject({
      name: "db",
      image: "docker.io/library/postgres:16",
    });
  });

  test("the kubelet: its links to logs, else the folder of the pod", () => {
    put(`var/log/pods/shop_app-7d9f_${podUid}/app/0.log`, "");
    expect(names.describe({ id, runtime: "kubernetes", podUid })).toEqual({
      id,
      runtime: "kubernetes",
      podUid,
      pod: "app-7d9f",
      namespace: "shop",
    });
    mkdirSync(join(root, "var/log/containers"));
    symlinkSync("/nowhere", join(root, `var/log/containers/app-7d9f_shop_app-${id}.log`));
    nowMs += 10_000;
    expect(names.describe({ id, runtime: "kubernetes", podUid })).toMatchObject({
      name: "app",
      pod: "app-7d9f",
      namespace: "shop",
    });
  });
});

test("what was found is not read again, what was not is looked for again after a while", () => {
  const config = `var/lib/docker/containers/${id}/config.v2.json`;
  expect(names.describe({ id, runtime: "docker" })).toEqual({ id, runtime: "docker" });
  put(config, { Name: "/late" });
  expect(names.describe({ id, runtime: "docker" }).name).toBeUndefined();
  nowMs += 10_000;
  expect(names.describe({ id, runtime: "docker" }).name).toBe("late");
  put(config, { Name: "/renamed" });
  nowMs += 1e9;
  expect(names.describe({ id, runtime: "docker" }).name).toBe("late");
});

test("a name that leads elsewhere is not followed, and damaged, huge and strange files say nothing", () => {
  put("var/lib/docker/config.v2.json", { Name: "/outside" });
  expect(names.describe({ id: "..", runtime: "lxc" })).toEqual({ id: "..", runtime: "lxc" });
  const contents: unknown[] = [
    "{",
    "[]",
    "7",
    { Name: 7, Config: [] },
    { Name: "x".repeat(5000), Config: { Image: {}, Labels: "a" } },
    `{"Name":"/big","x":"${"y".repeat(2_000_000)}"}`,
  ];
  for (const [index, content] of contents.entries()) {
    const one = String(index).repeat(64);
    put(`var/lib/docker/containers/${one}/config.v2.json`, content);
    put(`run/containers/storage/overlay-containers/${one}/userdata/config.json`, { annotations: [content] });
    expect(names.describe({ id: one, runtime: "docker" })).toEqual({ id: one, runtime: "docker" });
  }
  mkdirSync(join(root, `var/lib/docker/containers/${id}/config.v2.json`), { recursive: true });
  expect(names.describe({ id, runtime: "docker" })).toEqual({ id, runtime: "docker" });
});
