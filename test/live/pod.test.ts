// A process in the control group of a pod's container: the alert names pod and namespace, read from the kubelet's folder. The agent has
// a /var/log of its own, so that none of this machine's takes part.

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { describeWhere, needsBpf, needsProgram } from "../needs.ts";
import { at, LiveAgent, runProgram, uniqueToken } from "./agent.ts";
import { compiler, startRule, TestFolder } from "./programs.ts";

const hierarchy = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"].find(
  (path) => existsSync(`${path}/cgroup.procs`),
);

describeWhere(
  "a pod",
  [
    needsBpf(),
    needsProgram(compiler),
    needsProgram("unshare"),
    hierarchy === undefined ? "needs a writable cgroup hierarchy" : undefined,
  ],
  () => {
    test("is named in the alert about what runs in it", async () => {
      const folder = new TestFolder("pod");
      const token = uniqueToken("sigil-pod-");
      const uid = crypto.randomUUID();
      const id = createHash("sha256").update(token).digest("hex");
      const script = `mount -t tmpfs none /var/log && mkdir -p "/var/log/pods/shop_app-7d9f_${uid}/app" && exec "$@"`;
      const groups = ["kubepods", `pod${uid}`, id].map((_, index, all) =>
        join(hierarchy ?? "", ...all.slice(0, index + 1)),
      );
      const made: string[] = [];
      try {
        await using agent = await LiveAgent.start({
          rules: [folder.write("rule.yml", startRule(token))],
          prefix: ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"],
        });
        const idle = await folder.compile("idle");
        for (const path of groups)
          if (!existsSync(path)) {
            mkdirSync(path);
            made.unshift(path);
          }
        const join = `echo $$ > ${groups.at(-1)}/cgroup.procs && exec ${idle} ${token}`;
        expect((await runProgram(["/bin/sh", "-c", join])).exitCode).toBe(0);
        const alert = await agent.waitFor((one) => at(one, "process.executable") === idle, "the alert of the pod");
        expect(at(alert, "container")).toEqual({ id, runtime: "kubernetes" });
        expect(at(alert, "orchestrator")).toEqual({
          type: "kubernetes",
          namespace: "shop",
          resource: { id: uid, name: "app-7d9f", type: "pod" },
        });
        await agent.stop();
      } finally {
        for (const path of made) rmdirSync(path);
        folder.dispose();
      }
    }, 120_000);
  },
);
