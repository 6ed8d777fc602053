// What was read, where it is no text: curves over time, or a picture.

import { element } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { lines } from "../chart/lines.js";
import { heatmap } from "../chart/heatmap.js";
import { picture } from "../chart/picture.js";

/** Columns that have a line each, at most; more are rows of a heat map. */
const CURVES = 8;
/** How many times as far as the others a column may reach on the same axis. */
const ALIKE = 8;

export async function drawInput(host, shown) {
  if (shown.arrays.picture) await drawPicture(host, shown);
  if (shown.arrays.input) await drawCurves(host, shown);
}

async function drawPicture(host, shown) {
  const read = await pictureOf(shown);
  const { axis, cells } = read;
  const unit = shown.about.unit === "token" ? "step" : shown.about.unit;
  const drawn = picture(host, {
    ...read,
    describe: (cell) => `${unit} ${cell}`,
    picked: (cell) => axis === "steps" && moveTo(cell),
  });
  host.append(element("p", { class: "said", text: `${read.size[1]} × ${read.size[0]} pixels, read as ${cells} steps: ${read.grid[0]} × ${read.grid[1]} parts, row by row from above.` }));
  if (axis === "steps") follow(host, (step) => drawn.mark(step));
}

/** The picture that was read, as the chart of pictures takes it; `axis` is that of its steps. None where none was read. */
export async function pictureOf(shown) {
  const packed = shown.arrays.picture;
  if (!packed) return undefined;
  const { grid } = shown.about.picture;
  return { size: packed.shape, pixels: await unpacked(packed), grid, cells: grid[0] * grid[1], axis: shown.axes["encoder.frames"] ? "source" : "steps" };
}

/** What round dates end in, the roundest first: years, months, days, hours. */
const ROUND = [/-01-01([ T]00:00(:00)?)?$/, /-01([ T]00:00(:00)?)?$/, /[ T]00:00(:00)?$/, /:00(:00)?$/];

/** When the rows of an input were, and which of them make a step. */
export function timesOf(shown) {
  const { unit, apart, first, size, stride } = shown.about.input;
  const [count] = shown.arrays.input.shape;
  const names = shown.labels.times;
  const steps = shown.arrays.frames?.shape[0] ?? count;
  // Stamps that are all at whole minutes, or at midnight, are written without what is zero.
  const zeros = [/[ T]00:00(:00)?$/, /(?<=:\d\d):00$/].find((end) => names?.every((name) => end.test(name)));
  const short = (name) => (zeros ? name.replace(zeros, "") : name);
  // Those with names count back from where the input ends.
  const x = (row) => (names ? row - count : row * apart);
  const rowAt = (value) => (names ? value + count : Math.round(value / apart));
  const nameAt = (value) => names[value + count] ?? shown.labels.ahead?.[value] ?? "";
  return {
    unit,
    count,
    x,
    /** Round dates from a place to another, so many at most; none where there are not some. */
    marks: (low, high, most) => {
      const places = Array.from({ length: Math.max(0, Math.floor(high) - Math.ceil(low) + 1) }, (_, k) => Math.ceil(low) + k);
      for (const end of names ? ROUND : []) {
        const found = places.filter((place) => end.test(nameAt(place)));
        const every = Math.ceil(found.length / most);
        const some = found.filter((_, k) => k % every === 0);
        if (some.length >= Math.min(3, most)) return some;
      }
      return undefined;
    },
    named: names && ((value) => short(nameAt(value))),
    told: (row) => (names ? names[row] : `${written(x(row), 5)} ${unit}`),
    rowsOf: (step) => [first + step * stride, Math.min(count, first + step * stride + size) - 1],
    stepAt: (value) => Math.max(0, Math.min(steps - 1, Math.floor((rowAt(value) - first) / stride))),
  };
}

async function drawCurves(host, shown) {
  const values = await unpacked(shown.arrays.input);
  const [count, width] = shown.arrays.input.shape;
  const times = timesOf(shown);
  const channels = namesOf(shown, "channels", width);
  const marks = [];
  const what = shown.about.input.what;
  if (width > CURVES) {
    // High bands and pitches on top, as on a staff.
    const turned = new Float32Array(values.length);
    for (let c = 0; c < width; c++) for (let t = 0; t < count; t++) turned[(width - 1 - c) * count + t] = values[t * width + c];
    const map = heatmap(host, {
      label: what,
      rows: { label: "", count: width, names: [...channels].reverse(), some: true },
      columns: { label: times.named ? times.unit : "step", count, names: shown.labels.times, some: true },
      values: turned,
      ramp: "sequential",
      height: 260,
      describe: (row, column) => `${channels[width - 1 - row]}, ${times.told(column)} (step ${times.stepAt(times.x(column))}): ${written(values[column * width + width - 1 - row], 4)}`,
      picked: (_, column) => moveTo(times.stepAt(times.x(column))),
    });
    marks.push((step) => {
      const [from, to] = times.rowsOf(step);
      map.mark({ column: from, columns: to - from + 1 });
    });
  } else {
    const x = Array.from({ length: count }, (_, row) => times.x(row));
    const series = channels.map((name, c) => ({ name: width > 1 ? name : "", x, y: Array.from({ length: count }, (_, row) => values[row * width + c]), colour: c }));
    for (const some of alike(series)) {
      const place = element("div");
      host.append(place);
      const chart = lines(place, {
        x: { label: times.unit, named: times.named, marks: times.marks },
        y: { label: some.length > 1 ? "value" : channels[some[0].colour] },
        series: some,
        height: some.length < series.length ? 160 : undefined,
        described: (value) => `${times.named ? times.named(value) : `${written(value, 5)} ${times.unit}`} (step ${times.stepAt(value)})`,
        picked: (value) => moveTo(times.stepAt(value)),
      });
      marks.push((step) => chart.mark(times.rowsOf(step).map(times.x)));
    }
    host.append(element("p", { class: "said", text: `${what[0].toUpperCase()}${what.slice(1)}.` }));
  }
  follow(host, (step) => marks.forEach((mark) => mark(step)));
}

/** Series that go on one axis: all of them, or each by itself where one would flatten the others. */
function alike(series) {
  const ends = series.map(({ y }) => [y.reduce((a, b) => Math.min(a, b), Infinity), y.reduce((a, b) => Math.max(a, b), -Infinity)]);
  const whole = Math.max(...ends.map(([, high]) => high)) - Math.min(...ends.map(([low]) => low));
  const moving = ends.map(([low, high]) => high - low).filter((span) => span > 0);
  return moving.some((span) => whole > ALIKE * span) ? series.map((one) => [{ ...one, name: "" }]) : [series];
}
