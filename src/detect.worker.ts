// Door of the detect worker; started by workers.ts. The work is in control/detect/loop.ts.
import { runDetectLoop } from "./control/detect/mod.ts";

runDetectLoop();
