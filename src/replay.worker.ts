// Door of the workers that read recordings; started by workers.ts. The work is in control/replay/worker.ts.
import { serveReader } from "./control/replay/mod.ts";

declare const self: Worker;

const take = serveReader({ postMessage: (message, transfer) => self.postMessage(message, transfer) });
self.onmessage = ({ data }: MessageEvent) => take(data);
