// A picture, with the cells that it was cut into and a shade over each.

import { element } from "../base/dom.js";
import { range, written } from "../base/number.js";
import { colourNow } from "../base/colour.js";
import { redrawn, show, hide } from "../base/figure.js";

/** Cells of fewer dots have no lines between them. */
const LINED = 9;

/**
 * `spec`: `title`, `label` (what the shade means), `size` (`[height, width, colours]`), `pixels` (row-major, from 0 to 1), `grid` (rows and columns of
 * cells), `most` (dots across, at most), `shades` (a number a cell; below zero: cold), `range` (`[low, high]` of the shades), `describe(cell)`,
 * `picked(cell)`. Returns `{mark(cell), shade(shades, range)}`.
 */
export function picture(host, spec) {
  const [height, width, colours] = spec.size;
  const [down, across] = spec.grid;
  let { shades, range: limits } = spec;
  let marked = -1;
  let at = 0;
  let cell = [1, 1];
  const plain = element("canvas", { width, height });
  const image = plain.getContext("2d").createImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = Math.round(255 * spec.pixels[k * colours + (c % colours)]);
    image.data[4 * k + 3] = 255;
  }
  plain.getContext("2d").putImageData(image, 0, 0);
  const canvas = element("canvas");
  const read = spec.describe || spec.picked;
  const box = element(
    "div",
    {
      class: "picture",
      tabindex: read ? "0" : undefined,
      role: read ? "group" : "img",
      "aria-roledescription": read ? "picture" : undefined,
      "aria-label": `${spec.title ?? "Picture"}: ${width} by ${height} pixels${down * across > 1 ? `, ${down} by ${across} steps` : ""}.${read ? " Arrow keys read steps." : ""}`,
    },
    canvas,
  );
  host.classList.add("chart");
  host.append(...[spec.title && element("div", { class: "chart-title", text: spec.title }), box, spec.label && element("p", { class: "said", text: spec.label })].filter(Boolean));
  redrawn(host, (room) => {
    const dots = devicePixelRatio || 1;
    const most = Math.min(room, spec.most ?? 360);
    const scale = Math.min(most / width, most / height);
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    canvas.width = w * dots;
    canvas.height = h * dots;
    canvas.style.width = `${w}px`;
    canvas.style.height = `${h}px`;
    cell = [w / across, h / down];
    paint();
  });

  function paint() {
    const dots = devicePixelRatio || 1;
    const pen = canvas.getContext("2d");
    const [w, h] = cell;
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(plain, 0, 0, w * across, h * down);
    if (shades) {
      const [low, high] = limits ?? range(shades);
      const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
      const [hot, cold] = [colourNow("--hot"), colourNow("--cold")];
      // What has no shade steps back, so that a shade is seen on dark and on light places.
      pen.fillStyle = colourNow("--paper");
      pen.globalAlpha = 0.25;
      pen.fillRect(0, 0, w * across, h * down);
      for (let k = 0; k < down * across; k++) {
        if (!Number.isFinite(shades[k])) continue;
        pen.fillStyle = shades[k] < 0 ? cold : hot;
        pen.globalAlpha = 0.65 * Math.min(1, Math.abs(shades[k]) / most);
        pen.fillRect((k % across) * w, Math.floor(k / across) * h, w, h);
      }
      pen.globalAlpha = 1;
    }
    if (Math.min(w, h) >= LINED) {
      pen.strokeStyle = colourNow("--paper");
      pen.lineWidth = 0.5;
      pen.beginPath();
      for (let x = 1; x < across; x++) pen.moveTo(x * w, 0), pen.lineTo(x * w, down * h);
      for (let y = 1; y < down; y++) pen.moveTo(0, y * h), pen.lineTo(across * w, y * h);
      pen.stroke();
    }
    if (marked >= 0 && marked < down * across) {
      const [x, y] = [(marked % across) * w, Math.floor(marked / across) * h];
      for (const [colour, line] of [["--paper", 4], ["--ink", 2]]) {
        pen.strokeStyle = colourNow(colour);
        pen.lineWidth = line;
        pen.strokeRect(x + 1, y + 1, Math.max(1, w - 2), Math.max(1, h - 2));
      }
    }
  }

  const tell = (k) => spec.describe?.(k) ?? `step ${k}${shades ? `: ${written(shades[k])}` : ""}`;
  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [Math.floor((event.clientX - frame.left) / cell[0]), Math.floor((event.clientY - frame.top) / cell[1])];
    return x >= 0 && y >= 0 && x < across && y < down ? y * across + x : undefined;
  };
  if (read) {
    canvas.addEventListener("pointermove", (event) => {
      const found = place(event);
      if (found === undefined) return hide();
      at = found;
      show(tell(found), event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerleave", hide);
    canvas.addEventListener("click", (event) => {
      const found = place(event);
      if (found !== undefined) spec.picked?.(found);
    });
    box.addEventListener("blur", hide);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") spec.picked?.(at);
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      if (at + by >= 0 && at + by < down * across) at += by;
      marked = at;
      paint();
      spec.picked?.(at);
      const frame = canvas.getBoundingClientRect();
      show(tell(at), frame.left + ((at % across) + 1) * cell[0], frame.top + (Math.floor(at / across) + 1) * cell[1], true);
    });
  }
  return {
    mark(to) {
      marked = to;
      if (to >= 0) at = Math.min(to, down * across - 1);
      paint();
    },
    shade(given, within) {
      [shades, limits] = [given, within];
      paint();
    },
  };
}
