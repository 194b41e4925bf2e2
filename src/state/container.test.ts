import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { containerOf, podOf, systemdUnitOf } from "./container.ts";

const id = "0123456789abcdef".repeat(4);
const other = "fedcba9876543210".repeat(4);
const pod = "3d5f4c1e-8c2b-4a5d-9e11-2b7f0c9a8d10";
const podUnderscored = pod.replaceAll("-", "_");

describe("podOf", () => {
  for (const [what, path, wanted] of [
    [
      "systemd driver",
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${podUnderscored}.slice/cri-containerd-${id}.scope`,
      pod,
    ],
    ["cgroupfs driver", `/kubepods/burstable/pod${pod}/${id}`, pod],
    [
      "containerd's old naming",
      `/system.slice/containerd.service/kubepods-burstable-pod${podUnderscored}.slice:cri-containerd:${id}`,
      pod,
    ],
    ["a static pod", `/kubepods/burstable/pod${other.slice(0, 32)}/${id}`, other.slice(0, 32)],
    ["the pod itself, and what runs below it", `/kubepods/pod${pod}/x/y`, pod],
    ["no pod", `/system.slice/docker-${id}.scope`, undefined],
    ["something that only looks like one", "/podcast/kubepods-podzz.slice", undefined],
  ] as const)
    test(what, () => expect(podOf(path)).toBe(wanted));
});

describe("containerOf", () => {
  for (const [what, path, runtime, wanted = id] of [
    ["docker, cgroupfs driver", `/docker/${id}`, "docker"],
    ["docker, systemd driver", `/system.slice/docker-${id}.scope`, "docker"],
    ["docker, rootless", `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${id}.scope`, "docker"],
    ["docker with systemd inside", `/docker/${id}/system.slice/ssh.service`, "docker"],
    ["docker in docker: the inner one", `/docker/${other}/docker/${id}`, "docker"],
    ["podman", `/machine.slice/libpod-${id}.scope`, "podman"],
    ["podman, its inner group", `/machine.slice/libpod-${id}.scope/container`, "podman"],
    ["podman, cgroupfs", `/libpod_parent/libpod-${id}`, "podman"],
    ["podman, rootless", `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`, "podman"],
    ["nerdctl", `/system.slice/nerdctl-${id}.scope`, "containerd"],
    [
      "kubernetes, containerd, systemd",
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${podUnderscored}.slice/cri-containerd-${id}.scope`,
      "containerd",
    ],
    [
      "kubernetes, containerd, systemd, guaranteed",
      `/kubepods.slice/kubepods-pod${podUnderscored}.slice/cri-containerd-${id}.scope`,
      "containerd",
    ],
    [
      "kubernetes, containerd, old naming",
      `/system.slice/containerd.service/kubepods-burstable-pod${podUnderscored}.slice:cri-containerd:${id}`,
      "containerd",
    ],
    [
      "kubernetes, cri-o, systemd",
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${podUnderscored}.slice/crio-${id}.scope`,
      "cri-o",
    ],
    [
      "kubernetes, cri-o, its inner group",
      `/kubepods.slice/kubepods-pod${podUnderscored}.slice/crio-${id}.scope/container`,
      "cri-o",
    ],
    ["kubernetes, cri-o, cgroupfs", `/kubepods/besteffort/pod${pod}/crio-${id}`, "cri-o"],
    ["kubernetes, docker, systemd", `/kubepods.slice/kubepods-pod${podUnderscored}.slice/docker-${id}.scope`, "docker"],
    ["kubernetes, cgroupfs", `/kubepods/burstable/pod${pod}/${id}`, "kubernetes"],
    [
      "kubernetes in kind",
      `/docker/${other}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${podUnderscored}.slice/cri-containerd-${id}.scope`,
      "containerd",
    ],
    ["kubernetes, static pod", `/kubepods/burstable/pod${other.slice(0, 32)}/${id}`, "kubernetes"],
    ["lxc 4", "/lxc.payload.web-1/system.slice/nginx.service", "lxc", "web-1"],
    ["lxc, old", "/lxc/web.example", "lxc", "web.example"],
    ["systemd-nspawn", "/machine.slice/machine-debian.scope", "systemd-nspawn", "debian"],
    ["systemd-nspawn as a service", "/machine.slice/systemd-nspawn@debian.service/payload", "systemd-nspawn", "debian"],
  ] as const)
    test(`${what}`, () => {
      expect(containerOf(path)).toEqual({ id: wanted, runtime });
    });

  for (const [what, path] of [
    ["the root", "/"],
    ["nothing", ""],
    ["a service", "/system.slice/ssh.service"],
    ["docker itself", "/system.slice/docker.service"],
    ["containerd itself", "/system.slice/containerd.service"],
    ["a login", "/user.slice/user-1000.slice/session-3.scope"],
    ["podman's monitor", `/machine.slice/libpod-conmon-${id}.scope`],
    ["cri-o's monitor", `/kubepods.slice/crio-conmon-${id}.scope`],
    ["a bare id nowhere in particular", `/somewhere/${id}`],
    ["an id that is too short", `/docker/${id.slice(1)}`],
    ["an id in capitals", `/docker/${id.toUpperCase()}`],
    ["an id that goes on", `/system.slice/docker-${id}0.scope`],
    ["lxc's monitor", "/lxc.monitor.web-1"],
    ["a folder that is called like a pod", `/podman/${id}`],
  ] as const)
    test(`no container: ${what}`, () => {
      expect(containerOf(path)).toBeUndefined();
    });

  test("any path is answered, quickly", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom("docker", id, `docker-${id}.scope`, "lxc", "", "pod", "kubepods", ".", "a".repeat(200)),
          { maxLength: 200 },
        ),
        (names) => {
          const found = containerOf(`/${names.join("/")}`);
          if (found !== undefined) expect(names.some((name) => name.includes(found.id))).toBe(true);
        },
      ),
    );
  });
});

describe("systemdUnitOf", () => {
  for (const [path, unit] of [
    ["/system.slice/ssh.service", "ssh.service"],
    ["/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"],
    ["/user.slice/user-1000.slice/session-3.scope", "session-3.scope"],
    ["/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-12.scope", "app-firefox-12.scope"],
    ["/system.slice/postgresql@15-main.service/inner", "postgresql@15-main.service"],
    ["/system.slice/dev-disk\\x2dby.service", "dev-disk\\x2dby.service"],
    ["/user.slice/user-1000.slice", undefined],
    ["/", undefined],
    ["", undefined],
  ] as const)
    test(`${path || "nothing"} is ${unit ?? "no unit"}`, () => {
      expect(systemdUnitOf(path)).toBe(unit!);
    });
});
