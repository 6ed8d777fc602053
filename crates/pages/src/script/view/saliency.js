// What the answer hangs on, and what it would be after each step.

import { element, visible } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked, namesOf, called } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { text } from "../chart/text.js";
import { bars } from "../chart/bars.js";
import { lines } from "../chart/lines.js";
import { heatmap } from "../chart/heatmap.js";
import { picture } from "../chart/picture.js";
import { pictureOf, timesOf } from "./input.js";
import { overPicture } from "./over.js";

/** Classes that have a line. */
const LINES = 6;

export async function drawSaliency(host, shown) {
  const { arrays, axes } = shown;
  const marks = [];
  const read = await pictureOf(shown);
  const classes = shown.labels.classes ?? [];
  // What is told of each step: a class behind the step itself, or the token that is written behind it.
  const each = arrays.said && axes.said.length === 2 ? await unpacked(arrays.said) : undefined;
  const told = (axis, count) => {
    const names = namesOf(shown, axis === "outputs" ? "steps" : axis, count);
    if (axis === "steps") return names.map((_, k) => names[k + 1] ?? "<end>");
    if (!each) return names;
    const width = each.length / count;
    return names.map((name, k) => {
      const row = [...each.slice(k * width, (k + 1) * width)];
      const best = row.indexOf(Math.max(...row));
      return `${name} → ${classes[best] ?? best}`;
    });
  };
  for (const name of Object.keys(arrays).filter((name) => name.startsWith("saliency"))) {
    const values = await unpacked(arrays[name]);
    const place = element("div");
    host.append(place);
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    const own = axes[name];
    if (own.length === 1 && read?.axis === own[0] && read.cells === values.length) {
      const drawn = picture(place, {
        ...read,
        title: "The picture",
        label: `Gradient × input: blue ${written(-most)}, none 0, orange ${written(most)}.`,
        shades: values,
        range: [-most, most],
        describe: (step) => `step ${step}: ${written(values[step])}`,
        picked: (step) => own[0] === "steps" && moveTo(step),
      });
      if (own[0] === "steps") marks.push((step) => drawn.mark(step));
    } else if (own.length === 1 && arrays.input) {
      // What was read as curves has one over the steps.
      const times = timesOf(shown);
      const drawn = lines(place, {
        title: "The input",
        x: { label: "step" },
        y: { label: "gradient × input" },
        series: [{ name: "", x: [...values.keys()], y: [...values] }],
        marks: [{ y: 0, label: "" }],
        described: (step) => `step ${step}, ${times.rowsOf(step).map(times.told).join(" to ")}`,
        picked: moveTo,
      });
      marks.push((step) => drawn.mark([step, step]));
    } else if (own.length === 1) {
      const names = namesOf(shown, own[0], values.length);
      const { pieces, between } = shown.texts[own[0]] ?? { pieces: names, between: " " };
      const shaded = text(place, {
        title: own[0] === "source" ? "What was read" : "The input",
        label: "Gradient × input",
        tokens: pieces,
        between,
        shades: [...values],
        range: [-most, most],
        describe: (step) => `${called(shown, own[0], step)}: ${written(values[step])}`,
        picked: (step) => own[0] === "steps" && moveTo(step),
      });
      if (own[0] === "steps") marks.push((step) => shaded.mark(step));
    } else {
      const [rows, columns] = arrays[name].shape;
      const [down, across] = [told(own[0], rows), namesOf(shown, own[1], columns)];
      const map = heatmap(place, {
        title: shown.descriptions[name],
        label: "gradient × input",
        rows: { label: "what is said", count: rows, names: down },
        columns: { label: "what is read", count: columns, names: across },
        values,
        range: [-most, most],
        square: true,
        height: 420,
        zoom: true,
        describe: (row, column) => `${visible(down[row])} hangs on ${visible(across[column])}: ${written(values[row * columns + column])}`,
      });
      if (own[1] === "steps") marks.push((step) => map.mark({ column: step }));
      if (own[0] === "steps" && read?.axis === own[1] && read.cells === columns) {
        // A word that is written pulls at the parts of the picture that it was written from.
        const row = (step) => values.subarray(step * columns, (step + 1) * columns);
        const over = element("div");
        host.append(over);
        marks.push(
          overPicture(over, {
            read,
            title: "Over the picture",
            count: rows,
            words: true,
            called: (step) => visible(down[step]),
            shades: row,
            range: () => [-most, most],
            told: (step) => `What “${visible(down[step])}” (after step ${step}) hangs on; gradient × input: blue ${written(-most)}, none 0, orange ${written(most)}.`,
            describe: (step, cell) => `${visible(down[step])} hangs on step ${cell}: ${written(row(step)[cell])}`,
          }),
        );
      }
    }
  }
  if (arrays.running) {
    const values = await unpacked(arrays.running);
    const [steps, width] = arrays.running.shape;
    const share = shown.about.says !== "numbers";
    const last = (k) => values[(steps - 1) * width + k];
    const all = [...Array(width).keys()];
    // Of probabilities the largest, of numbers some from the first to the last.
    const some = all.filter((k) => Math.floor((k * LINES) / width) !== Math.floor(((k - 1) * LINES) / width));
    const order = share ? all.sort((a, b) => last(b) - last(a)).slice(0, LINES) : some;
    const which = width <= LINES ? "" : share ? `: the ${LINES} most probable of ${width} at the end` : `: ${LINES} of ${width}`;
    const place = element("div");
    host.append(place);
    const drawn = lines(place, {
      title: `What it would say if the sequence ended there${which}`,
      x: { label: "step that is read last" },
      y: { label: share ? "probability" : "output", low: share ? 0 : undefined, high: share ? 1 : undefined },
      series: order.map((k) => ({ name: classes[k] ?? String(k), x: Array.from({ length: steps }, (_, step) => step), y: Array.from({ length: steps }, (_, step) => values[step * width + k]), points: steps <= 40 })),
      described: (x) => called(shown, axes.running[0], x),
      picked: moveTo,
    });
    marks.push((step) => drawn.mark([step, step]));
  } else if (arrays.said && axes.said.length === 1) {
    const values = await unpacked(arrays.said);
    const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 10);
    const place = element("div");
    host.append(place);
    const share = shown.about.says !== "numbers";
    bars(place, { title: "What it says", label: share ? "Probability" : "Output", names: order.map((k) => classes[k] ?? String(k)), series: [{ name: "", values: order.map((k) => values[k]) }], share, high: share ? 1 : undefined });
  }
  follow(host, (step) => marks.forEach((mark) => mark(step)));
}
