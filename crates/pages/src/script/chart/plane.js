// Points with names in a plane, and paths through it.

import { element, svg, visible, shortened } from "../base/dom.js";
import { scale, range, written } from "../base/number.js";
import { seriesColour } from "../base/colour.js";
import { redrawn, show, hide } from "../base/figure.js";
import { legend } from "./lines.js";

/**
 * `spec`: `title`, `x` and `y` (labels), `points` (`{x, y, name, group}`; group: the number of one of `groups`), `groups` (names), `paths` (`{name,
 * x, y, dashed, colour}`), `square` (one unit is as long on both axes), `picked(number)`. Returns `{choose(number, near)}`.
 */
export function plane(host, spec) {
  const points = spec.points ?? [];
  const paths = (spec.paths ?? []).map((one, number) => ({ colour: number, ...one }));
  const body = element("div", { class: "plane" });
  const named = [...(spec.groups ?? []).map((name, colour) => ({ name, colour })), ...paths.filter((path) => path.name)];
  host.classList.add("chart");
  host.append(...[spec.title && element("div", { class: "chart-title", text: spec.title }), named.length > 0 && legend(named), body].filter(Boolean));
  let chosen;
  let near = [];
  let circles = [];

  const again = redrawn(body, (width) => body.replaceChildren(draw(width)));

  function draw(width) {
    const height = Math.round(Math.min(460, Math.max(280, width * 0.6)));
    const margin = { left: 50, right: 16, top: 12, bottom: 40 };
    let [x0, x1] = range([...points.map((point) => point.x), ...paths.flatMap((path) => path.x)]);
    let [y0, y1] = range([...points.map((point) => point.y), ...paths.flatMap((path) => path.y)]);
    const room = (low, high) => (high > low ? (high - low) * 0.05 : 0.5);
    [x0, x1, y0, y1] = [x0 - room(x0, x1), x1 + room(x0, x1), y0 - room(y0, y1), y1 + room(y0, y1)];
    const [across, up] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
    if (spec.square) {
      const unit = Math.max((x1 - x0) / across, (y1 - y0) / up);
      const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
      [x0, x1, y0, y1] = [cx - (unit * across) / 2, cx + (unit * across) / 2, cy - (unit * up) / 2, cy + (unit * up) / 2];
    }
    const x = scale({ low: x0, high: x1, from: margin.left, to: width - margin.right, most: Math.max(3, Math.floor(width / 100)) });
    const y = scale({ low: y0, high: y1, from: height - margin.bottom, to: margin.top, most: 5 });
    const floor = height - margin.bottom;
    const picture = svg("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": `${spec.title ? `${spec.title}. ` : ""}${points.length ? `${points.length} points` : `${paths.length} paths`} over ${spec.x ?? "x"} and ${spec.y ?? "y"}.`,
    });
    for (const mark of x.marks)
      picture.append(
        svg("line", { class: "rule", x1: x.at(mark), x2: x.at(mark), y1: margin.top, y2: floor }),
        svg("text", { class: "soft", x: x.at(mark), y: floor + 16, "text-anchor": "middle", text: written(mark) }),
      );
    for (const mark of y.marks)
      picture.append(
        svg("line", { class: "rule", x1: margin.left, x2: width - margin.right, y1: y.at(mark), y2: y.at(mark) }),
        svg("text", { class: "soft", x: margin.left - 6, y: y.at(mark) + 4, "text-anchor": "end", text: written(mark) }),
      );
    picture.append(
      svg("text", { x: (margin.left + width - margin.right) / 2, y: height - 4, "text-anchor": "middle", text: spec.x ?? "" }),
      svg("text", { "text-anchor": "middle", transform: `translate(12 ${(margin.top + floor) / 2}) rotate(-90)`, text: spec.y ?? "" }),
    );
    for (const path of paths) {
      const places = path.x.map((value, k) => [x.at(value), y.at(path.y[k])]).filter((place) => place.every(Number.isFinite));
      picture.append(
        svg("polyline", { points: places.map((place) => place.map((at) => at.toFixed(1)).join()).join(" "), fill: "none", stroke: seriesColour(path.colour), "stroke-width": 2, "stroke-dasharray": path.dashed ? "6 4" : undefined }),
      );
      if (places.length) picture.append(svg("circle", { cx: places.at(-1)[0], cy: places.at(-1)[1], r: 3.5, style: { fill: seriesColour(path.colour) } }));
    }
    // Names where they meet no other name, those of the chosen point and its neighbours first.
    const taken = [];
    const free = (box) => taken.every((other) => box[0] > other[2] || box[2] < other[0] || box[1] > other[3] || box[3] < other[1]);
    const first = [chosen, ...near].filter((number) => number !== undefined && number !== null);
    const order = [...first, ...[...points.keys()].filter((number) => !first.includes(number))];
    circles = [];
    const labels = [];
    for (const number of order) {
      const point = points[number];
      if (!Number.isFinite(point?.x) || !Number.isFinite(point?.y)) continue;
      const [cx, cy] = [x.at(point.x), y.at(point.y)];
      const circle = svg("circle", {
        cx,
        cy,
        r: points.length > 500 ? 2.5 : 4,
        class: number === chosen ? "chosen" : near.includes(number) ? "near" : undefined,
        style: point.group !== undefined && point.group !== null && !near.includes(number) ? { fill: seriesColour(point.group) } : undefined,
        tabindex: spec.picked && (number === chosen || (chosen === undefined && number === 0)) ? "0" : "-1",
        "data-number": number,
        role: "img",
        "aria-label": visible(point.name ?? ""),
      });
      circles[number] = circle;
      const name = shortened(visible(point.name ?? ""), 14);
      const box = [cx + 4, cy - 12, cx + 10 + 7.2 * [...name].length, cy + 4];
      if (point.name && box[2] < width && (number === chosen || free(box))) {
        taken.push(box);
        labels.push(svg("text", { class: "halo", x: cx + 6, y: cy + 4, text: name, style: first.includes(number) ? { "font-weight": "600" } : undefined }));
      }
    }
    picture.append(...circles.filter(Boolean), ...labels);
    picture.addEventListener("pointerover", (event) => {
      const number = event.target.dataset?.number;
      if (number === undefined) return hide();
      const point = points[number];
      show(`${visible(point.name ?? "")}\n${written(point.x)}, ${written(point.y)}${point.group !== undefined && point.group !== null && spec.groups ? `\n${spec.groups[point.group]}` : ""}`, event.clientX, event.clientY);
    });
    picture.addEventListener("pointerleave", hide);
    if (spec.picked) {
      const pick = (number) => {
        spec.picked(number);
        circles[number]?.focus();
      };
      picture.addEventListener("click", (event) => event.target.dataset?.number !== undefined && pick(Number(event.target.dataset.number)));
      picture.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
        if (by === undefined || event.target.dataset?.number === undefined) return;
        event.preventDefault();
        pick((Number(event.target.dataset.number) + by + points.length) % points.length);
      });
    }
    return picture;
  }

  return {
    choose(number, others = []) {
      chosen = number;
      near = others;
      again();
    },
  };
}
