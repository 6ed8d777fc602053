// Text as it is written, each symbol shaded by its probability; tunes are seen and heard.

import { element, visible } from "../base/dom.js";
import { percent, written } from "../base/number.js";
import { text } from "../chart/text.js";
import { eventsOf, posted, send } from "./api.js";
import { busily, button, complain, dropZone, framed, labelled, messages, remember, remembered, save, told } from "./form.js";
import { piece, soundOf } from "./music.js";
import { sampling } from "./sampling.js";
import { grouped, sentenceOf } from "./words.js";

/** Surprise, in nats, with the strongest shade. */
const STRONGEST = 5;

export async function writePart(host, run, { signal, query, go }) {
  const id = run.id;
  const isTune = run.task === "music";
  const usual = { prompt: isTune ? "X:1\n" : "", max_tokens: isTune ? 1000 : 500 };
  const { own, changed, row } = sampling(`write/${id}`, usual, "Length", 100_000);
  const said = messages();
  const prompt = element("textarea", { rows: isTune ? "4" : "3", spellcheck: "false", dir: "auto", text: own.prompt, on: { input: () => changed("prompt")(prompt.value) } });
  const writing = element("button", { type: "submit", class: "main", text: isTune ? "Write a tune" : "Write" });
  const stop = button("Stop", () => current?.abort());
  stop.hidden = true;
  const file = dropZone(isTune ? "Drop the beginning of a tune here (ABC), and it is carried on." : "Drop a text here, and it is carried on.", {
    accept: isTune ? ".abc,.txt" : "text/*,.txt,.md",
    chosen: ([{ file }]) =>
      busily(undefined, said, async () => {
        if (file.size > 1_000_000) throw told(`${file.name} has ${grouped(file.size)} bytes; a beginning of up to a million is taken`);
        const begun = await file.text();
        if (/[\u0000\ufffd]/.test(begun)) throw told(`${file.name} is no text in UTF-8; drop a file of text`);
        prompt.value = begun;
        changed("prompt")(prompt.value);
      }),
  });
  const form = framed(
    () => write(),
    labelled(isTune ? "Begin with" : "Prompt", prompt, isTune ? "Header fields such as M:6/8 and K:D, or the first bars: the model goes on from there." : "The model goes on from there; it is not made for questions."),
    row,
    element("details", {}, element("summary", { text: "Carry on a file" }), file),
    element("div", { class: "controls" }, writing, stop),
    said,
  );
  const result = element("div", { class: "result" });
  host.append(form, result);
  let current;

  async function write() {
    current?.abort();
    current = new AbortController();
    const mine = current;
    signal.addEventListener("abort", () => mine.abort(), { once: true, signal: mine.signal });
    const chosen = own.seed === "" ? Math.floor(Math.random() * 1_000_000) : own.seed;
    const request = { model: id, prompt: prompt.value, max_tokens: own.max_tokens, temperature: own.temperature, top_p: own.top_p, seed: chosen };
    complain(said);
    writing.textContent = isTune ? "Write another" : "Write again";
    stop.hidden = false;
    const shown = page(result, run, request, go);
    try {
      const answer = await send("POST", "/v1/completions", { ...request, stream: true, logprobs: 5 }, { signal: mine.signal });
      let reason;
      for await (const { data } of eventsOf(answer)) {
        if (data === "[DONE]") break;
        const told = JSON.parse(data);
        if (told.error) throw new Error(told.error.message);
        for (const one of told.choices) {
          shown.add(one.text, one.logprobs);
          reason = one.finish_reason ?? reason;
        }
      }
      shown.keep();
      await shown.done(reason === "length" ? `Broken off after ${grouped(own.max_tokens)} symbols, as the length asks.` : "It came to its end.", signal);
    } catch (error) {
      if (mine !== current) return;
      if (mine.signal.aborted && !signal.aborted) await shown.done("Stopped.", signal);
      else complain(said, error);
    } finally {
      if (mine === current) stop.hidden = true;
    }
  }

  const before = remembered(`written/${id}`);
  if (query.has("go")) write();
  else if (before) {
    const shown = page(result, run, before.request, go);
    shown.restore(before);
    shown.done("Written before.", signal).catch((error) => complain(said, error));
  }
}

/** A text in its symbols, each with the number of its score. Bytes that are no text by themselves are shown with the first of their character; an end has no text. */
function symbolsOf(told, scores) {
  const found = [];
  let left = told;
  // Bytes of the last character that are told of by scores to come.
  let owed = 0;
  scores?.tokens.forEach((token, k) => {
    if (token.startsWith("bytes:")) {
      const bytes = token.split("\\x").length - 1;
      if (owed <= 0 && left) {
        const character = String.fromCodePoint(left.codePointAt(0));
        found.push([character, k]);
        left = left.slice(character.length);
        owed = new TextEncoder().encode(character).length;
      }
      owed -= bytes;
    } else if (token && left.startsWith(token)) {
      found.push([token, k]);
      left = left.slice(token.length);
      owed = 0;
    }
  });
  if (left) found.push([left, scores ? scores.tokens.length - 1 : 0]);
  return found;
}

/** A place for one text: its symbols as they come, and then what can be said of it. */
function page(result, run, request, go) {
  const isTune = run.task === "music";
  const [tokens, logprobs, tops] = [[], [], []];
  const head = element("p", { class: "said", text: `Seed ${request.seed}: the same request writes the same text again.` });
  const box = element("div", {});
  const after = element("div", {});
  const sound = element("div", {});
  const copied = element("p", { class: "said" });
  result.replaceChildren(element("h2", { text: isTune ? "The tune" : "The text" }), head, sound, box, copied, after);
  const describe = (at) => {
    const top = Object.entries(tops[at] ?? {}).sort((a, b) => b[1] - a[1]);
    if (logprobs[at] === null || logprobs[at] === undefined) return `${visible(tokens[at])}: the prompt`;
    return [`${visible(tokens[at])}: ${percent(Math.exp(logprobs[at]))}, surprise ${written(-logprobs[at])} nats`, ...top.map(([symbol, value]) => `${visible(symbol)}  ${percent(Math.exp(value))}`)].join("\n");
  };
  const shaded = text(box, { title: "Shaded by surprise", label: "Surprise in nats", tokens: [], range: [0, STRONGEST], shades: [], describe });
  const add = (told, scores) => {
    const from = tokens.length;
    for (const [symbol, k] of symbolsOf(told, scores)) {
      tokens.push(symbol);
      logprobs.push(scores?.token_logprobs[k] ?? null);
      tops.push(scores?.top_logprobs[k] ?? null);
    }
    shaded.add(tokens.slice(from), logprobs.slice(from).map((value) => (value === null ? NaN : -value)));
  };
  for (const character of request.prompt) add(character);
  const whole = () => tokens.join("");
  const keep = () => remember(`written/${run.id}`, { request, tokens, logprobs, tops });

  async function done(reason, signal) {
    keep();
    const mean = logprobs.filter((value) => value !== null);
    const facts = [reason, mean.length && `${grouped(mean.length)} symbols, ${written(-mean.reduce((sum, value) => sum + value, 0) / mean.length)} nats each.`];
    const name = `${run.id}-${request.seed}`;
    after.replaceChildren(
      element("p", { class: "said", text: facts.filter(Boolean).join(" ") }),
      element(
        "div",
        { class: "controls" },
        button("Copy", () => navigator.clipboard?.writeText(whole())),
        !isTune && button("Save", () => save(`${name}.txt`, new Blob([whole()], { type: "text/plain" }))),
        button("Look inside", () => {
          remember(`inside/${run.id}`, { text: whole() });
          go(`run/${encodeURIComponent(run.id)}/inside?go`);
        }),
      ),
    );
    await Promise.all([isTune && hear(sound, name, signal), compareWithData(copied, signal)]);
  }

  /** The tune as notes. */
  async function hear(place, name, signal) {
    try {
      const found = await soundOf(whole(), ["roll"], signal);
      const starts = [];
      let at = 0;
      for (const token of tokens) {
        starts.push(at);
        at += [...token].length;
      }
      const stepOf = (character) => starts.findLastIndex((start) => start <= character);
      if (!found.roll) place.append(element("p", { class: "wrong", text: "There is no note in it; write another." }));
      else piece(place, found.roll, {
        name,
        text: whole(),
        forms: async (format) => (await soundOf(whole(), [format]))[format],
        playing: (character) => shaded.mark(stepOf(character)),
      });
      if (found.problems.length) place.append(element("details", {}, element("summary", { text: found.problems.length === 1 ? "One problem in its notation" : `${found.problems.length} problems in its notation` }), element("ul", { class: "notes" }, ...found.problems.map((problem) => element("li", { text: sentenceOf(problem) })))));
    } catch (error) {
      complain(place, error);
    }
  }

  /** Marks what stands in the training data. */
  async function compareWithData(place, signal) {
    try {
      const { texts, notes } = await posted("/api/novelty", { model: run.id, texts: [whole()] }, signal);
      const [found] = texts;
      if (!found) {
        place.textContent = notes.map(sentenceOf).join(" ");
        return;
      }
      let at = 0;
      const spans = [...box.querySelectorAll(".shaded > span")];
      tokens.forEach((token, step) => {
        const end = at + [...token].length;
        if (logprobs[step] !== null && found.copied.some(([from, to]) => from < end && at < to)) spans[step]?.classList.add("copied");
        at = end;
      });
      const share = !found.share ? ` None of its passages of ${found.window} characters stands in the training data.` : ` ${percent(found.share)} of its passages of ${found.window} characters stand in the training data; they are underlined.`;
      place.textContent = found.longest ? `Longest passage that is copied: ${found.longest} characters.${share}` : "Nothing in it is copied from the training data.";
    } catch (error) {
      if (error.name !== "AbortError") place.textContent = sentenceOf(error.message);
    }
  }

  return {
    add,
    keep,
    done,
    restore(before) {
      tokens.length = logprobs.length = tops.length = 0;
      box.querySelector(".shaded").replaceChildren();
      tokens.push(...before.tokens);
      logprobs.push(...before.logprobs);
      tops.push(...before.tops);
      shaded.add(tokens, logprobs.map((value) => (value === null ? NaN : -value)));
    },
  };
}
