// A matrix as colours, on canvas: any size, with names where there is room, read by pointer and arrow keys.

import { element, visible, shortened } from "../base/dom.js";
import { range, written } from "../base/number.js";
import { ramp, colourNow } from "../base/colour.js";
import { redrawn, show, hide } from "../base/figure.js";

/** The least cell, in pixels, that has its name beside it: a line of text is as high. */
const NAMED = 13;
/** Pixels between two names in a row, at least. */
const APART = 10;

/**
 * `spec`: `title`, `label` (what the colour means), `rows` and `columns` (`{label, names, count, some}`; `some`: where there is
 * no room for all names, some of them stand, as for names that follow from each other), `values` (row-major), `range` (`[low, high]`), `ramp`
 * ("sequential" or "diverging"; by default diverging where `range` goes below zero), `square`, `height` (of all rows, in pixels), `zoom` (whether it can
 * be magnified), `describe(row, column)`, `picked(row, column)`.
 * Returns `{mark({row, column, columns}), set({values, rows, columns, range, describe})}`.
 */
export function heatmap(host, spec) {
  let { rows, columns, values, describe } = spec;
  let counts = [rows.count ?? rows.names.length, columns.count ?? columns.names.length];
  let limits = spec.range ?? range(values);
  let marked = {};
  let at = [0, 0];
  let magnified = 0;
  let geometry;
  const kind = spec.ramp ?? (limits[0] < 0 ? "diverging" : "sequential");
  const canvas = element("canvas");
  const cells = document.createElement("canvas");
  const inner = element("div", {}, canvas);
  const box = element("div", {
    class: "heatmap",
    tabindex: "0",
    role: "group",
    "aria-roledescription": "heat map",
    "aria-label": `${spec.title ? `${spec.title}: ` : ""}${counts[0]} ${rows.label ?? "rows"} by ${counts[1]} ${columns.label ?? "columns"}. Arrow keys read cells.`,
  });
  box.append(inner);
  const key = rampKey(kind);
  const zooms = element("span", { class: "controls", hidden: true });
  host.classList.add("chart");
  host.append(
    ...[
      spec.title && element("div", { class: "chart-title", text: spec.title }),
      box,
      element("div", { class: "said" }, key.element, " ", spec.label ?? ""),
      spec.zoom && zooms,
    ].filter(Boolean),
  );
  let room = 0;
  redrawn(host, (width) => {
    room = width;
    layout();
  });
  box.addEventListener("scroll", () => {
    paintCells();
    paint();
  });

  function layout() {
    const [height, width] = counts;
    const pen = canvas.getContext("2d");
    pen.font = font();
    const names = (axis) => axis.names && axis.names.slice(0, 3000).map((name) => shortened(visible(name), 16));
    const widest = (list) => list.reduce((most, name) => Math.max(most, pen.measureText(name).width), 0);
    const [rowNames, columnNames] = [names(rows), names(columns)];
    const numbered = Math.ceil(pen.measureText(String(height)).width) + 8;
    // Names of rows need room at the left before it is known whether they are drawn.
    const fit = (left) => {
      const across = Math.max(40, room - left - 1) / width;
      if (spec.square) return [Math.min(across, 26, (spec.height ?? 620) / height), undefined];
      return [Math.min(across, 64), Math.min(16, (spec.height ?? 220) / height)];
    };
    const size = (left) => {
      let [w, h] = fit(left);
      if (magnified) w = Math.max(w, magnified);
      if (spec.square) h = w;
      else if (magnified) h = Math.max(h, Math.min(magnified, 14));
      return [w, h];
    };
    const named = rowNames ? Math.min(room * 0.3, widest(rowNames) + 8) : numbered;
    let left = named;
    let [w, h] = size(left);
    if (rowNames && h < NAMED && !rows.some) {
      left = numbered;
      [w, h] = size(left);
    }
    const wide = columnNames ? widest(columnNames) : 0;
    const fitting = columnNames?.filter((name) => pen.measureText(name).width <= w - 2).length ?? 0;
    // A few long names among short ones do not turn them all.
    // Numbers are clear when only some of them are written.
    const sparse = columns.some || (columns.names?.every((name) => /^-?\d+$/.test(name)) ?? true);
    const apart = sparse && columnNames ? Math.max(44, wide + APART) : 44;
    const upright = !sparse && wide > w - 2 && fitting < 0.8 * width;
    const top = (columnNames && w >= NAMED && upright ? Math.min(120, wide) + 8 : 18) + (columns.label || rows.label ? 14 : 0);
    const full = [left + w * width, top + h * height];
    const view = [Math.min(room, full[0]), Math.min(Math.max(spec.height ?? 620, 160) + top, full[1])];
    geometry = { w, h, left, top, upright, sparse, apart, view, full, rowNames, columnNames, size };
    box.style.height = `${Math.ceil(view[1]) + (full[0] > room + 1 ? 16 : 2)}px`;
    inner.style.width = `${Math.floor(full[0])}px`;
    inner.style.height = `${Math.ceil(full[1])}px`;
    canvas.style.width = `${Math.floor(view[0])}px`;
    canvas.style.height = `${Math.ceil(view[1])}px`;
    const dots = devicePixelRatio || 1;
    canvas.width = Math.floor(view[0]) * dots;
    canvas.height = Math.ceil(view[1]) * dots;
    if (spec.zoom) offer();
    paintCells();
    paint();
  }

  /** Buttons that magnify, where cells are smaller than their names. */
  function offer() {
    const sizes = [0, 4, 8, 14, 22].filter((size) => size === 0 || magnified || geometry.w < size - 1);
    zooms.hidden = sizes.length < 2;
    if (zooms.childElementCount === sizes.length + 1) {
      [...zooms.querySelectorAll("button")].forEach((button, k) => button.setAttribute("aria-pressed", String(sizes[k] === magnified)));
      return;
    }
    zooms.replaceChildren(
      "Cells: ",
      ...sizes.map((size) =>
        element("button", {
          type: "button",
          "aria-pressed": String(size === magnified),
          text: size ? `${size} px` : "all",
          on: {
            click: () => {
              magnified = size;
              layout();
              reveal();
            },
          },
        }),
      ),
    );
  }

  /** Colours of the cells in sight, one dot a cell or the mean of those that share a dot. */
  function paintCells() {
    const { w, h, left, top, view } = geometry;
    const [height, width] = counts;
    const dots = devicePixelRatio || 1;
    const c0 = Math.max(0, Math.floor(box.scrollLeft / w));
    const c1 = Math.min(width, Math.ceil((box.scrollLeft + view[0] - left) / w));
    const r0 = Math.max(0, Math.floor(box.scrollTop / h));
    const r1 = Math.min(height, Math.ceil((box.scrollTop + view[1] - top) / h));
    const nx = Math.max(1, Math.min(c1 - c0, Math.ceil((c1 - c0) * w * dots)));
    const ny = Math.max(1, Math.min(r1 - r0, Math.ceil((r1 - r0) * h * dots)));
    cells.width = nx;
    cells.height = ny;
    const pen = cells.getContext("2d");
    const image = pen.createImageData(nx, ny);
    const paintDot = ramp(kind);
    const [low, high] = limits;
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    const share = kind === "diverging" ? (value) => value / most : (value) => (value - low) / (high - low || 1);
    for (let i = 0; i < ny; i++) {
      const [ra, rb] = [r0 + Math.floor((i * (r1 - r0)) / ny), r0 + Math.floor(((i + 1) * (r1 - r0)) / ny)];
      for (let j = 0; j < nx; j++) {
        const [ca, cb] = [c0 + Math.floor((j * (c1 - c0)) / nx), c0 + Math.floor(((j + 1) * (c1 - c0)) / nx)];
        let sum = 0;
        let count = 0;
        for (let r = ra; r < rb; r++)
          for (let c = ca; c < cb; c++) {
            const value = values[r * width + c];
            if (value === null || Number.isNaN(value)) continue;
            sum += value;
            count++;
          }
        paintDot(image.data, 4 * (i * nx + j), count ? share(sum / count) : NaN);
      }
    }
    pen.putImageData(image, 0, 0);
    geometry.seen = [c0, c1, r0, r1];
    key.write(low, high, most);
  }

  function paint() {
    const { w, h, left, top, view, upright, sparse, apart, rowNames, columnNames, seen } = geometry;
    const [c0, c1, r0, r1] = seen;
    const dots = devicePixelRatio || 1;
    const pen = canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, view[0], view[1]);
    const [dx, dy] = [left - box.scrollLeft, top - box.scrollTop];
    pen.save();
    pen.beginPath();
    pen.rect(left, top, view[0] - left, view[1] - top);
    pen.clip();
    pen.imageSmoothingEnabled = false;
    pen.drawImage(cells, dx + c0 * w, dy + r0 * h, (c1 - c0) * w, (r1 - r0) * h);
    pen.strokeStyle = colourNow("--ink");
    pen.lineWidth = 1.5;
    if (marked.column !== undefined && marked.column >= 0) {
      const wide = w * (marked.columns ?? 1);
      if (wide >= 5) pen.strokeRect(dx + marked.column * w, dy - 2, wide, counts[0] * h + 4);
      else line(pen, dx + (marked.column + 0.5) * w, dy, 0, counts[0] * h);
    }
    if (marked.row !== undefined && marked.row >= 0) {
      if (h >= 5) pen.strokeRect(dx - 2, dy + marked.row * h, counts[1] * w + 4, h);
      else line(pen, dx, dy + (marked.row + 0.5) * h, counts[1] * w, 0);
    }
    pen.restore();
    pen.font = font();
    pen.fillStyle = colourNow("--soft");
    pen.textBaseline = "middle";
    const below = columns.label || rows.label ? 14 : 0;
    pen.textAlign = "left";
    const down = rows.label ? `${rows.label} ↓` : "";
    pen.fillText(down, 0, 7);
    if (columns.label) pen.fillText(`${columns.label} →`, Math.max(left, pen.measureText(down).width + 10), 7);
    // Rows.
    pen.save();
    pen.beginPath();
    pen.rect(0, top - 6, left, view[1] - top + 12);
    pen.clip();
    pen.textAlign = "right";
    const everyRow = h >= NAMED ? 1 : roundStep(18 / h);
    for (let r = Math.ceil(r0 / everyRow) * everyRow; r < r1; r += everyRow) {
      const y = Math.max(top + 1, Math.min(view[1] - 5, dy + (r + 0.5) * h));
      pen.fillText((h >= NAMED || rows.some) && rowNames ? (rowNames[r] ?? r) : r, left - 4, y);
    }
    pen.restore();
    // Columns.
    pen.save();
    pen.beginPath();
    pen.rect(left - 4, below, view[0] - left + 4, top - below);
    pen.clip();
    const everyColumn = w >= NAMED && !sparse ? 1 : roundStep(apart / w);
    let free = -Infinity;
    for (let c = Math.ceil(c0 / everyColumn) * everyColumn; c < c1; c += everyColumn) {
      const x = dx + (c + 0.5) * w;
      const name = columnNames && (w >= NAMED || sparse) ? (columnNames[c] ?? String(c)) : String(c);
      if (upright && w >= NAMED && columnNames) {
        pen.save();
        pen.translate(x, top - 4);
        pen.rotate(-Math.PI / 2);
        pen.textAlign = "left";
        pen.fillText(name, 0, 0);
        pen.restore();
      } else {
        pen.textAlign = "center";
        const half = pen.measureText(name).width / 2;
        const isNamed = w >= NAMED && columnNames && !sparse;
        const text = isNamed && 2 * half > w - 1 ? "…" : name;
        const middle = isNamed ? x : Math.max(left - 4 + half, Math.min(x, view[0] - half));
        // At the ends names move into sight, and those in their way are left out.
        if (!isNamed && middle - half < free) continue;
        free = middle + half + 4;
        pen.fillText(text, middle, top - 9);
      }
    }
    pen.restore();
  }

  const place = (event) => {
    const { w, h, left, top } = geometry;
    const frame = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - frame.left - left + box.scrollLeft) / w);
    const row = Math.floor((event.clientY - frame.top - top + box.scrollTop) / h);
    const inside = column >= 0 && row >= 0 && row < counts[0] && column < counts[1];
    return inside && event.clientX - frame.left >= left && event.clientY - frame.top >= top ? [row, column] : undefined;
  };
  const name = (axis, k) => (axis.names ? visible(axis.names[k] ?? "") : `${axis.label ?? ""} ${k}`);
  const tell = (row, column) =>
    describe?.(row, column) ?? `${name(rows, row)} × ${name(columns, column)}: ${written(values[row * counts[1] + column], 4)}`;
  canvas.addEventListener("pointermove", (event) => {
    const found = place(event);
    if (!found) return hide();
    at = found;
    show(tell(...found), event.clientX, event.clientY);
    spec.hovered?.(...found);
  });
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("click", (event) => {
    const found = place(event);
    if (found) spec.picked?.(...found);
  });
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Enter") spec.picked?.(...at);
    if (!by) return;
    event.preventDefault();
    at = at.map((value, k) => Math.min(counts[k] - 1, Math.max(0, value + by[k])));
    marked = { row: at[0], column: at[1] };
    reveal();
    const { w, h, left, top } = geometry;
    const frame = canvas.getBoundingClientRect();
    const told = tell(...at);
    requestAnimationFrame(() =>
      show(told, frame.left + left - box.scrollLeft + (at[1] + 1) * w, frame.top + top - box.scrollTop + (at[0] + 1) * h, true),
    );
    spec.hovered?.(...at);
  });

  /** Scrolls to what is marked. */
  function reveal() {
    const { w, h, left, top, view } = geometry;
    const into = (start, size, from, room) => (start < from ? start : start + size > from + room ? start + size - room : from);
    if (marked.column >= 0) box.scrollLeft = into(marked.column * w, w, box.scrollLeft, view[0] - left);
    if (marked.row >= 0) box.scrollTop = into(marked.row * h, h, box.scrollTop, view[1] - top);
    paintCells();
    paint();
  }

  return {
    mark(to) {
      marked = to;
      if (geometry) paint();
    },
    set(to) {
      ({ values = values, rows = rows, columns = columns, describe = describe } = to);
      counts = [rows.count ?? rows.names.length, columns.count ?? columns.names.length];
      if (to.range) limits = to.range;
      at = [0, 0];
      if (geometry) layout();
    },
  };
}

function line(pen, x, y, dx, dy) {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + dx, y + dy);
  pen.stroke();
}

function font() {
  return '11px system-ui, "Noto Sans", "DejaVu Sans", sans-serif';
}

/** The next of 1, 2, 5, 10, 20, … */
function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((by) => by * ten).find((step) => step >= least) ?? ten * 10;
}

/** What the colours mean: a strip of them between two numbers. */
export function rampKey(kind) {
  const canvas = element("canvas", { width: 96, height: 1, "aria-hidden": "true" });
  const [from, to] = [element("span"), element("span")];
  return {
    element: element("span", { class: "ramp" }, from, canvas, to),
    write(low, high, most) {
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(96, 1);
      const paint = ramp(kind);
      for (let k = 0; k < 96; k++) paint(image.data, 4 * k, kind === "diverging" ? (k / 95) * 2 - 1 : k / 95);
      pen.putImageData(image, 0, 0);
      from.textContent = written(kind === "diverging" ? -most : low, 2);
      to.textContent = written(kind === "diverging" ? most : high, 2);
    },
  };
}
