// The embedding: its plane, and the neighbours of a symbol.

import { element, choice, visible } from "../base/dom.js";
import { unpacked, namesOf } from "../base/data.js";
import { plane } from "../chart/plane.js";
import { bars } from "../chart/bars.js";

export async function drawEmbedding(host, shown) {
  for (const one of shown.embeddings) {
    const place = element("div");
    host.append(place);
    await drawOne(place, shown, one, shown.embeddings.length > 1);
  }
}

async function drawOne(host, shown, embedding, several) {
  const [places, cosines] = await Promise.all([unpacked(embedding.plane), unpacked(embedding.cosines)]);
  const all = namesOf(shown, embedding.axis);
  const names = embedding.symbols.map((symbol) => all[symbol] ?? String(symbol));
  const near = cosines.length / names.length;
  const [picture, list] = [element("div"), element("div")];
  const options = names.map((name, number) => [number, visible(name)]);
  const chooser = choice("Neighbours of", options, 0, (to) => choose(Number(to)));
  host.append(element("div", { class: "controls" }, chooser), element("div", { class: "beside" }, picture, list));
  const points = plane(picture, {
    title: several ? (embedding.name.startsWith("encoder.") ? "What is read" : "What is written") : undefined,
    x: "first component",
    y: "second component",
    points: names.map((name, number) => ({ x: places[2 * number], y: places[2 * number + 1], name })),
    picked: choose,
    square: true,
  });
  choose(Math.min(names.length - 1, startAt(shown, embedding)));

  function choose(number) {
    chooser.querySelector("select").value = String(number);
    const others = embedding.near.slice(number * near, (number + 1) * near);
    points.choose(number, others);
    list.replaceChildren();
    bars(list, {
      title: `Closest to ${visible(names[number])}`,
      label: "Cosine",
      names: others.map((other) => visible(names[other])),
      series: [{ name: "", values: [...cosines.slice(number * near, (number + 1) * near)] }],
      low: 0,
      high: 1,
    });
  }
}

/** The most frequent symbol of the input that is shown. */
function startAt(shown, embedding) {
  const counts = new Map();
  const all = namesOf(shown, embedding.axis);
  for (const name of shown.labels[embedding.axis === "symbols" ? "steps" : "source"] ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  const score = (symbol) => counts.get(all[symbol]) ?? 0;
  return embedding.symbols.reduce((best, symbol, number) => (score(symbol) > score(embedding.symbols[best]) ? number : best), 0);
}
