// Made by build.ts for a release; this committed one stands for a run from source.

export const buildInfo: { readonly version: string; readonly commit: string; readonly bun: string; readonly target: string } = {
  version: "0.1.0",
  commit: "source",
  bun: "1.4.5",
  target: "source",
};
