// Gates and states of recurrent layers: units over steps.

import { element, svg, choice } from "../base/dom.js";
import { written, percent } from "../base/number.js";
import { unpacked, namesOf, called } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { heatmap } from "../chart/heatmap.js";
import { lines } from "../chart/lines.js";

const PARTS = {
  i: "input gate i",
  f: "forget gate f",
  g: "candidate g",
  o: "output gate o",
  c: "cell state c",
  r: "reset gate r",
  z: "update gate z",
  n: "candidate n",
  h: "hidden state h",
};

export async function drawGates(host, shown) {
  const layers = new Map();
  for (const plane of shown.planes) {
    const at = plane.name.lastIndexOf(".");
    const layer = plane.name.slice(0, at);
    if (!layer.includes("gates.")) continue;
    if (!layers.has(layer)) layers.set(layer, []);
    layers.get(layer).push({ ...plane, part: plane.name.slice(at + 1) });
  }
  const named = [...layers.keys()].map((layer) => [layer, layerName(layer)]);
  const body = element("div");
  let layer = named[0][0];
  let by = "number";
  const orders = [["number", "unit's number"], ["mean", "mean of the hidden state"]];
  if ([...layers.values()].some((planes) => planes.some((plane) => plane.time_constants))) orders.push(["time", "time constant"]);
  host.append(
    element(
      "div",
      { class: "controls" },
      named.length > 1 && choice("Layer", named, layer, (to) => ((layer = to), draw())),
      choice("Sort units by", orders, by, (to) => ((by = to), sort())),
    ),
    body,
  );
  let maps = [];
  await draw();

  async function draw() {
    const planes = layers.get(layer);
    body.replaceChildren();
    maps = [];
    for (const plane of planes) {
      const values = await unpacked(plane.values);
      const [rows, units] = plane.values.shape;
      const place = element("div", { class: "part" });
      body.append(place);
      const names = namesOf(shown, plane.axis, rows * plane.pooled);
      const gate = Boolean(plane.gate);
      const most = gate ? 1 : plane.part === "c" || plane.part === "h" ? usual(values) : 1;
      const limits = gate ? [0, 1] : [-most, most];
      const map = { plane, values, units, rows, order: [...Array(units).keys()] };
      map.chart = heatmap(place, {
        title: PARTS[plane.part],
        label: most > 1 ? "99 of 100 values lie between" : "",
        rows: { label: "unit", count: units },
        columns: { label: plane.pooled > 1 ? `steps, ${plane.pooled} to a column` : "step", count: rows, names: plane.pooled > 1 ? undefined : names },
        values: ordered(map),
        range: limits,
        ramp: gate ? "sequential" : "diverging",
        height: Math.min(180, Math.max(60, units * 2)),
        describe: (row, column) => `unit ${map.order[row]}, ${called(shown, plane.axis, column * plane.pooled)}: ${written(values[column * units + map.order[row]])}${plane.time_constants ? `\ntime constant ${written(plane.time_constants[map.order[row]])} steps` : ""}`,
        picked: (_, column) => plane.axis === "steps" && moveTo(column * plane.pooled),
      });
      if (plane.gate) place.querySelector(".said").append(histogram(plane.gate));
      maps.push(map);
    }
    const timed = planes.find((plane) => plane.time_constants);
    if (timed) {
      const place = element("div");
      body.append(place);
      const sorted = [...timed.time_constants].sort((a, b) => b - a);
      lines(place, {
        title: `Time constants from the ${PARTS[timed.part]}`,
        x: { label: "units, from the slowest" },
        y: { label: "steps", log: true },
        series: [{ name: "", x: sorted.map((_, k) => k + 1), y: sorted }],
        marks: [{ y: 1, label: "one step" }],
      });
    }
    sort();
    follow(body, (step) => {
      for (const { plane, chart } of maps) if (plane.axis === "steps") chart.mark({ column: Math.floor(step / plane.pooled) });
    });
  }

  function sort() {
    const planes = layers.get(layer);
    const hidden = planes.find((plane) => plane.part === "h").means;
    const times = planes.find((plane) => plane.time_constants)?.time_constants;
    const keys = by === "time" && times ? times : by === "mean" ? hidden : undefined;
    for (const map of maps) {
      map.order = [...Array(map.units).keys()];
      if (keys) map.order.sort((a, b) => keys[b] - keys[a]);
      map.chart.set({ values: ordered(map) });
    }
  }
}

/** A size that 99 of 100 values do not exceed, and 1 where all are below it. */
function usual(values) {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return Math.max(1, sizes[Math.floor(sizes.length * 0.99)] ?? 1);
}

/** Units × steps in an order of the units. */
function ordered({ values, units, rows, order }) {
  const turned = new Float32Array(values.length);
  order.forEach((unit, row) => {
    for (let step = 0; step < rows; step++) turned[row * rows + step] = values[step * units + unit];
  });
  return turned;
}

/** What a layer is called: its part of the model, number and direction. */
export function layerName(layer) {
  const [, part, number, reverse] = layer.match(/^(.*?)gates\.l(\d+)(_reverse)?/) ?? [];
  if (number === undefined) return layer;
  return `${part ? `${part.replace(/\.$/, "")} ` : ""}layer ${number}${reverse ? ", backwards" : ""}`;
}

/** A gate's distribution in small, with what is closed and open. */
function histogram({ histogram: bars, closed, open }) {
  const most = Math.max(...bars);
  const picture = svg("svg", { width: 100, height: 20, viewBox: "0 0 100 20", role: "img", "aria-label": "Distribution of the gate from 0 to 1", class: "spark" });
  bars.forEach((share, k) => {
    const high = (share / most) * 18;
    picture.append(svg("rect", { x: k * 5, y: 19 - high, width: 4, height: high + 0.5, fill: k < 2 || k >= 18 ? "var(--hot)" : "var(--soft)" }));
  });
  return element("span", { class: "distribution" }, picture, ` ${percent(closed)} closed (< 0.1), ${percent(open)} open (> 0.9)`);
}
