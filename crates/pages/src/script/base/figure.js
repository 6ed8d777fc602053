// What all pictures share: drawing again, what is said of a place, numbers as a table.

import { element } from "./dom.js";

const themes = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];

/** What draws the pictures of the page again, each with its element. */
const pictures = new Set();

for (const theme of themes) {
  theme.addEventListener("change", () => {
    for (const one of pictures) one.again();
  });
}

/** Calls `draw(width)` now and whenever the element's width, the theme or the medium changes, as long as it is in the page. */
export function redrawn(host, draw) {
  // Pages that go on changing leave many pictures behind.
  for (const one of pictures) if (one.seen && !one.host.isConnected) pictures.delete(one);
  let width = 0;
  const own = { host, seen: false, again };
  pictures.add(own);
  function again() {
    if (width > 0 && host.isConnected) draw(width);
  }
  const measure = () => {
    own.seen ||= host.isConnected;
    const now = Math.floor(host.clientWidth);
    if (now !== width && now > 0) {
      width = now;
      draw(width);
    }
  };
  measure();
  new ResizeObserver(measure).observe(host);
  return again;
}

let tip;
let said;
/** Where on the page a place is shown that keys chose: no pointer stands there, so the text moves with the page. */
let held;

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
  held = spoken ? { left: Math.max(8, left) + scrollX, top: Math.max(8, top) + scrollY } : undefined;
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

function scrolled() {
  if (!tip || !held) return hide();
  tip.style.left = `${held.left - scrollX}px`;
  tip.style.top = `${held.top - scrollY}px`;
}

addEventListener("scroll", scrolled, { passive: true, capture: true });
addEventListener("keydown", (event) => event.key === "Escape" && hide());

/** A box in which a table scrolls where it is larger than it, with what says so and how many rows there are. */
export function scrolling(inner, label, rows) {
  const box = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${label}, ${rows} ${rows === 1 ? "row" : "rows"}` }, inner);
  const cue = element("p", { class: "said scrolls", hidden: true });
  const tell = () => {
    const [down, across] = [box.scrollHeight > box.clientHeight + 1, box.scrollWidth > box.clientWidth + 1];
    cue.hidden = !down && !across;
    const seen = [...inner.querySelectorAll("tbody tr")].filter((row) => row.offsetTop + row.offsetHeight <= box.scrollTop + box.clientHeight + 1).length;
    const left = down ? `${rows} rows${seen < rows ? `, ${rows - seen} more below` : ""}` : "wider than the page";
    cue.textContent = `${left}; the table scrolls${down && across ? " down and across" : down ? " down" : " across"}, also by arrow keys.`;
    box.classList.toggle("more", down && seen < rows);
  };
  box.addEventListener("scroll", tell, { passive: true });
  const watch = new ResizeObserver(tell);
  watch.observe(box);
  watch.observe(inner);
  return [box, cue];
}

/** A closed part that holds a table of the numbers behind a picture, made when it is opened. */
export function numbers(columns, rows) {
  const whole = element("details", { class: "numbers" }, element("summary", { text: "The numbers" }));
  whole.addEventListener("toggle", () => {
    if (!whole.open || whole.childElementCount > 1) return;
    const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text })));
    const lines = rows().map((row) =>
      element("tr", {}, ...row.map((text, at) => element(at ? "td" : "th", at ? { class: "number", text } : { scope: "row", text }))),
    );
    whole.append(...scrolling(element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines)), "The numbers", lines.length));
  });
  return whole;
}
