// A forecast behind what was read, beside what came, in the columns' own units.

import { element, choice } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { follow } from "../base/cursor.js";
import { lines } from "../chart/lines.js";
import { plane } from "../chart/plane.js";
import { timesOf } from "./input.js";

const [READ, CAME, FORECAST, FORMING] = [6, 0, 1, 3];

/**
 * Draws one column over time: what was `read`, the `forecast` behind it, what `came` where that is known; `bands` (`{low, high, name}`) from the widest
 * to the narrowest; `more` lines; `times` as `timesOf` gives them, in which the first step that is forecast is 0.
 */
export function drawColumn(host, { name, read, came = [], forecast, bands, times, more = [] }) {
  const later = Array.from({ length: forecast.length }, (_, k) => k);
  const series = [
    { name: "read", x: read.map((_, row) => row - read.length), y: read, colour: READ },
    // What came goes on from what was read.
    { name: "what came", ...there([-1, ...later], [read.at(-1), ...came]), colour: CAME },
    { name: bands.length ? `forecast (bands: ${bands.map((band) => band.name).join(", ")})` : "forecast", short: "forecast", x: later, y: forecast, bands, colour: FORECAST },
    ...more,
  ];
  lines(host, {
    x: { label: times.unit, named: times.named, marks: times.marks },
    y: { label: name },
    series: series.filter((one) => one.x.length > 1 || one.y === forecast),
    described: times.named,
    marks: [{ x: -0.5, label: "forecast" }],
  });
}

/** Draws a path through the plane: `read`, `came` and `forecast` are the numbers of its two columns, each. */
export function drawPath(host, { names, read, came = [[], []], forecast }) {
  const path = (name, [x, y], colour, dashed) => {
    const known = x.map((_, k) => k).filter((k) => Number.isFinite(x[k]) && Number.isFinite(y[k]));
    // What follows goes on from what was read.
    const from = read[0] === x ? [[], []] : read.map((values) => values.slice(-1));
    return { name, x: [...from[0], ...known.map((k) => x[k])], y: [...from[1], ...known.map((k) => y[k])], colour, dashed };
  };
  const paths = [path("read", read, READ), path("what came", came, CAME), path("forecast", forecast, FORECAST, true)];
  plane(host, { title: "The path", x: names[0], y: names[1], paths: paths.filter((one) => one.x.length > 1), square: true });
}

export async function drawForecast(host, shown) {
  const [forecast, came, read] = await Promise.all(["forecast", "came", "input"].map((name) => unpacked(shown.arrays[name])));
  const running = shown.arrays["forecast.running"] && (await unpacked(shown.arrays["forecast.running"]));
  const [ahead, columns, levels] = shown.arrays.forecast.shape;
  const names = namesOf(shown, "channels", columns);
  const ends = namesOf(shown, "levels", levels);
  const times = timesOf(shown);
  const middle = Math.max(0, ends.indexOf("0.5"));
  const later = Array.from({ length: ahead }, (_, k) => k);
  const column = (values, c, level = 0, of = 1) => Array.from({ length: values.length / (columns * of) }, (_, k) => values[(k * columns + c) * of + level]);
  let chosen = 0;
  let step;
  const body = element("div");
  if (columns > 1) host.append(element("div", { class: "controls" }, choice("Column", names.map((name, k) => [k, name]), 0, (to) => ((chosen = Number(to)), draw()))));
  host.append(body);
  draw();
  if (columns === 2 && shown.about.task === "trajectory") {
    const place = element("div");
    host.append(place);
    const both = (values, level, of) => [0, 1].map((c) => column(values, c, level, of));
    drawPath(place, { names, read: both(read), came: both(came), forecast: both(forecast, middle, levels) });
  }
  follow(host, (to) => {
    step = to;
    if (running) draw();
  });

  function draw() {
    const [true_, said] = [column(came, chosen), column(forecast, chosen, middle, levels)];
    const band = (k) => ({ low: column(forecast, chosen, k, levels), high: column(forecast, chosen, levels - 1 - k, levels), name: `${ends[k]} to ${ends[levels - 1 - k]}` });
    const bands = Array.from({ length: Math.floor(levels / 2) }, (_, k) => band(k));
    const forming = running && step !== undefined && formed();
    const place = element("div");
    body.replaceChildren(place);
    drawColumn(place, { name: names[chosen], read: column(read, chosen), came: true_, forecast: said, bands, times, more: forming ? [forming] : [] });
    const errors = later.map((k) => Math.abs(said[k] - true_[k])).filter(Number.isFinite);
    const error = errors.reduce((a, b) => a + b, 0) / errors.length;
    const parts = [errors.length ? `Mean absolute error ${written(error)} over ${errors.length} of ${ahead} steps, in the unit of ${names[chosen]}.` : "What came is not known yet."];
    if (running && !forming && shown.labels.read.includes(names[chosen])) parts.push("A step that is pointed at above shows the forecast as it would stand had the network read no further.");
    body.append(element("p", { class: "said", text: parts.join(" ") }));
  }

  /** The forecast as it stood after the step that the page looks at. */
  function formed() {
    const [steps, atOnce, width] = shown.arrays["forecast.running"].shape;
    const own = shown.labels.read.indexOf(names[chosen]);
    if (own < 0 || step >= steps) return undefined;
    const y = Array.from({ length: atOnce }, (_, k) => running[(step * atOnce + k) * width + own]);
    return { name: `after step ${step}`, x: later.slice(0, atOnce), y, dashed: true, colour: FORMING };
  }
}

/** Places whose number is known. */
function there(x, y) {
  const known = y.map((_, k) => k).filter((k) => Number.isFinite(y[k]));
  return { x: known.map((k) => x[k]), y: known.map((k) => y[k]) };
}
