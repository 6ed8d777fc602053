// What all pictures share: drawing again, what is said of a place, numbers as a table.

import { element } from "./dom.js";

const themes = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];

/** Calls `draw(width)` now and whenever the element's width, the theme or the medium changes. */
export function redrawn(host, draw) {
  let width = 0;
  const again = () => {
    if (width > 0 && host.isConnected) draw(width);
  };
  const measure = () => {
    const now = Math.floor(host.clientWidth);
    if (now !== width && now > 0) {
      width = now;
      draw(width);
    }
  };
  measure();
  new ResizeObserver(measure).observe(host);
  for (const theme of themes) theme.addEventListener("change", again);
  return again;
}

let tip;
let said;

/** Shows a text beside a place of the window, and says it where `spoken`. */
export function show(text, x, y, spoken = false) {
  tip ??= document.body.appendChild(element("div", { class: "tip", hidden: true, "aria-hidden": "true" }));
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth - 8 ? x - 14 - width : x + 14;
  const top = y + 14 + height > innerHeight - 8 ? y - 14 - height : y + 14;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, top)}px`;
  if (spoken) say(text);
}

/** Hides what is shown beside the pointer. */
export function hide() {
  if (tip) tip.hidden = true;
}

/** Has a screen reader say a text. */
export function say(text) {
  said ??= document.body.appendChild(element("div", { class: "unseen", role: "status", "aria-live": "polite" }));
  said.textContent = text;
}

addEventListener("scroll", hide, { passive: true, capture: true });
addEventListener("keydown", (event) => event.key === "Escape" && hide());

/** A closed part that holds a table of the numbers behind a picture, made when it is opened. */
export function numbers(columns, rows) {
  const body = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The numbers" });
  const whole = element("details", { class: "numbers" }, element("summary", { text: "The numbers" }), body);
  whole.addEventListener("toggle", () => {
    if (!whole.open || body.firstChild) return;
    const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text })));
    const lines = rows().map((row) =>
      element("tr", {}, ...row.map((text, at) => element(at ? "td" : "th", at ? { class: "number", text } : { scope: "row", text }))),
    );
    body.append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines)));
  });
  return whole;
}
