// Attention: all heads in small, one whole, and what each does in numbers.

import { element, visible } from "../base/dom.js";
import { written, percent } from "../base/number.js";
import { unpacked, namesOf, called } from "../base/data.js";
import { ramp } from "../base/colour.js";
import { redrawn } from "../base/figure.js";
import { follow, moveTo } from "../base/cursor.js";
import { heatmap } from "../chart/heatmap.js";
import { table } from "../chart/table.js";
import { pictureOf } from "./input.js";
import { overPicture } from "./over.js";

export async function drawAttention(host, shown) {
  const blocks = shown.attention;
  const grid = element("div", { class: "heads", role: "group", "aria-label": "Heads" });
  const whole = element("div", { class: "whole" });
  const [over, figures] = [element("div"), element("div")];
  const read = await pictureOf(shown);
  const buttons = [];
  let chart;
  let looks;
  let step;
  for (const block of blocks) {
    const row = element("div", { class: "block" }, element("div", { class: "said", text: blockName(block.name, block.kind) }));
    for (const [number, head] of block.heads.entries()) {
      const canvas = element("canvas", { width: head.small.shape[1], height: head.small.shape[0] });
      const button = element(
        "button",
        {
          type: "button",
          "aria-pressed": "false",
          "aria-label": `${blockName(block.name, block.kind)}, head ${number}`,
          title: `head ${number}: entropy ${written(head.entropy)} nats`,
          on: { click: () => choose(block, number) },
        },
        canvas,
        element("span", { class: "said", text: String(number) }),
      );
      await paintSmall(canvas, head);
      redrawn(button, () => paintSmall(canvas, head));
      buttons.push({ button, block, number });
      row.append(button);
    }
    grid.append(row);
  }
  host.append(element("div", { class: "chart-title", text: "Blocks × heads" }), grid, whole, over, figures);
  table(figures, {
    title: "What each head does",
    columns: [{ name: "block" }, { name: "head" }, { name: "entropy, nats", digits: 3 }, { name: "mean distance, steps", digits: 3 }, { name: "on the previous step", share: true }, { name: "largest weight", digits: 3 }],
    rows: blocks.flatMap((block) =>
      block.heads.map((head, number) => [
        blockName(block.name, block.kind),
        number,
        head.entropy,
        head.distance,
        head.previous,
        head.most,
      ]),
    ),
    sortable: true,
    chosen: (row) => {
      let left = row;
      for (const block of blocks) {
        if (left < block.heads.length) return choose(block, left);
        left -= block.heads.length;
      }
      return undefined;
    },
  });
  // Where words look at a picture is what such a model is asked for.
  await choose((read && blocks.find((block) => block.axes[0] !== read.axis && block.axes[1] === read.axis)) || blocks[0], 0);
  follow(host, mark);

  function mark(to) {
    step = to;
    if (chart && chart.axes[0] === "steps") chart.map.mark({ row: to });
    else if (chart?.axes[1] === "steps") chart.map.mark({ column: to });
    looks?.(to);
  }

  async function choose(block, number) {
    for (const one of buttons) one.button.setAttribute("aria-pressed", String(one.block === block && one.number === number));
    const head = block.heads[number];
    whole.replaceChildren();
    const title = `${blockName(block.name, block.kind)}, head ${number}`;
    const packed = head.whole ?? head.small;
    const roots = await unpacked(packed);
    const [rows, columns] = packed.shape;
    const exact = Boolean(head.whole);
    const [queries, keys] = block.axes.map((axis, k) => namesOf(shown, axis, block.shape[k]));
    const most = strong(roots);
    const across = (k) => Math.floor((k * block.shape[1]) / columns);
    const down = (k) => Math.floor((k * block.shape[0]) / rows);
    chart = {
      axes: exact ? block.axes : [],
      map: heatmap(whole, {
        title,
        label: exact ? "square root of the weight; all above the darkest are as dark" : "square root of the mean weight of neighbouring steps: the page has no room for this head's whole matrix",
        rows: { label: "query", count: rows, names: exact ? queries : undefined },
        columns: { label: "key", count: columns, names: exact ? keys : undefined },
        values: roots,
        range: [0, most],
        square: true,
        height: 720,
        zoom: exact,
        describe: (row, column) => `${called(shown, block.axes[0], down(row))} looks at ${called(shown, block.axes[1], across(column))}: ${percent(roots[row * columns + column] ** 2)}`,
        picked: (row) => exact && block.axes[0] === "steps" && moveTo(row),
      }),
    };
    over.replaceChildren();
    looks = undefined;
    if (read && exact && block.axes[1] === read.axis && columns === read.cells) weightsOver(block, title, roots, queries);
    if (step !== undefined) mark(step);
  }

  /** A head's weights over the picture: those of one query, and small ones of all where they are words. */
  function weightsOver(block, title, roots, queries) {
    const row = (query) => roots.subarray(query * read.cells, (query + 1) * read.cells).map((root) => root ** 2);
    const limits = (query) => [0, row(query).reduce((a, b) => Math.max(a, b), 1e-6)];
    const words = block.axes[0] !== read.axis;
    // A decoder's step reads a word and writes the next.
    const word = (query) => (words ? visible(queries[query + 1] ?? "<end>") : `step ${query}`);
    const turn = overPicture(over, {
      read,
      title: `${title}, over the picture`,
      count: queries.length,
      words,
      called: word,
      shades: row,
      range: limits,
      told: (query) =>
        words
          ? `Where the model looks as it writes “${word(query)}” (after step ${query}); the strongest weight is ${percent(limits(query)[1])}.`
          : `Where step ${query}, outlined, looks; the strongest weight is ${percent(limits(query)[1])}. Another step is chosen by a click or the arrow keys.`,
      describe: (query, cell) => `${word(query)} looks at step ${cell}: ${percent(row(query)[cell])}`,
      first: block.axes[0] === "steps" ? Math.min(step ?? 0, queries.length - 1) : 0,
    });
    looks = (to) => block.axes[0] === "steps" && turn(to);
  }
}

/** What few of the weights that are not zero exceed. */
function strong(roots) {
  // A sample of large matrices, by a stride that meets all columns.
  const every = roots.length > 100_000 ? 31 : 1;
  const seen = [];
  for (let k = 0; k < roots.length; k += every) if (roots[k] > 0) seen.push(roots[k]);
  const sorted = Float32Array.from(seen).sort();
  return sorted[Math.floor(sorted.length * 0.99)] || 1;
}

async function paintSmall(canvas, head) {
  const values = await unpacked(head.small);
  const most = values.reduce((a, b) => Math.max(a, b), 1e-6);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  const paint = ramp("sequential");
  values.forEach((value, k) => paint(image.data, 4 * k, value / most));
  pen.putImageData(image, 0, 0);
}

/** What a block's attention is called, from its array's name. */
export function blockName(name, kind) {
  const [, part, cross, number] = name.match(/^(.*?)(cross|attention|)\.?b(\d+)$/) ?? [];
  if (number === undefined) return name;
  return `${part ? `${part.replace(/\.$/, "")} ` : ""}block ${number}${kind === "masked" ? ", masked" : cross === "cross" || kind === "cross" ? ", cross" : ""}`;
}
