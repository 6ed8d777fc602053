// A training as it goes on: loss, scores, rate, speed, time left; stopping, going on, and others beside it.

import { element, choice } from "../base/dom.js";
import { written } from "../base/number.js";
import { lines } from "../chart/lines.js";
import { eventsOf, fetched, posted, send } from "./api.js";
import { busily, button, factsOf, messages, numeric } from "./form.js";
import { bestOf, clocked, composesMusic, grouped, scored, sentenceOf, stateOf, writesText } from "./words.js";

/** How often a picture of what goes on is drawn anew, at most, in milliseconds. */
const EVERY = 500;

/** Points of a line that is drawn; where there are more, means of neighbours are. */
const POINTS = 400;

/** What can be drawn: of which records, their value, what the axis is called. */
const COURSES = {
  loss: ["loss", undefined],
  learning_rate: ["learning rate", "train"],
  tokens_per_second: ["tokens a second", "train"],
  gradient_norm: ["norm of the gradient", "train"],
};

export async function trainingPart(host, run, room) {
  const { signal, query, again, tell } = room;
  const id = run.id;
  const path = `/api/runs/${encodeURIComponent(id)}`;
  let records = [];
  let now = run;
  let shownCurve = "loss";
  let over = "step";
  let drawnAt = 0;
  let waiting;
  // Runs that lie beside it, with their records.
  const beside = new Map();
  const head = element("div", { class: "status", role: "status", "aria-live": "off" });
  const controls = element("div", { class: "controls" });
  const said = messages();
  const chart = element("div", { class: "figure" });
  const choices = element("div", { class: "controls" });
  const notes = element("ul", { class: "notes" });
  host.append(head, controls, said, choices, chart, notes);

  function showHead() {
    const last = records.findLast((record) => record.kind === "train");
    const validation = records.findLast((record) => record.kind === "validation");
    const facts = [["state", stateOf(now)]];
    if (last) {
      facts.push(["step", grouped(last.step)], ["passes", written(last.epoch, 3)], ["training loss", written(last.loss, 4)]);
      if (validation) facts.push(["validation", validationOf(validation)]);
      facts.push(["learning rate", written(last.learning_rate, 3)], ["speed", `${grouped(Math.round(last.tokens_per_second))} /s`], ["time", clocked(last.seconds)]);
      const left = now.training ? secondsLeft(now.recipe?.training ?? {}, last) : undefined;
      if (left !== undefined) facts.push(["left", `${clocked(left)} at most`]);
    } else if (now.training) {
      facts.push(["", now.recipe ? "the first steps …" : "reading the data …"]);
    }
    const share = now.training && last ? doneShare(now.recipe?.training ?? {}, last) : undefined;
    head.replaceChildren(
      element("dl", { class: "facts" }, ...factsOf(facts)),
      ...(share !== undefined ? [element("progress", { value: share, max: 1, "aria-label": "How much of the budget is used up" })] : []),
      ...(now.error ? [element("p", { class: "wrong", dir: "auto", text: sentenceOf(now.error) })] : !now.training && now.ended ? [element("p", { class: "said", text: sentenceOf(`ended: ${now.ended}`) })] : []),
    );
  }

  function showControls() {
    const use = writesText(now.task) || composesMusic(now.task) ? [`#/run/${encodeURIComponent(id)}/write?go`, now.task === "music" ? "Write a tune" : "Write"] : [`#/run/${encodeURIComponent(id)}/predict`, "Predict"];
    const link = now.has_model && element("a", { class: now.training ? "button" : "button main", href: use[0], text: use[1] });
    if (now.training) {
      controls.replaceChildren(...[button("Stop", (event) => busily(event.currentTarget, said, () => posted(`${path}/stop`)), undefined), link].filter(Boolean));
      return;
    }
    const minutes = numeric(1, { min: 0.1 });
    minutes.setAttribute("aria-label", "Minutes to go on for");
    const resume = async (body) => {
      await posted(`${path}/resume`, body);
      // How far it goes now stands in its recipe, which is read anew.
      now = { ...now, training: true, ended: null, error: null, recipe: null };
      showHead();
      showControls();
      follow();
    };
    const resumable = !now.imported && now.task;
    const whole = resumable && !now.ended && button("Resume to its end", (event) => busily(event.currentTarget, said, () => resume({})));
    const more = resumable && element("span", { class: "controls" }, button("Go on for", (event) => busily(event.currentTarget, said, () => resume({ minutes: Number(minutes.value) }))), minutes, "minutes");
    controls.replaceChildren(...[link, whole, more].filter(Boolean));
  }

  function showNotes() {
    const all = records.filter((record) => record.kind === "note");
    notes.hidden = !all.length;
    notes.replaceChildren(...all.map((record) => element("li", { dir: "auto", text: `Step ${grouped(record.step)}: ${sentenceOf(record.text)}` })));
  }

  function showChart() {
    waiting = undefined;
    drawnAt = Date.now();
    const [label, kind] = COURSES[shownCurve] ?? [shownCurve.replaceAll("_", " "), "validation"];
    const x = over === "step" ? (record) => record.step : (record) => record.seconds / 60;
    const line = (name, found, of, more) => {
      const rows = thin(found.filter((record) => record.kind === of && valueOf(record, shownCurve) !== undefined), x, shownCurve);
      return rows.length ? [{ name, x: rows.map(([at]) => at), y: rows.map(([, value]) => value), ...more }] : [];
    };
    const series = [];
    if (kind !== "validation") series.push(...line(shownCurve === "loss" ? "training" : id, records, "train", { colour: 0, short: beside.size ? `${id}, training` : undefined }));
    if (kind !== "train") series.push(...line(shownCurve === "loss" ? "validation" : id, records, "validation", { colour: 1, points: true }));
    let colour = 2;
    for (const [other, found] of beside) {
      series.push(...line(kind ? other : `${other}, validation`, found, kind ?? "validation", { colour: colour++, dashed: true }));
    }
    chart.hidden = !series.length;
    if (!series.length) return;
    const box = element("div", {});
    chart.replaceChildren(box);
    lines(box, { x: { label: over === "step" ? "optimizer step" : "minutes of training" }, y: { label }, series });
  }

  function update(isAll) {
    showHead();
    if (isAll) showNotes();
    const late = EVERY - (Date.now() - drawnAt);
    // A person who reads a place of the picture keeps it.
    const isRead = chart.matches(":hover") || chart.contains(document.activeElement);
    if (late <= 0 && !isRead) showChart();
    else waiting ??= setTimeout(() => (isRead && (chart.matches(":hover") || chart.contains(document.activeElement)) ? (waiting = undefined) : showChart()), isRead ? 2_000 : late);
  }

  function showChoices(others) {
    const scores = [...new Set(records.flatMap((record) => Object.keys(record.scores ?? {})))];
    const curves = [...Object.entries(COURSES).map(([name, [label]]) => [name, label]), ...scores.map((name) => [name, scored(name, NaN).replace(/ [–%]*$/, "")])];
    const same = others.filter((other) => other.task === now.task && other.id !== id);
    choices.replaceChildren(
      ...[
        choice("Show", curves, shownCurve, (to) => ((shownCurve = to), showChart())),
        choice("over", [["step", "steps"], ["time", "time"]], over, (to) => ((over = to), showChart())),
        same.length > 0 && choice("beside", [["", beside.size ? "none" : "another run"], ...same.map((other) => [other.id, `${other.id} (${bestOf(other)})`])], [...beside.keys()].at(-1) ?? "", (to) => compare(to, others)),
      ].filter(Boolean),
    );
  }

  async function compare(other, others) {
    if (!other) beside.clear();
    else beside.set(other, (await fetched(`/api/runs/${encodeURIComponent(other)}/metrics`, signal)).records);
    showChoices(others);
    showChart();
  }

  /** Follows the training until nobody trains the run. */
  async function follow() {
    const answer = await send("GET", `${path}/metrics`, undefined, { signal, accept: "text/event-stream" });
    records = [];
    let known = 0;
    for await (const { event, data } of eventsOf(answer)) {
      if (event === "restart") records = [];
      if (event === "message") records.push(JSON.parse(data));
      if (event === "error") throw new Error(JSON.parse(data).error.message);
      if (event === "end") break;
      const last = records.at(-1);
      // Sizes and the recipe are known once the data have been read; a model once it has been validated.
      if (!now.recipe || (last?.best && last.step > (now.best?.step ?? -1))) {
        now = await fetched(path, signal);
        // What can be done with a run is known with its task.
        if (!run.task && now.task) return again();
        showControls();
      }
      if (last?.best && !now.best) tell({ ...now, best: { criterion: "loss", value: last.loss } });
      else tell(now);
      const count = records.filter((record) => record.kind !== "train").length;
      update(count !== known);
      known = count;
    }
    now = await fetched(path, signal);
    tell(now);
    showHead();
    showControls();
    showNotes();
    clearTimeout(waiting);
    showChart();
    const { runs } = await fetched("/api/runs", signal);
    showChoices(runs);
  }

  showHead();
  showControls();
  const { runs } = await fetched("/api/runs", signal);
  showChoices(runs);
  const first = query.get("with");
  if (first && runs.some((other) => other.id === first)) await compare(first, runs);
  follow().catch((error) => busily(undefined, said, () => Promise.reject(error)));
}

function valueOf(record, curve) {
  const value = record.scores?.[curve] ?? record[curve];
  return value === null || value === undefined ? undefined : value;
}

/** Points of a line: means of neighbours where there are many. */
function thin(rows, x, curve) {
  const every = Math.ceil(rows.length / POINTS);
  const points = [];
  for (let from = 0; from < rows.length; from += every) {
    const part = rows.slice(from, from + every);
    points.push([x(part.at(-1)), part.reduce((sum, record) => sum + valueOf(record, curve), 0) / part.length]);
  }
  return points;
}

function validationOf(record) {
  const [first] = Object.entries(record.scores ?? {});
  return `${written(record.loss, 4)}${first ? `, ${scored(...first)}` : ""}`;
}

/** How much of its budget a training has used, between 0 and 1; none where it has no end of its own. */
function doneShare({ steps, epochs, minutes }, last) {
  const shares = [steps && last.step / steps, epochs && last.epoch / epochs, minutes && last.seconds / (60 * minutes)].filter(Boolean);
  return shares.length ? Math.min(1, Math.max(...shares)) : undefined;
}

function secondsLeft(training, last) {
  const share = doneShare(training, last);
  return share > 0.01 ? (last.seconds / share) * (1 - share) : undefined;
}
