// A table that can be sorted.

import { element } from "../base/dom.js";
import { written, percent } from "../base/number.js";
import { scrolling } from "../base/figure.js";

/**
 * `spec`: `title`, `columns` (`{name, digits, share}`; share: numbers are written as percentages), `rows` (lists of texts and numbers), `sortable`. Numbers stand to the right.
 * `chosen(row number)` is called where a row is clicked or entered, if given.
 */
export function table(host, spec) {
  const numeric = spec.columns.map((_, at) => spec.rows.length > 0 && spec.rows.every((row) => row[at] === null || typeof row[at] === "number"));
  const heads = spec.columns.map((column, at) => {
    const inner = spec.sortable ? element("button", { type: "button", text: column.name, on: { click: () => sort(at) } }) : column.name;
    return element("th", { scope: "col", class: numeric[at] ? "number" : undefined }, inner);
  });
  const body = element("tbody");
  const lines = spec.rows.map((row, number) => {
    const cells = row.map((value, at) => {
      const column = spec.columns[at];
      const text = typeof value !== "number" ? (value ?? "–") : column.share ? percent(value) : written(value, column.digits ?? 4);
      return element(at ? "td" : "th", { scope: at ? undefined : "row", class: numeric[at] ? "number" : undefined, dir: numeric[at] ? undefined : "auto", text });
    });
    if (!spec.chosen) return element("tr", {}, ...cells);
    const choose = () => {
      for (const line of lines) line.removeAttribute("aria-current");
      lines[number].setAttribute("aria-current", "true");
      spec.chosen(number);
    };
    const first = cells[0];
    first.replaceChildren(element("button", { type: "button", text: first.textContent, on: { click: choose } }));
    return element("tr", { on: { click: choose } }, ...cells);
  });
  body.append(...lines);
  let order = { at: -1, down: false };
  function sort(at) {
    order = { at, down: order.at === at ? !order.down : numeric[at] };
    const turn = order.down ? -1 : 1;
    const by = (a, b) => {
      const [x, y] = [spec.rows[a][at], spec.rows[b][at]];
      if (x === null || y === null) return (x === null) - (y === null);
      return turn * (numeric[at] ? x - y : String(x).localeCompare(String(y)));
    };
    body.append(...[...lines.keys()].sort(by).map((number) => lines[number]));
    heads.forEach((head, k) => (k === at ? head.setAttribute("aria-sort", order.down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
  }
  host.classList.add("chart");
  const whole = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
  host.append(
    ...[spec.title && element("div", { class: "chart-title", text: spec.title }), ...scrolling(whole, spec.title ?? "Table", lines.length)].filter(Boolean),
  );
}
