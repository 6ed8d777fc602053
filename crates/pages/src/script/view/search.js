// Attention as search: one token as the query.

import { element, choice, visible } from "../base/dom.js";
import { written, percent } from "../base/number.js";
import { unpacked, namesOf, called } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { table } from "../chart/table.js";
import { text } from "../chart/text.js";
import { picture } from "../chart/picture.js";
import { blockName } from "./attention.js";
import { pictureOf } from "./input.js";

/** Keys that are listed. */
const LISTED = 12;

export async function drawSearch(host, shown) {
  const blocks = Object.keys(shown.search)
    .filter((name) => /(^|\.)q\.b\d+$/.test(name))
    .map((name) => ({
      name,
      of: (letter) => shown.search[name.replace(/(^|\.)q\.(b\d+)$/, `$1${letter}.$2`)],
      attention: shown.attention.find((one) => one.name === attentionName(name)),
      axes: shown.axes[name],
    }));
  let [block, head, query] = [blocks[0], 0, 0];
  const controls = element("div", { class: "controls" });
  const [asked, answer] = [element("div"), element("div")];
  host.append(controls, asked, answer);
  let shaded;
  let described = [];
  let asking = 0;
  const read = await pictureOf(shown);
  setUp();

  function setUp() {
    const queryAxis = axisOf(block);
    const heads = block.of("q").length;
    head = Math.min(head, heads - 1);
    controls.replaceChildren(
      choice("Block", blocks.map((one, k) => [k, blockName(attentionName(one.name), one.attention?.kind)]), blocks.indexOf(block), (to) => {
        block = blocks[Number(to)];
        setUp();
      }),
      choice("Head", Array.from({ length: heads }, (_, k) => [k, String(k)]), head, (to) => {
        head = Number(to);
        ask();
      }),
      choice("Query", namesOf(shown, queryAxis, block.of("q")[0].shape[0]).map((name, k) => [k, shown.labels[queryAxis] ? `${k} ${visible(name)}` : name]), (query = Math.min(query || Infinity, block.of("q")[0].shape[0] - 1)), (to) => {
        query = Number(to);
        if (queryAxis === "steps") moveTo(query);
        ask();
      }),
    );
    const keys = block.of("k")[0].shape[0];
    const { pieces, between } = shown.texts[keyAxisOf(block)] ?? { pieces: namesOf(shown, keyAxisOf(block), keys), between: " " };
    asked.replaceChildren();
    const drawn = read?.axis === keyAxisOf(block) && read.cells === keys;
    if (drawn) shaded = picture(asked, { ...read, title: "Keys shaded by their weight", shades: new Float32Array(keys), range: [0, 1], describe: (step) => described[step] ?? "" });
    else shaded = text(asked, { title: "Keys shaded by their weight", tokens: pieces, between, shades: pieces.map(() => 0), range: [0, 1], describe: (step) => described[step] ?? "" });
    ask();
  }

  async function ask() {
    const turn = ++asking;
    const [q, k, v] = await Promise.all(["q", "k", "v"].map((letter) => unpacked(block.of(letter)[head])));
    const model = block.attention?.heads[head].whole && (await unpacked(block.attention.heads[head].whole));
    if (turn !== asking) return;
    const [keys, width] = block.of("k")[head].shape;
    const valueWidth = block.of("v")[head].shape[1];
    const seen = block.attention?.kind === "masked" ? Math.min(keys, query + 1) : keys;
    const own = q.subarray(query * width, (query + 1) * width);
    const norm = (row) => Math.hypot(...row);
    const scores = [];
    const cosines = [];
    for (let key = 0; key < seen; key++) {
      const row = k.subarray(key * width, (key + 1) * width);
      const dot = own.reduce((sum, value, at) => sum + value * row[at], 0);
      scores.push(dot / Math.sqrt(width));
      cosines.push(dot / (norm(own) * norm(row)));
    }
    const most = Math.max(...scores);
    const exps = scores.map((score) => Math.exp(score - most));
    const sum = exps.reduce((a, b) => a + b, 0);
    const weights = exps.map((value) => value / sum);
    const passed = new Float64Array(valueWidth);
    weights.forEach((weight, key) => passed.forEach((_, at) => (passed[at] += weight * v[key * valueWidth + at])));
    const names = namesOf(shown, keyAxisOf(block), keys);
    const size = (key) => norm(v.subarray(key * valueWidth, (key + 1) * valueWidth));
    const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
    described = weights.map((weight, key) => `${called(shown, keyAxisOf(block), key)}\nq·k/√d ${written(scores[key])}, cosine ${written(cosines[key])}\nweight ${percent(weight)}`);
    shaded.shade([...weights, ...Array(keys - seen).fill(NaN)], [0, Math.max(...weights)], "Weight");
    if (keyAxisOf(block) === axisOf(block)) shaded.mark(query);
    answer.replaceChildren();
    const isNamed = Boolean(shown.labels[keyAxisOf(block)]);
    table(answer, {
      title: `What ${called(shown, axisOf(block), query)} finds`,
      columns: [...(isNamed ? [{ name: "key" }] : []), { name: "step" }, { name: "q·k/√d", digits: 4 }, { name: "cosine", digits: 3 }, { name: "weight", share: true }, { name: "|v|", digits: 3 }, { name: "|weight · v|", digits: 3 }],
      rows: order.slice(0, LISTED).map((key) => [...(isNamed ? [visible(names[key])] : []), key, scores[key], cosines[key], weights[key], size(key), weights[key] * size(key)]),
    });
    const rest = order.slice(LISTED).reduce((total, key) => total + weights[key], 0);
    const parts = [`d = ${width}.`];
    if (rest > 0) parts.push(`The other ${order.length - LISTED} keys share ${percent(rest)}.`);
    parts.push(`The head passes on a vector of length ${written(norm(passed))}.`);
    if (model) {
      const off = weights.reduce((worst, weight, key) => Math.max(worst, Math.abs(weight - model[query * keys + key] ** 2)), 0);
      parts.push(
        off < 0.02
          ? `These weights are those that the model used, within ${written(Math.max(off, 1e-7), 2)}, as finely as the page holds them.`
          : `The model's own weights differ by up to ${written(off, 2)}: something besides q·k, such as a position's bias, is in its scores.`,
      );
    }
    answer.append(element("p", { class: "said", text: parts.join(" ") }));
  }

  follow(host, (step) => {
    if (axisOf(block) !== "steps" || step >= block.of("q")[0].shape[0]) return;
    query = step;
    controls.querySelectorAll("select")[2].value = String(step);
    ask();
  });
}

function attentionName(name) {
  return name.includes("cross.q.") ? name.replace("cross.q.", "cross.") : name.replace(/(^|\.)q\.b/, "$1attention.b");
}

function axisOf(block) {
  return block.attention?.axes[0] ?? block.axes?.[1] ?? "steps";
}

function keyAxisOf(block) {
  return block.attention?.axes[1] ?? block.axes?.[1] ?? "steps";
}
