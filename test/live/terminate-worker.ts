// Preloaded into an agent that runs from source (`bun --preload`): ends its detect worker on SIGUSR2, as a crash would. The program
// itself has no such switch.

const workers: Worker[] = [];
const Original = globalThis.Worker;
globalThis.Worker = class extends Original {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    workers.push(this);
  }
};
process.on("SIGUSR2", () => workers.at(-1)?.terminate());
