// The container of an event, and the pod around it, in ECS.

import type { ContainerContext } from "./model.ts";
import { compactDoc, type Doc, type Shaper } from "./shaper.ts";

/** Labels that an alert shows. */
const labelsMax = 32;

/** A dot would make an object of it in an index, beside a label that is the part before the dot. */
const labelName = (name: string): string => name.slice(0, 256).toWellFormed().replaceAll(".", "_");

/** `container.*` and `orchestrator.*`; empty on the host. */
export function containerDocs(container: ContainerContext | undefined, shaper: Shaper): Doc {
  if (container === undefined) return {};
  const { id, runtime, podUid, name, image, labels, pod, namespace } = container;
  const short = (value: string | undefined, field: string): string | undefined => shaper.text(value, field, 512);
  const shown = Object.entries(labels ?? {}).slice(0, labelsMax);
  const own = compactDoc({
    id: shaper.text(id, "container.id", 256),
    runtime: shaper.text(runtime, "container.runtime", 64),
    name: short(name, "container.name"),
    image: { name: short(image, "container.image.name") },
    labels:
      shown.length === 0 || shaper.isMinimal
        ? undefined
        : Object.fromEntries(shown.map(([key, value]) => [labelName(key), short(value, "container.labels")])),
  });
  const isPod = podUid !== undefined || pod !== undefined;
  const orchestrator = isPod
    ? compactDoc({
        type: "kubernetes",
        namespace: short(namespace, "orchestrator.namespace"),
        resource: {
          id: short(podUid, "orchestrator.resource.id"),
          name: short(pod, "orchestrator.resource.name"),
          type: "pod",
        },
      })
    : undefined;
  return { container: own, ...(orchestrator === undefined ? {} : { orchestrator }) };
}
