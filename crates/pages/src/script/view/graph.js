// The model, unrolled over the first steps; a Transformer as the column of its blocks.

import { element, svg, visible, shortened } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { seriesColour } from "../base/colour.js";
import { redrawn } from "../base/figure.js";
import { table } from "../chart/table.js";

export async function drawGraph(host, shown) {
  const weights = shown.about.weights;
  const recurrent = weights.some(({ name }) => /rnn\.weight_hh_l\d+$/.test(name));
  const blocks = weights.some(({ name }) => /layers\.\d+\./.test(name));
  const picture = element("div", { class: "graph" });
  host.append(picture);
  const nats = shown.next ? await unpacked(shown.next.nats) : undefined;
  const parts = partsOf(weights);
  const halves = weights.some(({ name }) => name.startsWith("encoder.rnn.")) ? ["encoder.", "decoder."] : [weights.some(({ name }) => name.startsWith("decoder.rnn.")) ? "decoder." : ""];
  if (recurrent && !blocks) redrawn(picture, (width) => picture.replaceChildren(...halves.map((half) => unrolled(width, shown, weights, nats, half))));
  else {
    // What the encoder gives goes to the attention of each of the decoder's blocks, and not to what the decoder reads.
    const encoder = parts.filter((part) => part.name.startsWith("encoder."));
    const others = parts.filter((part) => !encoder.includes(part));
    const titled = (title, body) => element("div", {}, element("div", { class: "chart-title", text: title }), body);
    const stacks = (width) =>
      encoder.length && others.some((part) => part.name.startsWith("decoder."))
        ? [titled("The encoder reads", stacked(width, encoder)), titled("The decoder writes; its blocks attend to what the encoder gives", stacked(width, others))]
        : [stacked(width, parts)];
    redrawn(picture, (width) => picture.replaceChildren(...stacks(width)));
  }
  const figures = element("details", { class: "numbers" }, element("summary", { text: "All weights" }));
  host.append(figures);
  const listed = element("div");
  figures.append(listed);
  table(listed, {
    columns: [{ name: "weight" }, { name: "shape" }, { name: "numbers" }],
    rows: weights.map(({ name, shape }) => [name, shape.join(" × "), shape.reduce((a, b) => a * b, 1)]),
  });
}

const size = (shape) => shape.join(" × ");

/** x, states, output and loss of the first steps, from left to right; an encoder's without output. */
function unrolled(width, shown, weights, allNats, prefix) {
  const encodes = prefix === "encoder.";
  const nats = encodes ? undefined : allNats;
  const own = (name) => weights.find((weight) => weight.name === `${prefix}${name}`) ?? weights.find((weight) => weight.name === name);
  const layers = weights.map(({ name }) => name.match(new RegExp(`^${prefix.replace(".", "\\.")}rnn\\.weight_hh_l(\\d+)$`))?.[1]).filter((number) => number !== undefined);
  const names = namesOf(shown, encodes ? "source" : "steps", 0);
  const { arrays, axes } = shown;
  const read = arrays.tokens ?? (axes.frames?.[0] === "steps" ? arrays.frames : undefined);
  const total = encodes ? shown.about.encoder_steps : names.length || read?.shape[0] || shown.steps;
  const [left, right] = [width > 600 ? 118 : 8, width > 600 && nats ? 70 : 40];
  const count = Math.max(1, Math.min(total, 8, Math.floor((width - left - right) / 92)));
  const each = (width - left - right) / count;
  const each_says = Boolean(nats) || shown.axes.logits?.[0] === "steps";
  const embedded = own("embedding.weight");
  // Levels from the bottom: x, states of each layer, y, loss.
  const levels = [{ kind: "x" }, ...(embedded ? [{ kind: "e" }] : []), ...layers.map((layer) => ({ kind: "h", layer })), ...(encodes ? [] : [{ kind: "y" }]), ...(nats ? [{ kind: "loss" }] : [])];
  const gap = 74;
  const height = levels.length * gap + 6;
  const yOf = (level) => height - 30 - level * gap;
  const xOf = (place) => left + (place + 0.5) * each;
  // One answer comes after the last step, which then stands in the last place.
  const leaps = !encodes && !each_says && count < total;
  const stepAt = (place) => (leaps && place === count - 1 ? total - 1 : place);
  const half = Math.min(34, each / 2 - 12);
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `The model unrolled over ${count} of ${total} steps. ${levels.length} levels; each matrix is the same at every step.` });
  const marker = (id, colour) =>
    svg("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, svg("path", { d: "M0 0L8 4L0 8Z", style: { fill: colour } }));
  const used = new Map();
  const colourOf = (weight) => {
    if (!used.has(weight.name)) used.set(weight.name, used.size);
    return seriesColour(used.get(weight.name));
  };
  const edge = (x1, y1, x2, y2, weight, label) => {
    const colour = weight ? colourOf(weight) : "var(--soft)";
    const id = `arrow-${weight ? used.get(weight.name) : "none"}`;
    if (!picture.querySelector(`#${id}`)) picture.append(marker(id, colour));
    picture.append(svg("line", { x1, y1, x2, y2, style: { stroke: colour }, "stroke-width": weight ? 2.2 : 1.2, "marker-end": `url(#${id})` }));
    if (label) picture.append(svg("text", { class: "halo", x: (x1 + x2) / 2 + (x1 === x2 ? 6 : 0), y: (y1 + y2) / 2 + (x1 === x2 ? 4 : -7), "text-anchor": x1 === x2 ? "start" : "middle", text: label, style: { fill: colour, "font-size": "11px" } }));
  };
  const vertical = (below) => {
    const level = levels[below + 1];
    if (level.kind === "e") return embedded;
    if (level.kind === "h") return own(`rnn.weight_ih_l${level.layer}`);
    if (level.kind === "y") return own("head.weight");
    return undefined;
  };
  const node = (step, level, text, { round = false, faint = false, title } = {}) => {
    const [x, y] = [xOf(step), yOf(level)];
    picture.append(
      svg(
        "g",
        {},
        title && svg("title", { text: title }),
        svg("rect", { x: x - half, y: y - 15, width: 2 * half, height: 30, rx: round ? 15 : 4, style: { fill: faint ? "var(--paper)" : "var(--panel)", stroke: "var(--soft)" } }),
        svg("text", { x, y: y + 4, "text-anchor": "middle", text: shortened(text, Math.max(3, Math.floor(half / 3.8))) }),
      ),
    );
  };
  for (let step = 0; step < count; step++) {
    levels.forEach((level, number) => {
      // The output of one answer is that of the last place alone.
      if (number + 1 < levels.length && (step === count - 1 || each_says || levels[number + 1].kind !== "y")) {
        const weight = vertical(number);
        edge(xOf(step), yOf(number) - 17, xOf(step), yOf(number + 1) + 18, weight, step === 0 && weight && each > 80 ? size(weight.shape) : undefined);
      }
      if (level.kind === "h") {
        const weight = own(`rnn.weight_hh_l${level.layer}`);
        if (step > 0) edge(xOf(step - 1) + half + 1, yOf(number), xOf(step) - half - 2, yOf(number), weight);
        if (leaps && step === count - 1) picture.append(svg("text", { class: "halo", x: (xOf(step - 1) + xOf(step)) / 2, y: yOf(number) - 8, "text-anchor": "middle", text: "…" }));
        // Beside the sizes of upright arrows, which stand at the first step.
        if (step === Math.min(2, count - 1) && step > 0) picture.append(svg("text", { class: "halo", x: (xOf(step - 1) + xOf(step)) / 2, y: yOf(number) - 21, "text-anchor": "middle", text: size(weight.shape), style: { fill: colourOf(weight), "font-size": "11px" } }));
        if (step === count - 1 && count < total && !leaps) edge(xOf(step) + half + 1, yOf(number), xOf(step) + half + 22, yOf(number), weight);
      }
    });
    levels.forEach((level, number) => {
      const at = stepAt(step);
      const name = names[at] === undefined ? `x${sub(at)}` : visible(names[at]);
      if (level.kind === "x") node(step, number, name, { title: `step ${at}: ${name}` });
      if (level.kind === "e") node(step, number, `x${sub(at)}`);
      if (level.kind === "h") node(step, number, `h${sub(at)}`, { round: true });
      if (level.kind === "y" && each_says) node(step, number, nats && shown.next.symbols.length ? visible(namesOf(shown, "symbols", 0)[shown.next.symbols[step * shown.next.top]]) : `y${sub(step)}`, { title: "the most probable" });
      if (level.kind === "loss" && Number.isFinite(nats[step])) node(step, number, written(nats[step], 2), { faint: true, title: `surprise ${written(nats[step])} nats` });
    });
  }
  if (!each_says && !encodes) node(count - 1, levels.findIndex((level) => level.kind === "y"), "y");
  if (nats) {
    const known = [...nats].filter(Number.isFinite);
    const y = yOf(levels.length - 1);
    picture.append(svg("text", { x: width - 4, y: y - 2, "text-anchor": "end", text: "sum", style: { "font-weight": "600" } }));
    picture.append(svg("text", { x: width - 4, y: y + 14, "text-anchor": "end", text: written(known.reduce((a, b) => a + b, 0), 4), style: { "font-weight": "600" } }));
  }
  if (width > 600) {
    const words = { x: "read", e: "embedded", h: "state", y: each_says && nats ? "most probable" : "says", loss: "loss in nats" };
    levels.forEach((level, number) => picture.append(svg("text", { class: "soft", x: 4, y: yOf(number) + 4, text: `${words[level.kind]}${level.kind === "h" && layers.length > 1 ? `, layer ${level.layer}` : ""}` })));
  }
  const key = element("div", { class: "legend" }, ...[...used].map(([name, number]) => element("span", {}, element("i", { style: { color: seriesColour(number) } }), element("span", { class: "mono", text: `${name} ${size(weights.find((weight) => weight.name === name).shape)}` }))));
  const note = element("p", { class: "said", text: `${count < total ? `${count} of ${total} steps are drawn; each matrix is used at all ${total}.` : `Each matrix is used at all ${total} steps.`}${weights.some(({ name }) => name.startsWith(prefix) && name.includes("_reverse")) ? " A second layer of the same form reads from the end to the beginning." : ""}` });
  const title = encodes ? "The encoder reads" : prefix ? `The decoder writes; it begins with what the encoder leaves${weights.some(({ name }) => name.startsWith("attention.")) ? ", and attends to each of its states" : ""}` : undefined;
  return element("div", {}, title && element("div", { class: "chart-title", text: title }), key, picture, note);
}

function sub(number) {
  return String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
}

/** Weights by the part of the model that they belong to. */
function partsOf(weights) {
  const parts = new Map();
  for (const { name, shape } of weights) {
    const [, block] = name.match(/^(.*?layers\.\d+)\./) ?? [];
    const part = block ?? name.replace(/\.[^.]+$/, "");
    if (!parts.has(part)) parts.set(part, []);
    parts.get(part).push({ name: block ? name.slice(block.length + 1) : name.split(".").pop(), shape });
  }
  return [...parts].map(([name, own]) => ({ name, weights: own, block: /layers\.\d+$/.test(name) }));
}

/** The parts of a model from the bottom to the top; what flows past attention and feed-forward layers is the residual stream. */
function stacked(width, parts) {
  const wide = Math.min(width - 20, 640);
  const left = (width - wide) / 2 + 14;
  const line = 16;
  const colours = new Map();
  const kindOf = (name) => name.replace(/\d+/, "*");
  const heights = parts.map((part) => 30 + Math.ceil(part.weights.length / (wide > 480 ? 2 : 1)) * line);
  const gap = 26;
  const height = heights.reduce((sum, h) => sum + h + gap, 0) + 8;
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `The model from what it reads, below, to what it says: ${parts.map((part) => part.name).join(", ")}.` });
  let y = height - 4;
  parts.forEach((part, number) => {
    const h = heights[number];
    y -= h;
    const kind = part.block ? kindOf(part.name) : part.name;
    if (!colours.has(kind)) colours.set(kind, colours.size);
    const colour = seriesColour(colours.get(kind));
    picture.append(
      svg("rect", { x: left, y, width: wide - 28, height: h, rx: 5, style: { fill: "var(--panel)", stroke: colour }, "stroke-width": 1.6 }),
      svg("text", { x: left + 10, y: y + 18, text: part.name, style: { fill: colour, "font-weight": "600" } }),
    );
    const columns = wide > 480 ? 2 : 1;
    part.weights.forEach((weight, k) => {
      const x = left + 10 + (k % columns) * ((wide - 28) / columns);
      picture.append(svg("text", { class: "soft", x, y: y + 36 + Math.floor(k / columns) * line, text: shortened(`${weight.name}  ${size(weight.shape)}`, Math.floor((wide - 40) / columns / 6.4)), style: { "font-size": "11px" } }));
    });
    if (part.block) {
      // The stream goes around each block.
      const x = left + wide - 14;
      picture.append(svg("path", { d: `M${left + (wide - 28) / 2} ${y + h + gap / 2}H${x}V${y - gap / 2 + 2}H${left + (wide - 28) / 2}`, fill: "none", style: { stroke: "var(--soft)" }, "stroke-dasharray": "3 3" }));
    }
    y -= gap;
    if (number + 1 < parts.length) {
      const x = left + (wide - 28) / 2;
      picture.append(svg("path", { d: `M${x} ${y + gap}V${y + 4}M${x - 4} ${y + 9}L${x} ${y + 3}L${x + 4} ${y + 9}`, fill: "none", style: { stroke: "var(--soft)" }, "stroke-width": 1.4 }));
    }
  });
  const note = element("p", { class: "said", text: `From what is read, below, to what is said, above.${parts.some((part) => part.block) ? " Dashed: the residual stream, to which each block adds." : ""}` });
  return element("div", {}, picture, note);
}
