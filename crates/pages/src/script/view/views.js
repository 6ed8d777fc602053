// The views of inspections, each in its place of a page.

import { element, choice } from "../base/dom.js";
import { moveTo } from "../base/cursor.js";
import { tune } from "../chart/tune.js";
import { drawInput } from "./input.js";
import { drawForecast } from "./forecast.js";
import { drawNext } from "./next.js";
import { drawGraph } from "./graph.js";
import { drawGates } from "./gates.js";
import { drawUnits } from "./units.js";
import { drawGradients } from "./gradients.js";
import { drawContext, drawBottleneck, drawSpeed } from "./curves.js";
import { drawAttention } from "./attention.js";
import { drawSearch } from "./search.js";
import { drawEmbedding } from "./embedding.js";
import { drawSaliency } from "./saliency.js";

/** Views of one inspection, and whether it has something for them. */
const ALONE = {
  tune: [(shown) => shown.tune, (host, shown) => tune(host, { ...shown.tune, playing: moveTo })],
  input: [(shown) => shown.arrays.input ?? shown.arrays.picture, drawInput],
  forecast: [(shown) => shown.arrays.forecast, drawForecast],
  next: [(shown) => shown.next, drawNext],
  graph: [(shown) => shown.about.weights?.length, drawGraph],
  gates: [(shown) => shown.planes.some((plane) => plane.name.includes("gates.")), drawGates],
  units: [(shown) => shown.arrays["units.auroc"], drawUnits],
  attention: [(shown) => shown.attention.length, drawAttention],
  search: [(shown) => Object.keys(shown.search).length, drawSearch],
  embedding: [(shown) => shown.embeddings.length, drawEmbedding],
  saliency: [(shown) => Object.keys(shown.arrays).some((name) => name.startsWith("saliency") || name === "running"), drawSaliency],
};

/** Views that lay several over each other. */
const TOGETHER = { gradients: drawGradients, context: drawContext, bottleneck: drawBottleneck, speed: drawSpeed };

const breathe = () => new Promise((next) => setTimeout(next));

/** Draws a view; one that fails says so in its place and leaves the others alone. */
async function drawn(host, draw) {
  host.replaceChildren();
  try {
    await draw();
  } catch (error) {
    host.append(element("p", { class: "said", text: `This could not be drawn: ${error.message}` }));
    console.error(error);
  }
  await breathe();
}

/** Draws inspections below an element, in the places whose `data-view` names a view. */
export async function drawViews(root, inspections) {
  const hosts = [...root.querySelectorAll("[data-view]")];
  const of = (name) => hosts.filter((host) => host.dataset.view === name);
  const select = async (one) => {
    // The tune is that of all of them, and stands once in the page.
    const shown = { ...one, tune: inspections[0].tune };
    for (const [name, [has, draw]] of Object.entries(ALONE)) {
      for (const host of of(name)) {
        await drawn(host, () => (has(shown) ? draw(host, shown) : host.append(element("p", { class: "said", text: shown.not_shown[name] ?? `${shown.name} has nothing to show here.` }))));
      }
    }
  };
  for (const host of of("run")) {
    if (inspections.length > 1) {
      const names = inspections.map((shown, number) => [number, shown.name]);
      host.append(element("div", { class: "controls" }, choice("Views of one run show", names, 0, (to) => select(inspections[Number(to)]))));
    }
  }
  if (inspections.length) await select(inspections[0]);
  for (const [name, draw] of Object.entries(TOGETHER)) for (const host of of(name)) await drawn(host, () => draw(host, inspections));
}
