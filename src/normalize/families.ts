// The families of activities, each in its own file.

import type { ActivityFamily } from "./activity-event.ts";
import { fileFamily } from "./file-event.ts";
import { operationFamilies } from "./operation-event.ts";

export const families: readonly ActivityFamily[] = [fileFamily, ...operationFamilies];
