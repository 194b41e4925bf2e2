// The page inside of a report: reads the data beside it and puts the parts together.

import type { ReportData } from "../data.ts";
import { h } from "./dom.ts";
import { EventPanel } from "./event.ts";
import { filterBar, header } from "./header.ts";
import { matrix } from "./matrix.ts";
import { names } from "./names.ts";
import { rules } from "./rules.ts";
import { State } from "./state.ts";
import { timeline } from "./timeline.ts";

const data = JSON.parse(document.getElementById("report-data")?.textContent ?? "") as ReportData;
const state = new State(data);
const panel = new EventPanel(data);

document.body.append(
  h("main", {}, header(state), filterBar(state), timeline(state), rules(state, panel), matrix(state), names(state)),
  panel.element,
);
