// Colours of numbers, from the page's own, in the light and in the dark.

/** The value of a colour variable of the page, as red, green and blue. */
function variable(name) {
  const probe = colourProbe();
  probe.fillStyle = "#000";
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const hex = probe.fillStyle;
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

let probe;
function colourProbe() {
  probe ??= document.createElement("canvas").getContext("2d");
  return probe;
}

function mixed(a, b, share) {
  return a.map((value, at) => value + (b[at] - value) * share);
}

/**
 * A function that writes the colour of a share into an image: `paint(data, offset, share)`. "sequential": from the paper to ink by
 * way of the accent, shares from 0 to 1. "diverging": from cold over the paper to hot, shares from -1 to 1. What is not a number is striped out
 * in the colour of rules.
 */
export function ramp(kind) {
  const paper = variable("--paper");
  const ends =
    kind === "diverging"
      ? [mixed(variable("--cold"), variable("--ink"), 0.25), variable("--cold"), paper, variable("--hot"), mixed(variable("--hot"), variable("--ink"), 0.25)]
      : [paper, mixed(paper, variable("--accent"), 0.45), variable("--accent"), mixed(variable("--accent"), variable("--ink"), 0.6)];
  const table = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k++) {
    const at = (k / 255) * (ends.length - 1);
    const from = Math.min(Math.floor(at), ends.length - 2);
    table.set(mixed(ends[from], ends[from + 1], at - from), k * 3);
  }
  const none = variable("--rule");
  return (data, offset, share) => {
    if (Number.isNaN(share)) {
      data.set(none, offset);
    } else {
      const unit = kind === "diverging" ? (share + 1) / 2 : share;
      const k = Math.round(Math.min(1, Math.max(0, unit)) * 255) * 3;
      data[offset] = table[k];
      data[offset + 1] = table[k + 1];
      data[offset + 2] = table[k + 2];
    }
    data[offset + 3] = 255;
  };
}

/** The colour of the series of a number. */
export function seriesColour(number) {
  return `var(--series-${number % 8})`;
}

/** What a page's colour variable is now, for a canvas. */
export function colourNow(name) {
  return `rgb(${variable(name).join(" ")})`;
}
