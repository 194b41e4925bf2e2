/** The door of `cli`: understands the command line and starts what it asks for. */
export { dispatch, report } from "./dispatch.ts";
export { ExitCode } from "./exit-code.ts";
export { ClosedOutputError, isClosedOutput, writeErr, writeOut } from "./output.ts";
