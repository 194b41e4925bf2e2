// The families of activities, each in its own file.

import type { ActivityFamily } from "./activity-event.ts";
import { fileFamily } from "./file-event.ts";
import { dnsFamily } from "./network/dns-event.ts";
import { closeFamily, connectionFamily, listenFamily } from "./network/network-event.ts";
import { operationFamilies } from "./operation-event.ts";

export const families: readonly ActivityFamily[] = [
  fileFamily,
  connectionFamily,
  closeFamily,
  listenFamily,
  dnsFamily,
  ...operationFamilies,
];
