// A text whose tokens have a shade each. It stands in the document as it is: it can be found and copied.

import { element, visible, signs, turns } from "../base/dom.js";
import { range, written } from "../base/number.js";
import { show, hide } from "../base/figure.js";

/**
 * `spec`: `title`, `label` (what the shade means), `tokens`, `between` (what stands between tokens), `shades` (a number each; null: none), `range` (`[low,
 * high]`; shades below zero have the cold colour), `describe(step)` or `described` (what is shown beside a token), `picked(step)`.
 * Returns `{shade(shades, range), mark(step)}`.
 */
export function text(host, spec) {
  let shades = spec.shades ?? [];
  const spans = spec.tokens.map((token, step) => {
    const mark = signs(token);
    const span = element("span", { class: turns(token) ? "odd" : undefined, "data-step": step, "data-mark": mark || undefined });
    span.textContent = token;
    return span;
  });
  const box = element("div", {
    class: "shaded",
    dir: "auto",
    role: "group",
    tabindex: "0",
    "aria-label": `${spec.title ?? "Text"}. Left and right arrow keys read token by token.`,
  });
  const between = spec.between ?? "";
  box.append(...(between ? spans.flatMap((span, at) => (at ? [between, span] : [span])) : spans));
  const key = element("p", { class: "said" });
  let now = -1;

  const describe = (step) =>
    spec.describe?.(step) ?? spec.described?.[step] ?? `${visible(spec.tokens[step])}: ${written(shades[step])}`;
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
    if (by === undefined || event.shiftKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const step = Math.min(spans.length - 1, Math.max(0, now + by));
    mark(step);
    spec.picked?.(step);
    spans[step].scrollIntoView({ block: "nearest" });
    requestAnimationFrame(() => tell(step, true));
  });

  function mark(step) {
    spans[now]?.classList.remove("now");
    now = step;
    spans[now]?.classList.add("now");
  }

  function shade(given, within, label) {
    shades = given;
    const [low, high] = within ?? range(given);
    const both = low < 0;
    const most = both ? Math.max(-low, high) : high - low;
    spans.forEach((span, step) => {
      const value = given[step];
      const known = value !== null && value !== undefined && Number.isFinite(value);
      const share = known && most > 0 ? (both ? value : value - low) / most : 0;
      span.style.setProperty("--shade", Math.min(1, Math.abs(share)).toFixed(3));
      span.classList.toggle("below", share < 0);
    });
    key.textContent = label ? `${label}: ${both ? `blue ${written(-most)}, none 0, orange ${written(most)}` : `none ${written(low)}, strongest ${written(high)}${given.some((value) => value > high) ? " and more" : ""}`}.` : "";
  }

  shade(shades, spec.range, spec.label);
  host.classList.add("chart");
  host.append(...[spec.title && element("div", { class: "chart-title", text: spec.title }), box, key].filter(Boolean));
  return { shade, mark };
}
