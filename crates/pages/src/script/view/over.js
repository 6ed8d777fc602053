// What a step has to do with each part of a picture, over the picture: one step in large, and all in small where they are words.

import { element } from "../base/dom.js";
import { moveTo } from "../base/cursor.js";
import { picture } from "../chart/picture.js";

/** Words that have a small picture each, at most. */
const WORDS = 40;

/**
 * `spec`: `read` (the picture, as `pictureOf` gives it), `title`, `count` (of steps), `words` (whether steps are words that are written, and not parts of
 * the picture), `called(step)`, `shades(step)` (a number for each part of the picture), `range(step)`, `told(step)` (a sentence), `describe(step, cell)`,
 * `first`. Returns a function that turns to a step.
 */
export function overPicture(host, { read, title, count, words, called, shades, range, told, describe, first = 0 }) {
  const [big, small] = [element("div"), element("div", { class: "looks" })];
  const caption = element("p", { class: "said", "aria-live": "polite" });
  host.append(element("div", { class: "chart-title", text: title }), big, small);
  let step = first;
  const main = picture(big, {
    ...read,
    title: undefined,
    shades: shades(step),
    range: range(step),
    describe: (cell) => describe(step, cell),
    picked: (cell) => words || (read.axis === "steps" ? moveTo(cell) : turn(cell)),
  });
  big.append(caption);
  if (words) {
    for (let k = 0; k < Math.min(count, WORDS); k++) {
      const button = element("button", { type: "button", "aria-pressed": "false", "aria-label": `Step ${k}: ${called(k)}`, on: { click: () => moveTo(k) } });
      const place = element("span");
      small.append(button);
      button.append(place, element("span", { class: "said", text: called(k) }));
      picture(place, { ...read, title: undefined, most: 96, shades: shades(k), range: range(k) });
    }
  }
  turn(step);
  return turn;

  function turn(to) {
    if (to >= count) return;
    step = to;
    main.shade(shades(step), range(step));
    if (!words) main.mark(step);
    caption.textContent = told(step);
    small.querySelectorAll("button").forEach((button, k) => button.setAttribute("aria-pressed", String(k === step)));
  }
}
