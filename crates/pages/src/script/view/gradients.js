// How far gradients reach back.

import { element, choice } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked } from "../base/data.js";
import { lines } from "../chart/lines.js";
import { table } from "../chart/table.js";

export async function drawGradients(host, all) {
  const of = (shown) => Object.keys(shown.arrays).filter((name) => name.includes("gradients.") && !name.startsWith("untrained."));
  // What most models have comes first.
  const shared = (name) => all.filter((shown) => shown.arrays[name]).length;
  const names = [...new Set(all.flatMap(of))].sort((a, b) => shared(b) - shared(a) || importance(a) - importance(b));
  const body = element("div");
  host.append(element("div", { class: "controls" }, choice("With respect to", names.map((name) => [name, titleOf(name)]), names[0], draw)), body);
  await draw(names[0]);

  async function draw(name) {
    const series = [];
    const rows = [];
    for (const [number, shown] of all.entries()) {
      for (const trained of [true, false]) {
        const array = shown.arrays[trained ? name : `untrained.${name}`];
        if (!array) continue;
        const values = await unpacked(array);
        const [distances, quantiles] = array.shape;
        const levels = (shown.labels.quantiles ?? []).map(Number);
        const column = (level) => Array.from({ length: distances }, (_, k) => values[k * quantiles + levels.indexOf(level)]);
        const median = column(0.5);
        const called = all.length > 1 ? `${shown.name}${trained ? "" : ", untrained"}` : trained ? "trained" : "untrained";
        series.push({
          name: called,
          x: median.map((_, k) => k),
          y: median,
          bands: all.length > 2 || !trained ? [] : [{ low: column(0.1), high: column(0.9) }, { low: column(0.25), high: column(0.75) }],
          dashed: !trained,
          colour: number,
        });
        const { factor, reach } = decay(median);
        rows.push([called, factor, reach ?? `beyond ${distances - 1}`]);
      }
    }
    body.replaceChildren();
    const [chart, figures] = [element("div"), element("div")];
    body.append(chart, figures);
    lines(chart, { title: titleOf(name), x: { label: "steps before the loss" }, y: { label: "norm of the gradient", log: true }, series });
    table(figures, { columns: [{ name: "model" }, { name: "factor a step", digits: 3 }, { name: "below 1 % of that near the loss after, steps" }], rows });
  }
}

/** States first, the last layer before the others. */
function importance(name) {
  return (name.includes("cell") ? 0 : name.includes("hidden") ? 1 : 2) + (name.startsWith("encoder.") ? 3 : 0) + (name.includes("_reverse") ? 0.5 : 0);
}

function titleOf(name) {
  const [part, what] = name.split("gradients.");
  const [kind, where] = what.split(".");
  const place = where ? ` of ${where.startsWith("b") ? `block ${where.slice(1)}` : `layer ${where.slice(1).replace("_reverse", ", backwards")}`}` : "";
  return `${part ? `${part.replace(".", "")}: ` : ""}${{ input: "input", hidden: where?.startsWith("b") ? "stream" : "hidden state", cell: "cell state" }[kind] ?? kind}${place}`;
}

/** Steps next to the loss, among which the gradient is the largest where it falls at all. */
const NEAR = 5;

/** The factor by which the median changes each step, from a line through its logarithms, and where it has fallen below a hundredth of
 * what it is near the loss. */
function decay(median) {
  const points = median.map((value, k) => [k, Math.log(value)]).filter(([, value]) => Number.isFinite(value));
  const top = points.filter(([k]) => k < NEAR).reduce((best, point) => (point[1] > best[1] ? point : best), points[0] ?? [0, 0]);
  const falling = points.filter(([k]) => k >= top[0]);
  const count = falling.length;
  if (count < 2) return { factor: null, reach: null };
  const [x, y] = [0, 1].map((axis) => falling.reduce((sum, point) => sum + point[axis], 0) / count);
  const slope = falling.reduce((sum, [k, value]) => sum + (k - x) * (value - y), 0) / falling.reduce((sum, [k]) => sum + (k - x) ** 2, 0);
  const below = median.findIndex((value, k) => k > top[0] && value < 0.01 * Math.exp(top[1]));
  return { factor: Math.exp(slope), reach: below < 0 ? undefined : written(below - top[0]) };
}
