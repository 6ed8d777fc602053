// How what is written is drawn: temperature, top-p, length and seed, kept through a reload.

import { element } from "../base/dom.js";
import { labelled, numeric, remember, remembered, slider } from "./form.js";

/** Settings of a form, by a name under which they are kept: what is chosen, as it is now, what changes a field of it, and the row of inputs. */
export function sampling(store, usual, lengthLabel, longest) {
  const own = remembered(store, { temperature: 0.8, top_p: 1, seed: "", ...usual });
  const changed = (field) => (value) => {
    own[field] = value;
    remember(store, own);
  };
  const length = numeric(own.max_tokens, { min: 1, max: longest, step: 1 });
  length.addEventListener("change", () => changed("max_tokens")(Number(length.value)));
  const seed = numeric(own.seed, { min: 0, step: 1, placeholder: "by chance" });
  seed.addEventListener("change", () => changed("seed")(seed.value === "" ? "" : Number(seed.value)));
  const row = element(
    "div",
    { class: "row" },
    slider("Temperature", own.temperature, { min: 0, max: 2, step: 0.05, changed: changed("temperature") }),
    slider("Top-p", own.top_p, { min: 0.05, max: 1, step: 0.05, changed: changed("top_p") }),
    labelled(lengthLabel, length),
    labelled("Seed", seed),
  );
  return { own, changed, row };
}
