// Where the program starts: hands the command line to `cli` and exits with what it says. Scan workers and the like are
// entry points of their own (`*.worker.ts` beside this file).

import { dispatch, report } from "./cli/mod.ts";

// A fault that nobody caught: say it and stop, rather than go on half alive. A reader of stdout that went away is none.
process.on("uncaughtException", (error) => process.exit(report(error)));
process.on("unhandledRejection", (error) => process.exit(report(error)));

process.exit(await dispatch(process.argv.slice(2)));
