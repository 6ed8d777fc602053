// What the model expected at each place of the text.

import { element, visible, shortened } from "../base/dom.js";
import { written, percent } from "../base/number.js";
import { unpacked, namesOf } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { text } from "../chart/text.js";

export async function drawNext(host, shown) {
  const { next } = shown;
  const [nats, probabilities] = await Promise.all([unpacked(next.nats), unpacked(next.probabilities)]);
  const names = namesOf(shown, "symbols");
  const { pieces, between } = shown.texts.steps;
  // The surprise at a token is that of the step before it.
  const surprise = pieces.map((_, step) => (step ? nats[step - 1] : NaN));
  const known = [...nats].filter(Number.isFinite).sort((a, b) => a - b);
  const most = Math.max(1, known[Math.floor(known.length * 0.98)] ?? 1);
  const right = next.ranks.filter((rank) => rank === 1).length;
  const count = next.ranks.filter((rank) => rank > 0).length;
  const facts = count
    ? `Mean surprise ${written(next.mean)} nats (${written(next.mean / Math.LN2)} bits) a step; the true symbol is the most probable at ${right} of ${count} steps.`
    : "";
  host.append(element("p", { class: "said", text: facts }));
  const place = element("div", {});
  const panel = element("div", { class: "expected", "aria-live": "off" });
  host.append(element("div", { class: "beside" }, place, panel));
  const describe = (step) => {
    const own = `${visible(pieces[step]) === "∅" ? visible(namesOf(shown, "steps")[step]) : visible(pieces[step])}, step ${step}`;
    if (step === 0) return `${own}: nothing was expected before it`;
    const at = step - 1;
    const rank = next.ranks[at] ? `surprise ${written(nats[at])} nats, ${percent(Math.exp(-nats[at]))}, rank ${next.ranks[at]}` : "";
    const first = next.symbols.slice(at * next.top, at * next.top + 3).map((symbol, k) => `${visible(names[symbol])} ${percent(probabilities[at * next.top + k])}`);
    return `${own}: ${rank}\nexpected ${first.join(", ")}`;
  };
  const shaded = text(place, { title: "Text shaded by surprise", label: "Surprise in nats", tokens: pieces, between, shades: surprise, range: [0, most], describe, picked: moveTo });
  const show = (step) => {
    shaded.mark(step);
    // Behind the last token stands what comes after the text.
    const at = Math.max(0, step - 1);
    const target = next.targets[at];
    const rows = [...Array(next.top).keys()].map((k) => {
      const symbol = next.symbols[at * next.top + k];
      return row(names[symbol], probabilities[at * next.top + k], symbol === target);
    });
    const rank = next.ranks[at];
    if (rank > next.top) rows.push(row(names[target], Math.exp(-nats[at]), true, rank));
    panel.replaceChildren(
      element("div", { class: "chart-title", text: step > 0 ? `Expected at step ${step}` : "Expected first" }),
      element("table", { class: "bars" }, element("tbody", {}, ...rows)),
      element("p", { class: "said", text: rank ? `True: ${shortened(visible(names[target]), 40)}, rank ${rank}, ${written(nats[at])} nats.` : "Nothing follows here." }),
    );
  };
  follow(host, show);
  show(Math.min(1, pieces.length - 1));
  shaded.mark(-1);
}

function row(name, probability, isTrue, rank) {
  const bar = element("span", {}, element("b", { style: { left: 0, width: `${100 * probability}%`, background: isTrue ? "var(--hot)" : "var(--series-0)" } }));
  return element(
    "tr",
    { class: isTrue ? "true" : undefined },
    element("th", { scope: "row", class: "mono", title: visible(name) }, shortened(visible(name), 14), isTrue && element("span", { class: "unseen", text: " (true)" })),
    element("td", { class: "bar", "aria-hidden": "true" }, bar),
    element("td", { class: "number", text: percent(probability) + (rank ? `, rank ${rank}` : "") }),
  );
}
