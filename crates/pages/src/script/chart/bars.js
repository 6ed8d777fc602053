// Bars: a table whose cells hold them, so that they are read, copied and printed as one.

import { element } from "../base/dom.js";
import { range, written, percent } from "../base/number.js";
import { seriesColour } from "../base/colour.js";
import { scrolling } from "../base/figure.js";
import { legend } from "./lines.js";

/**
 * `spec`: `title`, `label` (what is measured), `names`, `series` (`{name, values, low, high, colour}`; low and high are the ends of an
 * interval), `marks` (`{value, label}`), `low` and `high` of the axis, `share` (numbers are written as percentages).
 */
export function bars(host, spec) {
  const series = spec.series.map((one, number) => ({ colour: number, ...one }));
  const write = spec.share ? percent : (value) => written(value);
  const values = series.flatMap((one) => [...one.values, ...(one.low ?? []), ...(one.high ?? [])]);
  const [least, most] = range([...values, ...(spec.marks ?? []).map((mark) => mark.value)]);
  const low = spec.low ?? Math.min(0, least);
  const high = spec.high ?? Math.max(low === 0 ? 0 : least, most) ;
  const place = (value) => (100 * (Math.min(high, Math.max(low, value)) - low)) / (high - low || 1);
  const several = series.length > 1;
  const rows = spec.names.flatMap((name, row) =>
    series.map((one, number) => {
      const value = one.values[row];
      const known = value !== null && value !== undefined && Number.isFinite(value);
      const [from, to] = known ? [place(Math.min(0, value)), place(Math.max(0, value))] : [0, 0];
      const bar = element(
        "span",
        {},
        element("b", { style: { left: `${from}%`, width: `${to - from}%`, background: seriesColour(one.colour) } }),
        one.low && element("s", { style: { left: `${place(one.low[row])}%`, width: `${place(one.high[row]) - place(one.low[row])}%` } }),
        ...(spec.marks ?? []).map((mark) => element("em", { style: { left: `${place(mark.value)}%` } })),
      );
      return element(
        "tr",
        { class: several && number === 0 ? "first" : undefined },
        number === 0 && element("th", { scope: "rowgroup", rowspan: series.length, dir: "auto", text: name }),
        several && element("td", { class: "unseen", text: one.name }),
        element("td", { class: "bar", "aria-hidden": "true" }, bar),
        element("td", { class: "number", text: known ? write(value) : "–" }),
      );
    }),
  );
  const said = (spec.marks ?? []).map((mark) => `The line at ${write(mark.value)}: ${mark.label}.`).join(" ");
  host.classList.add("chart");
  host.append(
    ...[
      spec.title && element("div", { class: "chart-title", text: spec.title }),
      several && legend(series),
      ...scrolling(element("table", { class: "bars" }, element("caption", { class: "unseen", text: spec.label }), element("tbody", {}, ...rows)), spec.title ?? spec.label, rows.length),
      element("p", { class: "said", text: `${spec.label}. ${said}` }),
    ].filter(Boolean),
  );
}
