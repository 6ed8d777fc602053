// A picture drawn by hand.

import { element, choice } from "../base/dom.js";
import { button, slider } from "./form.js";

/** Dots along the longer side of the picture. */
const SIZE = 224;

/** What is drawn with: on black and on white paper, and on both where the model reads colours. */
const INKS = { black: ["white", "#ffffff"], white: ["black", "#000000"] };
const COLOURS = [["red", "#dc2828"], ["orange", "#e68a28"], ["yellow", "#e6d228"], ["green", "#28be3c"], ["blue", "#3c5ae6"], ["purple", "#9638c8"]];

/** A place to draw at with a pointer, of a picture's form and in colours where the model reads them (`{width, height, colour}`): `used(file)` gets the picture as a PNG. */
export function sketch({ width: across = 1, height: down = 1, colour = false } = {}, used) {
  const [width, height] = [across, down].map((side) => Math.max(1, Math.round((SIZE * side) / Math.max(across, down))));
  const canvas = element("canvas", { class: "sketch", width, height, role: "img", "aria-label": "A place to draw at with a pointer" });
  const pen = canvas.getContext("2d");
  let paper = "black";
  let thick = 14;
  let ink;
  let last;
  const inks = element("span", { class: "inks", role: "group", "aria-label": "Colour" });
  const clear = () => {
    pen.fillStyle = paper;
    pen.fillRect(0, 0, width, height);
  };
  const take = (to) => {
    ink = to;
    inks.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one.value === to)));
  };
  const turn = (to) => {
    paper = to;
    const own = INKS[paper];
    const swatch = ([name, value]) => element("button", { type: "button", value, title: name, "aria-label": name, style: { background: value }, on: { click: () => take(value) } });
    inks.replaceChildren(...(colour ? [own, ...COLOURS].map(swatch) : []));
    take(own[1]);
    clear();
  };
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [((event.clientX - frame.left) / frame.width) * width, ((event.clientY - frame.top) / frame.height) * height];
  };
  const line = (from, to) => {
    pen.strokeStyle = ink;
    pen.lineWidth = thick;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = at(event);
    line(last, now);
    last = now;
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = undefined));
  turn(paper);
  return element(
    "div",
    { class: "drawing" },
    canvas,
    element(
      "div",
      {},
      colour && inks,
      slider("Width of the line", thick, { min: 2, max: 60, step: 2, changed: (to) => (thick = to) }),
      element("div", { class: "controls" }, choice("Paper", [["black", "black"], ["white", "white"]], paper, turn), button("Clear", clear)),
      element("div", { class: "controls" }, button("Use this picture", () => canvas.toBlob((blob) => used(new File([blob], "drawing.png", { type: "image/png" })), "image/png"))),
    ),
  );
}
