// A text whose tokens have a shade each. It stands in the document as it is: it can be found and copied.

import { element, visible, signs, turns } from "../base/dom.js";
import { range, written } from "../base/number.js";
import { show, hide } from "../base/figure.js";

/**
 * `spec`: `title`, `label` (what the shade means), `tokens`, `between` (what stands between tokens), `shades` (a number each; null: none), `range` (`[low,
 * high]`; shades below zero have the cold colour), `describe(step)` or `described` (what is shown beside a token), `picked(step)`.
 * Returns `{shade(shades, range), mark(step, followed), add(tokens, shades)}`.
 */
export function text(host, spec) {
  const spans = [];
  let shades = [];
  let limits = spec.range;
  const box = element("div", {
    class: "shaded",
    dir: "auto",
    role: "group",
    tabindex: "0",
    "aria-label": `${spec.title ?? "Text"}. Left and right arrow keys read token by token.`,
  });
  const between = spec.between ?? "";
  const key = element("p", { class: "said" });
  let now = -1;

  const describe = (step) =>
    spec.describe?.(step) ?? spec.described?.[step] ?? `${visible(spans[step].textContent)}: ${written(shades[step])}`;
  const tell = (step, spoken) => {
    const at = spans[step].getClientRects()[0];
    if (at) show(describe(step), at.left, at.bottom - 8, spoken);
  };
  const stepOf = (event) => {
    const span = event.target.closest?.("span[data-step]");
    return span ? Number(span.dataset.step) : undefined;
  };
  box.addEventListener("pointerover", (event) => {
    const step = stepOf(event);
    if (step === undefined) return;
    mark(step);
    spec.picked?.(step);
    tell(step, false);
  });
  box.addEventListener("pointerleave", hide);
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -spans.length, End: spans.length }[event.key];
    if (by === undefined || !spans.length || event.shiftKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const step = Math.min(spans.length - 1, Math.max(0, now + by));
    mark(step);
    spec.picked?.(step);
    spans[step].scrollIntoView({ block: "nearest" });
    requestAnimationFrame(() => tell(step, true));
  });

  /** Marks a step; where it is `followed`, the text scrolls to it, and the page stays where it is. */
  function mark(step, followed = false) {
    spans[now]?.classList.remove("now");
    now = step;
    spans[now]?.classList.add("now");
    if (!followed || !spans[now] || box.scrollHeight <= box.clientHeight) return;
    const [frame, own] = [box.getBoundingClientRect(), spans[now].getBoundingClientRect()];
    if (own.top < frame.top || own.bottom > frame.bottom) box.scrollTop += own.top - frame.top - frame.height / 3;
  }

  /** Adds tokens at the end, in shades of the range that there is. */
  function add(tokens, given = []) {
    tokens.forEach((token, at) => {
      const step = spans.length;
      const span = element("span", { class: turns(token) ? "odd" : undefined, "data-step": step, "data-mark": signs(token) || undefined, text: token });
      if (between && step) box.append(between);
      box.append(span);
      spans.push(span);
      shades[step] = given[at];
      if (limits) colour(step);
    });
  }

  function colour(step) {
    const [low, high] = limits;
    const both = low < 0;
    const most = both ? Math.max(-low, high) : high - low;
    const value = shades[step];
    const known = value !== null && value !== undefined && Number.isFinite(value);
    const share = known && most > 0 ? (both ? value : value - low) / most : 0;
    spans[step].style.setProperty("--shade", Math.min(1, Math.abs(share)).toFixed(3));
    spans[step].classList.toggle("below", share < 0);
  }

  function shade(given, within, label) {
    shades = [...given];
    limits = within ?? range(given);
    spans.forEach((_, step) => colour(step));
    const [low, high] = limits;
    const more = shades.some((value) => value > high) ? " and more" : "";
    key.textContent = label ? `${label}: ${low < 0 ? `blue ${written(-Math.max(-low, high))}, none 0, orange ${written(Math.max(-low, high))}` : `none ${written(low)}, strongest ${written(high)}${more}`}.` : "";
  }

  add(spec.tokens);
  shade(spec.shades ?? [], spec.range, spec.label);
  host.classList.add("chart");
  host.append(...[spec.title && element("div", { class: "chart-title", text: spec.title }), box, key].filter(Boolean));
  return { shade, mark, add };
}
