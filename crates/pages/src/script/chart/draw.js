// Draws the charts that a page holds as data: `<div data-chart="3">` is the fourth of its list.

import { lines } from "./lines.js";
import { bars } from "./bars.js";
import { table } from "./table.js";
import { heatmap } from "./heatmap.js";
import { text } from "./text.js";
import { plane } from "./plane.js";
import { tune } from "./tune.js";

const KINDS = { lines, bars, table, heatmap, text, plane, tune };

/** Draws a chart into an element; `spec.kind` says which. */
export function draw(host, spec) {
  return KINDS[spec.kind](host, spec);
}

/** Draws all charts below an element. */
export async function drawAll(root, specs) {
  for (const host of root.querySelectorAll("[data-chart]")) {
    draw(host, specs[Number(host.dataset.chart)]);
    await new Promise((next) => setTimeout(next));
  }
}
