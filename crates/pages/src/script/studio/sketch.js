// A picture drawn by hand.

import { element, choice } from "../base/dom.js";
import { button } from "./form.js";

/** Dots of the picture across and down. */
const SIZE = 224;

/** A place to draw at with a pointer: `used(file)` gets the picture as a PNG. */
export function sketch(used) {
  const canvas = element("canvas", { class: "sketch", width: SIZE, height: SIZE, role: "img", "aria-label": "A place to draw at with a pointer" });
  const pen = canvas.getContext("2d");
  let paper = "black";
  let last;
  const clear = () => {
    pen.fillStyle = paper;
    pen.fillRect(0, 0, SIZE, SIZE);
  };
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [((event.clientX - frame.left) / frame.width) * SIZE, ((event.clientY - frame.top) / frame.height) * SIZE];
  };
  const line = (from, to) => {
    pen.strokeStyle = paper === "black" ? "white" : "black";
    pen.lineWidth = 14;
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
  clear();
  return element(
    "div",
    {},
    canvas,
    element(
      "div",
      { class: "controls" },
      choice("Draw", [["black", "white on black"], ["white", "black on white"]], paper, (to) => ((paper = to), clear())),
      button("Clear", clear),
      button("Use this picture", () => canvas.toBlob((blob) => used(new File([blob], "drawing.png", { type: "image/png" })), "image/png")),
    ),
  );
}
