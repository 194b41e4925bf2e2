// Which container a process runs in, read off its cgroup path: the id and the runtime that named the group. Works for v1, v2 and
// hybrid hosts, since the kernel side hands over the hierarchy that says more. Pure and cheap; called when a rule or an
// alert asks.

export interface ContainerRef {
  readonly id: string;
  readonly runtime: string;
}

const hex = "[0-9a-f]{64}";

/** Names that runtimes give to a container's cgroup; the first group is the id. Monitors (conmon) are not containers. */
const patterns: readonly { readonly runtime: string; readonly pattern: RegExp }[] = [
  { runtime: "docker", pattern: new RegExp(`^docker-(${hex})\\.scope$`) },
  { runtime: "cri-o", pattern: new RegExp(`^crio-(${hex})(?:\\.scope)?$`) },
  { runtime: "podman", pattern: new RegExp(`^libpod-(${hex})(?:\\.scope)?$`) },
  { runtime: "containerd", pattern: new RegExp(`^cri-containerd-(${hex})\\.scope$`) },
  { runtime: "containerd", pattern: new RegExp(`^[^:]+:cri-containerd:(${hex})$`) },
  { runtime: "containerd", pattern: new RegExp(`^nerdctl-(${hex})\\.scope$`) },
  { runtime: "lxc", pattern: /^lxc\.payload\.([A-Za-z0-9_.-]{1,128})$/ },
  {
    runtime: "systemd-nspawn",
    pattern: /^(?:machine|systemd-nspawn)[-@]([A-Za-z0-9_.\\-]{1,128})\.(?:scope|service)$/,
  },
];

/** Parents under which a bare name is a container's id, for runtimes that use the cgroup file system directly. */
const parents: readonly { readonly runtime: string; readonly parent: RegExp; readonly id: RegExp }[] = [
  { runtime: "docker", parent: /^docker$/, id: new RegExp(`^(${hex})$`) },
  { runtime: "podman", parent: /^libpod_parent$/, id: new RegExp(`^(?:libpod-)?(${hex})$`) },
  { runtime: "lxc", parent: /^lxc(?:\.payload)?$/, id: /^([A-Za-z0-9_.-]{1,128})$/ },
  // A pod's folder does not say which runtime made it.
  {
    runtime: "kubernetes",
    parent: /^(?:kubelet-)?(?:kubepods[a-z-]*-)?pod[0-9a-f_-]{32,40}(?:\.slice)?$/,
    id: new RegExp(`^(${hex})$`),
  },
];

/** The innermost container of a cgroup path (`/a/b/c`), or `undefined` on the host. O(length). */
export function containerOf(cgroupPath: string): ContainerRef | undefined {
  const names = cgroupPath.split("/");
  for (let i = names.length - 1; i > 0; i--) {
    const name = names[i] as string;
    for (const { runtime, pattern } of patterns) {
      const id = pattern.exec(name)?.[1];
      if (id !== undefined) return { id, runtime };
    }
    const above = names[i - 1] as string;
    for (const { runtime, parent, id } of parents) {
      const found = parent.test(above) ? id.exec(name)?.[1] : undefined;
      if (found !== undefined) return { id: found, runtime };
    }
  }
  return undefined;
}

/** The systemd unit a cgroup path belongs to: its innermost service or scope, containers excluded; `undefined` when none. */
export function systemdUnitOf(cgroupPath: string): string | undefined {
  const names = cgroupPath.split("/");
  for (let i = names.length - 1; i > 0; i--) {
    const name = names[i] as string;
    if (/^[A-Za-z0-9:_.@\\-]{1,255}\.(?:service|scope)$/.test(name)) return name;
  }
  return undefined;
}

/** `kubepods-burstable-pod0a1b_…slice`, `pod0a1b-…`, also with the old suffix of containerd: the pod's uid, or a static pod's digest. */
const podName = /^(?:kubelet-)?(?:kubepods[a-z-]*-)?pod([0-9a-f_-]{32,36})(?:\.slice)?(?:$|:)/;

/** Uid of the Kubernetes pod that a cgroup path belongs to, as Kubernetes writes it; `undefined` outside of pods. O(length). */
export function podOf(cgroupPath: string): string | undefined {
  const names = cgroupPath.split("/");
  for (let i = names.length - 1; i > 0; i--) {
    const uid = podName.exec(names[i] as string)?.[1];
    if (uid !== undefined) return uid.replaceAll("_", "-");
  }
  return undefined;
}
