// How runs, times and sizes are told.

import { written, percent } from "../base/number.js";

/** What tasks do, by the program's words. */
const TASKS = JSON.parse(document.getElementById("tasks").textContent);

const BACKBONES = { window: "window MLP", rnn: "RNN", gru: "GRU", lstm: "LSTM", transformer: "Transformer" };

/** What a run or some data are for. */
export const taskName = (of) => TASKS[`${of.task} ${of.input ? readBy(of) : ""}`] ?? TASKS[of.task] ?? of.task ?? "–";
export const backboneName = (backbone) => BACKBONES[backbone] ?? backbone ?? "–";

/** Whether a model goes on writing text, or writes music of several voices. */
export const writesText = (task) => task === "text" || task === "music";
export const composesMusic = (task) => task === "chorales" || task === "events";

const SHARES = ["accuracy", "macro_f1", "f1", "token_accuracy"];
const scoreName = (name) => name.replaceAll("_", " ").replace(/\bf1\b/i, "F1").replace(/^(bleu|mae|mape|rmse|mse|r2|chrf)$/i, (all) => all.toUpperCase());

/** A score as a person reads it. */
export function scored(name, value) {
  return `${scoreName(name)} ${SHARES.includes(name) ? percent(value) : written(value, 4)}`;
}

/** The score by which models of its task are known, at its best. */
export const bestOf = (run) => run.score?.text ?? (run.best ? scored(run.best.criterion, run.best.value) : "–");

/** Seconds as a clock. */
export function clocked(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** How long ago a time is. */
export function ago(seconds) {
  const since = Date.now() / 1000 - seconds;
  for (const [long, unit] of [[86_400, "day"], [3_600, "hour"], [60, "minute"]]) {
    const count = Math.floor(since / long);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

export const grouped = (number) => (number === null || number === undefined ? "–" : number.toLocaleString("en"));

/** The state of a run in a word or two. */
export function stateOf(run) {
  if (run.training) return "training";
  if (run.error) return "failed";
  if (run.ended) return "done";
  return run.imported ? "imported" : "stopped";
}

/** A clause as a sentence; a name of a file keeps its letters. */
export function sentenceOf(clause) {
  const text = String(clause).trim();
  const begin = /^\S*[./_\d]\S/.test(text) ? text.charAt(0) : text.charAt(0).toUpperCase();
  return begin + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** What a model reads: a kind of input where examples have one, else its task. */
export function readBy({ task, input }) {
  if (task === "caption") return "picture";
  if (task !== "classify" && task !== "regress") return task;
  return { text: "text", numbers: "numbers", mel: "sound", samples: "sound" }[input] ?? (input ? "picture" : "text");
}
