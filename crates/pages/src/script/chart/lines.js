// Lines over numbers, with bands, linear or logarithmic axes.

import { element, svg, shortened } from "../base/dom.js";
import { scale, range, written, marksWritten } from "../base/number.js";
import { seriesColour } from "../base/colour.js";
import { redrawn, show, hide, numbers } from "../base/figure.js";

/** Rows of the table of numbers, at most. */
const ROWS = 2000;
/** How far before the right end, in pixels, a line may end to have its name there. */
const ENDS = 40;

/**
 * `spec`: `title`, `x` and `y` (`{label, log, low, high}`, and of x `named(value)`: what a mark is called, and `marks(low, high, most)`: where some are, if it knows better), `series` (`{name, x, y, bands: [{low, high}], dashed, colour, points}`; bands from
 * the widest to the narrowest; `short` is the name at the line's end), `marks` (`{x or y, label}`: straight lines across), `height` (in pixels),
 * `described(x)` (what a place across is called), `picked(x)`. Returns `{mark([from, to])}`, which marks a part of the places across.
 */
export function lines(host, spec) {
  const series = spec.series.map((one, number) => ({ colour: number, bands: [], ...one }));
  const shown = (value, axis) => value !== null && Number.isFinite(value) && (!axis.log || value > 0);
  const left = series.reduce((sum, one) => sum + one.y.filter((y, k) => !shown(y, spec.y) || !shown(one.x[k], spec.x)).length, 0);
  const body = element("div", { class: "chart-body" });
  const key = series.length > 1 || series[0]?.name ? legend(series) : undefined;
  host.classList.add("chart", "lines");
  host.append(
    ...[
      spec.title && element("div", { class: "chart-title", text: spec.title }),
      key,
      body,
      left > 0 &&
        element("p", { class: "said", text: `${left === 1 ? "One value that has" : `${left} values that have`} no place on these axes ${left === 1 ? "is" : "are"} in the table alone.` }),
      series.every((one) => one.x.length <= ROWS) &&
        numbers([spec.x.label, ...series.map((one) => one.name || spec.y.label)], () => {
        const all = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
        return all.map((x) => [spec.x.named?.(x) || written(x, 6), ...series.map((one) => written(one.y[one.x.indexOf(x)], 4))]);
      }),
    ].filter(Boolean),
  );

  let marked;
  let showMarked;
  redrawn(body, (width) => {
    body.replaceChildren(draw(width));
    showMarked();
  });
  return {
    mark(part) {
      marked = part;
      showMarked?.();
    },
  };

  function draw(width) {
    const height = spec.height ?? Math.round(Math.min(340, Math.max(220, width * 0.42)));
    const named = width >= 600 && series.length > 1 && series.length <= 8;
    const margin = { left: 0, right: named ? 150 : 14, top: 12, bottom: 44 };
    const within = (name, axis) => {
      const values = series.flatMap((one) => [...one[name], ...(name === "y" ? one.bands.flatMap((band) => [...band.low, ...band.high]) : [])]);
      for (const mark of spec.marks ?? []) if (mark[name] !== undefined && mark[name] !== null) values.push(mark[name]);
      let [low, high] = range(values.filter((value) => shown(value, axis)));
      if (axis.log && !(low > 0)) [low, high] = [1e-12, Math.max(high, 1e-11)];
      low = axis.low ?? low;
      high = axis.high ?? high;
      if (axis.log ? high < low * 1.1 : low === high) [low, high] = axis.log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
      if (name === "y" && axis.log) [low, high] = [low / (high / low) ** 0.04, high * (high / low) ** 0.04];
      if (name === "y" && !axis.log) {
        const room = (high - low) * 0.06;
        [low, high] = [axis.low ?? low - room, axis.high ?? high + room];
      }
      return { low, high, log: axis.log };
    };
    const wholes = series.every((one) => one.x.every((x) => Number.isInteger(x)));
    const y = scale({ ...within("y", spec.y), from: height - margin.bottom, to: margin.top, most: spec.y.log ? 8 : 6 });
    const heights = marksWritten(y.marks, spec.y.log);
    margin.left = 34 + 7 * Math.max(...heights.map((text) => text.length), 1);
    const most = spec.x.named
      ? Math.max(2, Math.floor(width / 150))
      : spec.x.log
        ? Math.min(8, Math.max(4, Math.floor(width / 60)))
        : Math.max(3, Math.floor(width / 90));
    const across = within("x", spec.x);
    const x = scale({ ...across, from: margin.left, to: width - margin.right, most, whole: wholes });
    x.marks = spec.x.marks?.(across.low, across.high, most) ?? x.marks;
    // One name alone says nothing of how far apart things are.
    if (spec.x.named && x.marks.length < 2) x.marks = [0.2, 0.8].map((share) => Math.round(across.low + share * (across.high - across.low)));
    // A line that ends before the others is named by its colour alone: a name far behind its end is taken for another's.
    const endsThere = (one) => x.at(one.x.reduce((most, value) => Math.max(most, value), -Infinity)) > width - margin.right - ENDS;
    if (key) key.hidden = named && series.every((one) => !one.dashed && !one.short && endsThere(one));
    const picture = svg("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      tabindex: "0",
      "aria-label": `${spec.title ? `${spec.title}. ` : ""}${spec.y.label} over ${spec.x.label}: ${series.map((one) => one.name).filter(Boolean).join(", ")}. Arrow keys read values.`,
    });
    for (const [k, mark] of y.marks.entries()) {
      picture.append(
        svg("line", { class: "rule", x1: margin.left, x2: width - margin.right, y1: y.at(mark), y2: y.at(mark) }),
        svg("text", { class: "soft", x: margin.left - 8, y: y.at(mark) + 4, "text-anchor": "end", text: heights[k] }),
      );
    }
    const floor = height - margin.bottom;
    picture.append(svg("line", { class: "axis", x1: margin.left, x2: width - margin.right, y1: floor, y2: floor }));
    const widths = spec.x.named ? x.marks.map(spec.x.named) : marksWritten(x.marks, spec.x.log);
    for (const [k, mark] of x.marks.entries()) {
      picture.append(
        svg("line", { class: "axis", x1: x.at(mark), x2: x.at(mark), y1: floor, y2: floor + 4 }),
        svg("text", { class: "soft", x: x.at(mark), y: floor + 18, "text-anchor": "middle", text: widths[k] }),
      );
    }
    picture.append(
      svg("text", { x: (margin.left + width - margin.right) / 2, y: height - 6, "text-anchor": "middle", text: spec.x.label }),
      svg("text", { x: 0, y: 0, "text-anchor": "middle", transform: `translate(13 ${(margin.top + floor) / 2}) rotate(-90)`, text: spec.y.label }),
    );
    for (const mark of spec.marks ?? []) {
      const upright = mark.x !== undefined && mark.x !== null;
      const [a, b] = upright ? [x.at(mark.x), x.at(mark.x)] : [margin.left, width - margin.right];
      const [c, d] = upright ? [margin.top, floor] : [y.at(mark.y), y.at(mark.y)];
      picture.append(
        svg("line", { x1: a, x2: b, y1: c, y2: d, stroke: "var(--soft)", "stroke-dasharray": "2 4" }),
        svg("text", { class: "soft halo", x: upright ? a + 4 : b - 4, y: upright ? c + 10 : c - 5, "text-anchor": upright ? "start" : "end", text: mark.label }),
      );
    }
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    picture.append(
      svg("clipPath", { id: clip }, svg("rect", { x: margin.left, y: margin.top - 4, width: width - margin.right - margin.left, height: floor - margin.top + 6 })),
    );
    const inner = svg("g", { "clip-path": `url(#${clip})` });
    picture.append(inner);
    const place = (one, values) =>
      values.map((value, k) => (shown(value, spec.y) && shown(one.x[k], spec.x) ? [x.at(one.x[k]), y.at(value)] : undefined));
    for (const one of series) {
      for (const band of one.bands) {
        const [low, high] = [place(one, band.low), place(one, band.high)];
        // Where the lower edge has no place on a logarithmic axis, the band goes to the floor.
        const floorOf = (k) => (shown(one.x[k], spec.x) ? [x.at(one.x[k]), floor] : undefined);
        const pairs = high.map((top, k) => [top, low[k] ?? floorOf(k)]).filter(([top, bottom]) => top && bottom);
        const outline = [...pairs.map(([top]) => top), ...pairs.map(([, bottom]) => bottom).reverse()];
        inner.append(svg("polygon", { points: outline.map((point) => point.join()).join(" "), fill: seriesColour(one.colour), "fill-opacity": 0.14 }));
      }
    }
    for (const one of series) {
      const points = thinned(place(one, one.y), width);
      let path = "";
      points.forEach((point, k) => {
        if (point) path += `${points[k - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      });
      inner.append(
        svg("path", { d: path, fill: "none", stroke: seriesColour(one.colour), "stroke-width": 2, "stroke-linejoin": "round", "stroke-dasharray": one.dashed ? "6 4" : undefined }),
      );
      if (one.points || points.filter(Boolean).length <= 12) {
        for (const point of points) if (point) inner.append(svg("circle", { cx: point[0], cy: point[1], r: 3, fill: seriesColour(one.colour) }));
      }
    }
    if (named) {
      const ends = series
        .filter(endsThere)
        .map((one) => ({ one, end: place(one, one.y).filter(Boolean).pop() }))
        .filter(({ end }) => end)
        .sort((a, b) => a.end[1] - b.end[1]);
      let last = -Infinity;
      const places = ends.map(({ end }) => (last = Math.max(end[1], last + 15)));
      const over = Math.max(0, (places.at(-1) ?? 0) - floor);
      ends.forEach(({ one }, k) => {
        const label = svg("text", { x: width - margin.right + 8, y: places[k] - over + 4, text: shortened(one.short ?? one.name ?? "", 22), style: { fill: seriesColour(one.colour), "font-weight": "600" } });
        picture.append(label);
      });
    }
    const part = svg("rect", { class: "part-marked", y: margin.top, height: floor - margin.top, visibility: "hidden" });
    picture.append(part);
    showMarked = () => {
      if (!marked) return;
      const [from, to] = marked.map(x.at);
      const wide = Math.max(2, to - from);
      part.setAttribute("x", Math.max(margin.left, (from + to - wide) / 2));
      part.setAttribute("width", wide);
      part.setAttribute("visibility", "visible");
    };
    // What is under the pointer, or where the arrow keys are.
    const cross = svg("line", { y1: margin.top, y2: floor, stroke: "var(--soft)", visibility: "hidden" });
    picture.append(cross);
    const stops = [...new Set(series.flatMap((one) => one.x.filter((value) => shown(value, spec.x))))].sort((a, b) => a - b);
    let stop = 0;
    const point = (spoken) => {
      if (!stops.length) return;
      const at = x.at(stops[stop]);
      cross.setAttribute("x1", at);
      cross.setAttribute("x2", at);
      cross.setAttribute("visibility", "visible");
      const found = series.flatMap((one) => {
        const k = one.x.indexOf(stops[stop]);
        if (k < 0) return [];
        const band = one.bands.at(0);
        return [`${one.name ? `${one.name}: ` : ""}${written(one.y[k], 4)}${band ? ` (${written(band.low[k])} to ${written(band.high[k])})` : ""}`];
      });
      const box = picture.getBoundingClientRect();
      show([spec.described?.(stops[stop]) ?? `${spec.x.label} ${written(stops[stop], 5)}`, ...found].join("\n"), box.left + at, box.top + margin.top, spoken);
    };
    const leave = () => {
      cross.setAttribute("visibility", "hidden");
      hide();
    };
    picture.addEventListener("pointermove", (event) => {
      const to = event.clientX - picture.getBoundingClientRect().left;
      stop = stops.reduce((best, value, k) => (Math.abs(x.at(value) - to) < Math.abs(x.at(stops[best]) - to) ? k : best), 0);
      point(false);
    });
    picture.addEventListener("pointerleave", leave);
    picture.addEventListener("blur", leave);
    picture.addEventListener("click", () => stops.length && spec.picked?.(stops[stop]));
    picture.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && stops.length) spec.picked?.(stops[stop]);
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -stops.length, End: stops.length }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      stop = Math.min(stops.length - 1, Math.max(0, stop + by));
      point(true);
    });
    return picture;
  }
}

/** Points of a line; where many share a dot across, the lowest and the highest of them. */
function thinned(points, width) {
  if (points.length <= 4 * width || points.some((point) => !point)) return points;
  const kept = [];
  let ends;
  for (const point of points) {
    if (ends && Math.floor(ends[0][0]) === Math.floor(point[0])) {
      if (point[1] < ends[0][1]) ends[0] = point;
      if (point[1] > ends[1][1]) ends[1] = point;
      continue;
    }
    if (ends) kept.push(...ends);
    ends = [point, point];
  }
  return [...kept, ...ends];
}

/** The names of series beside their colours. */
export function legend(series) {
  return element(
    "div",
    { class: "legend" },
    ...series.map((one, number) =>
      element("span", {}, element("i", { class: one.dashed ? "dashed" : "", style: { color: seriesColour(one.colour ?? number) } }), element("bdi", { text: one.name ?? "" })),
    ),
  );
}
