// Plain charts: the loss by visible context, the score by length, the time of a step.

import { written } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { bars } from "../chart/bars.js";
import { lines } from "../chart/lines.js";

export async function drawContext(host, all) {
  const series = await over(all, "context.loss", "lengths");
  lines(host, { x: { label: "symbols that are visible", log: true }, y: { label: "loss in nats" }, series: named(series) });
}

export async function drawBottleneck(host, all) {
  const of = all.filter((shown) => shown.arrays["bottleneck.score"]);
  const [scores, pairs] = await Promise.all(["score", "pairs"].map((what) => Promise.all(of.map((shown) => unpacked(shown.arrays[`bottleneck.${what}`])))));
  const lengths = namesOf(of[0], of[0].axes["bottleneck.score"][0], scores[0].length);
  bars(host, {
    label: "BLEU by the words of what is read",
    names: lengths.map((length, k) => `${length} words (${written(pairs[0][k])} pairs)`),
    series: of.map((shown, k) => ({ name: shown.name, values: [...scores[k]] })),
    low: 0,
  });
}

export async function drawSpeed(host, all) {
  const series = [];
  for (const shown of all) {
    for (const [name, array] of Object.entries(shown.arrays).filter(([name]) => name.startsWith("speed."))) {
      const values = await unpacked(array);
      const [lengths, threads] = array.shape;
      const x = namesOf(shown, shown.axes[name][0], lengths).map(Number);
      namesOf(shown, shown.axes[name][1] ?? "", threads).forEach((thread, k) => {
        const called = `${thread} ${thread === "1" ? "thread" : "threads"}`;
        series.push({ name: all.length > 1 ? `${shown.name}, ${called}` : called, x, y: x.map((_, row) => values[row * threads + k]) });
      });
    }
  }
  lines(host, { x: { label: "steps of the sequence", log: true }, y: { label: "seconds a token", log: true }, series });
}

async function over(all, name, axis) {
  const series = [];
  for (const [colour, shown] of all.entries()) {
    if (!shown.arrays[name]) continue;
    const values = await unpacked(shown.arrays[name]);
    series.push({ name: shown.name, x: namesOf(shown, axis, values.length).map(Number), y: [...values], colour });
  }
  return series;
}

/** One line needs no name. */
function named(series) {
  return series.length > 1 ? series : series.map((one) => ({ ...one, name: "" }));
}
