// A forecast beside what came, in the columns' own units.

import { element, choice } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { follow } from "../base/cursor.js";
import { lines } from "../chart/lines.js";
import { plane } from "../chart/plane.js";
import { timesOf } from "./input.js";

const [READ, CAME, FORECAST, FORMING] = [6, 0, 1, 3];

export async function drawForecast(host, shown) {
  const [forecast, came, read] = await Promise.all(["forecast", "came", "input"].map((name) => unpacked(shown.arrays[name])));
  const running = shown.arrays["forecast.running"] && (await unpacked(shown.arrays["forecast.running"]));
  const [ahead, columns, levels] = shown.arrays.forecast.shape;
  const names = namesOf(shown, "channels", columns);
  const times = timesOf(shown);
  const known = times.count;
  const middle = Math.max(0, namesOf(shown, "levels", levels).indexOf("0.5"));
  const later = Array.from({ length: ahead }, (_, k) => k);
  const before = Array.from({ length: known }, (_, row) => row - known);
  const column = (values, c, level = 0, of = 1) => Array.from({ length: values.length / (columns * of) }, (_, k) => values[(k * columns + c) * of + level]);
  let chosen = 0;
  let step;
  const body = element("div");
  if (columns > 1) host.append(element("div", { class: "controls" }, choice("Column", names.map((name, k) => [k, name]), 0, (to) => ((chosen = Number(to)), draw()))));
  host.append(body);
  draw();
  if (columns === 2 && shown.about.task === "trajectory") drawPath();
  follow(host, (to) => {
    step = to;
    if (running) draw();
  });

  function draw() {
    const [seen, true_, said] = [column(read, chosen), column(came, chosen), column(forecast, chosen, middle, levels)];
    const bands = [];
    for (let k = 0; k < Math.floor(levels / 2); k++) bands.push({ low: column(forecast, chosen, k, levels), high: column(forecast, chosen, levels - 1 - k, levels) });
    const ends = namesOf(shown, "levels", levels);
    const series = [
      { name: "read", x: before, y: seen, colour: READ },
      // What came goes on from what was read.
      { name: "what came", ...there([-1, ...later], [seen.at(-1), ...true_]), colour: CAME },
      { name: bands.length ? `forecast (bands: ${bands.map((_, k) => `${ends[k]} to ${ends[levels - 1 - k]}`).join(", ")})` : "forecast", short: "forecast", x: later, y: said, bands, colour: FORECAST },
    ];
    const forming = running && step !== undefined && formed();
    if (forming) series.push(forming);
    body.replaceChildren();
    const place = element("div");
    body.append(place);
    lines(place, {
      x: { label: times.unit, named: times.named, marks: times.marks },
      y: { label: names[chosen] },
      series: series.filter((one) => one.x.length > 1),
      described: (x) => times.named(x),
      marks: [{ x: -0.5, label: "forecast" }],
    });
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

  function drawPath() {
    const place = element("div");
    host.append(place);
    const path = (name, values, colour, dashed = false, level = 0, of = 1) => {
      const [x, y] = [0, 1].map((c) => column(values, c, level, of));
      const known = x.map((_, k) => k).filter((k) => Number.isFinite(x[k]) && Number.isFinite(y[k]));
      const from = name === "read" ? [[], []] : [0, 1].map((c) => column(read, c).slice(-1));
      return { name, x: [...from[0], ...known.map((k) => x[k])], y: [...from[1], ...known.map((k) => y[k])], colour, dashed };
    };
    plane(place, {
      title: "The path",
      x: names[0],
      y: names[1],
      paths: [path("read", read, READ), path("what came", came, CAME), path("forecast", forecast, FORECAST, true, middle, levels)].filter((one) => one.x.length > 1),
      square: true,
    });
  }
}

/** Places whose number is known. */
function there(x, y) {
  const known = y.map((_, k) => k).filter((k) => Number.isFinite(y[k]));
  return { x: known.map((k) => x[k]), y: known.map((k) => y[k]) };
}
