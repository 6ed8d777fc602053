// Predictions of any task, from what is typed, dropped or drawn.

import { element } from "../base/dom.js";
import { percent, written } from "../base/number.js";
import { bars } from "../chart/bars.js";
import { lines } from "../chart/lines.js";
import { base64Of, posted } from "./api.js";
import { busily, button, dropZone, framed, labelled, messages, remember, remembered, told } from "./form.js";
import { drawInside } from "./inside.js";
import { sketch } from "./sketch.js";
import { grouped, readBy } from "./words.js";

/** Predictions that are drawn; more are in a table. */
const DRAWN = 12;

/** What is typed, by what a model reads. */
const TYPED = {
  text: "Texts, a line each",
  numbers: "Rows of numbers, a line each",
  translate: "Lines to translate",
  tag: "Sentences, a line each",
  memory: "Problems, a line each, as 0.3 0.25* 0.9 0.5* for adding",
};

/** What is dropped likewise. */
const DROPPED = {
  text: "Drop a file with a text in each line, or a table.",
  numbers: "Drop a table of numbers.",
  picture: "Drop pictures (PNG or JPEG).",
  sound: "Drop sounds (WAV).",
  translate: "Drop a file with a line each.",
  tag: "Drop a file with a sentence each line.",
  memory: "Drop a file with a problem each line.",
  forecast: "Drop a table with the columns that the model learnt, and it is gone on with.",
  trajectory: "Drop a table with the coordinates of a path, and it is gone on with.",
};

/** Which view shows what a prediction hangs on. */
const WHY = { classify: "saliency", regress: "saliency", tag: "saliency", translate: "attention", caption: "attention", forecast: "forecast", trajectory: "forecast", memory: "saliency" };

export async function predictPart(host, run, { signal, go }) {
  const store = `predict/${run.id}`;
  const own = remembered(store, { text: "" });
  const said = messages();
  const result = element("div", { class: "result" });
  const reads = readBy(run);
  const typed = TYPED[reads];
  const input = element("textarea", { rows: "4", dir: "auto", spellcheck: "false", text: own.text, on: { input: () => remember(store, { text: input.value }) } });
  const predicting = element("button", { type: "submit", class: "main", text: "Predict" });
  const ofFiles = (files) => busily(undefined, said, async () => predict(await Promise.all(files.map(async ({ file }) => ({ name: file.name, data: await base64Of(file) })))));
  const predict = async (inputs) => {
    result.replaceChildren(element("p", { class: "said", text: "Predicting …" }));
    try {
      const { predictions } = await posted("/api/predict", { model: run.id, inputs }, signal);
      result.replaceChildren(...shownAll(run, predictions, inputs, { signal, go }));
      if (predictions.length === 1) result.querySelector("details.why")?.setAttribute("open", "");
    } catch (error) {
      result.replaceChildren();
      throw error;
    }
  };
  const goesOn = run.task === "forecast";
  const example = async () => {
    const { examples } = await posted("/api/look", { like: run.id }, signal);
    const found = examples.find((one) => (typed ? one.text : one.picture));
    if (!found) throw told("its data have no example that can be sent");
    if (!typed) return predict([{ name: "example.png", data: found.picture.split(",")[1] }]);
    [input.value] = found.text.split("\n");
    remember(store, { text: input.value });
  };
  const hasExample = (typed || reads === "picture") && !run.imported;
  host.append(
    framed(
      () => {
        const texts = input.value.split("\n").filter((line) => line.trim());
        busily(predicting, said, async () => {
          if (typed && !texts.length) throw told("nothing is typed yet; type a line, or choose a file");
          await predict(typed ? texts : []);
        });
      },
      typed && labelled(typed, input),
      element(
        "div",
        { class: "controls" },
        (typed || goesOn) && predicting,
        hasExample && button(typed ? "An example" : "Predict from an example", (event) => busily(event.currentTarget, said, example)),
        goesOn && element("span", { class: "said", text: "goes on with the series that it learnt from" }),
      ),
      element("h3", { text: typed || goesOn ? "Or from a file" : "From a file" }),
      dropZone(DROPPED[reads], { several: true, chosen: ofFiles }),
      reads === "picture" && element("details", {}, element("summary", { text: "Draw a picture" }), sketch((file) => ofFiles([{ file }]))),
      said,
    ),
    result,
  );
}

function shownAll(run, predictions, inputs, room) {
  const shown = predictions.slice(0, DRAWN).map((prediction, k) => {
    const given = predictions.length === inputs.length ? inputs[k] : inputs.length === 1 ? inputs[0] : undefined;
    return element("section", { class: "prediction" }, ...shownOne(prediction, given, predictions.length > 1), ...why(run, prediction, given, k, predictions.length !== inputs.length, room));
  });
  if (predictions.length > DRAWN) {
    const all = predictions.map((one) => one.text).join("\n");
    shown.push(element("details", {}, element("summary", { text: `All ${grouped(predictions.length)}` }), element("pre", { dir: "auto", text: all })));
  }
  return [element("h2", { text: predictions.length === 1 ? "The prediction" : `${grouped(predictions.length)} predictions` }), ...shown];
}

/** One prediction, by what is in it. */
function shownOne(one, given, isOfMany) {
  const parts = [];
  const name = one.input ?? one.source ?? (typeof given === "object" ? given.name : given);
  if (name && !one.words) parts.push(element("p", { class: "said", dir: "auto", text: name }));
  if (typeof given === "object" && /\.(png|jpe?g)$/i.test(given.name) && !isOfMany) {
    parts.push(element("img", { class: "given", alt: given.name, src: `data:image/${/png$/i.test(given.name) ? "png" : "jpeg"};base64,${given.data}` }));
  }
  const place = element("div", {});
  if (one.probabilities && !Array.isArray(one.probabilities)) {
    const sorted = Object.entries(one.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 12);
    parts.push(element("p", { class: "answer", dir: "auto", text: one.label ?? (one.labels?.length ? one.labels.join(", ") : "no label") }), place);
    bars(place, { label: "Probability", names: sorted.map(([label]) => label), series: [{ name: "probability", values: sorted.map(([, value]) => value) }], low: 0, high: 1, share: true });
  } else if (one.words && one.tags) {
    parts.push(element("p", { class: "tagged", dir: "auto" }, ...one.words.map((word, k) => element("span", { class: one.tags[k] === "O" ? "" : "has" }, element("b", { text: word }), element("small", { text: `${one.tags[k]} ${percent(one.probabilities?.[k])}` })))));
  } else if (one.forecast) {
    parts.push(place);
    forecastLines(place, one.forecast);
  } else if (one.translation !== undefined || one.caption !== undefined) {
    parts.push(element("p", { class: "answer", dir: "auto", text: (one.translation ?? one.caption) || "(nothing)" }));
    if (one.best?.length > 1) parts.push(element("ol", {}, ...one.best.map((each) => element("li", { dir: "auto", text: `${each.text} (${written(each.score)})` }))));
  } else if (one.number !== undefined && one.number !== null) {
    parts.push(element("p", { class: "answer", text: written(one.number, 5) }));
  } else {
    parts.push(element("pre", { dir: "auto", text: one.text }));
  }
  for (const note of one.notes ?? []) parts.push(element("p", { class: "said", text: note }));
  return parts;
}

/** A forecast with its bands: a line for each column. */
function forecastLines(place, steps) {
  const columns = Object.keys(steps[0] ?? {}).filter((name) => name !== "step" && !name.endsWith("_quantiles"));
  const x = steps.map((_, k) => k);
  // Midnights and whole hours need no seconds.
  const dates = steps.map((step, k) => String(step.step ?? k));
  const short = dates.every((date) => /\d\d:\d\d:00$/.test(date)) ? dates.map((date) => date.slice(0, -3)) : dates;
  const named = (value) => short[value] ?? "";
  const series = columns.map((name) => {
    const quantiles = steps.map((step) => step[`${name}_quantiles`]);
    const levels = Object.keys(quantiles[0] ?? {}).sort((a, b) => a - b);
    const bands = levels.slice(0, Math.floor(levels.length / 2)).map((low, k) => ({ low: quantiles.map((one) => one[low]), high: quantiles.map((one) => one[levels[levels.length - 1 - k]]) }));
    return { name, x, y: steps.map((step) => step[name]), bands };
  });
  const together = series.length > 1 && series.every((one) => ranged(one.y) > ranged(series[0].y) / 5 && ranged(one.y) < ranged(series[0].y) * 5);
  for (const group of together ? [series] : series.map((one) => [one])) {
    const box = element("div", {});
    place.append(box);
    lines(box, { x: { label: "step", named }, y: { label: group.length === 1 ? group[0].name : "value" }, series: group });
  }
}

const ranged = (values) => Math.max(...values) - Math.min(...values) || 1;

/** A closed part that shows what a prediction hangs on, made when it is opened. */
function why(run, one, given, number, isLine, { signal, go }) {
  const view = WHY[run.task];
  if (!view) return [];
  const request = { model: run.id, views: [view] };
  const text = isLine && typeof given === "object" ? undefined : typeof given === "string" ? given : undefined;
  if (text !== undefined) request.text = text;
  else if (typeof given === "object") {
    request.file = given;
    if (isLine) request.index = (one.line ?? number + 1);
  } else if (!["forecast", "trajectory"].includes(run.task)) return [];
  const place = element("div", {});
  const said = messages();
  const whole = element("details", { class: "why" }, element("summary", { text: view === "attention" ? "Where it looks" : view === "forecast" ? "On a window that was held out" : "What it hangs on" }), said, place);
  whole.addEventListener("toggle", () => {
    if (!whole.open || place.childElementCount) return;
    place.append(element("p", { class: "said", text: "Looking …" }));
    busily(undefined, said, () =>
      drawInside(place, request, signal, true).catch((error) => {
        place.replaceChildren();
        throw error;
      }),
    );
  });
  const more = text !== undefined && button("Look inside", () => {
    remember(`inside/${run.id}`, { text });
    go(`run/${encodeURIComponent(run.id)}/inside?go`);
  }, "quiet");
  return [whole, more].filter(Boolean);
}
