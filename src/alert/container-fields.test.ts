import { expect, test } from "bun:test";
import { faults } from "../../test/fixtures/alerts/ecs-faults.ts";
import { agent, inputs, linuxHost } from "../../test/fixtures/alerts/inputs.ts";
import { AlertEncoder, type ContainerContext } from "./mod.ts";

const encoder = new AlertEncoder({ agent, host: linuxHost });
const input = Object.values(inputs).find(({ event }) => event.kind === "process_start");

function documentOf(container: ContainerContext): Record<string, unknown> {
  if (input === undefined) throw new Error("Cannot find an alert about a start among the fixtures");
  const { line } = encoder.alert({ ...input, event: { ...input.event, container } });
  return JSON.parse(line) as Record<string, unknown>;
}

test("a container in a pod is told in ECS: name, image, labels, pod and namespace", () => {
  const id = "a".repeat(64);
  const document = documentOf({
    id,
    runtime: "containerd",
    podUid: "3d5f4c1e-8c2b-4a5d-9e11-2b7f0c9a8d10",
    name: "app",
    image: "registry.example/app:2",
    labels: { "com.example/team": "shop", empty: "" },
    pod: "app-7d9f",
    namespace: "shop",
  });
  expect(document.container).toEqual({
    id,
    runtime: "containerd",
    name: "app",
    image: { name: "registry.example/app:2" },
    labels: { "com_example/team": "shop" },
  });
  expect(document.orchestrator).toEqual({
    type: "kubernetes",
    namespace: "shop",
    resource: { id: "3d5f4c1e-8c2b-4a5d-9e11-2b7f0c9a8d10", name: "app-7d9f", type: "pod" },
  });
  expect(faults(document)).toEqual([]);
});

test("a container outside of a pod has no orchestrator, and many labels are cut", () => {
  const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`label${index}`, "x".repeat(100)]));
  const document = documentOf({ id: "web", runtime: "lxc", labels });
  expect(document.orchestrator).toBeUndefined();
  expect(Object.keys((document.container as { labels: object }).labels)).toHaveLength(32);
  expect(faults(document)).toEqual([]);
});
