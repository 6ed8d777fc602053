// Arrays as they travel in a page, unpacked when they are first looked at.

import { visible } from "./dom.js";

/** The numbers of a packed array, row-major. */
export async function unpacked(packed) {
  packed.values ??= numbersOf(packed);
  return packed.values;
}

async function numbersOf({ shape, bits, ranges, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  if (bits === 32) return new Float32Array(bytes.buffer);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const steps = bits === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const none = bits === 8 ? 255 : 65535;
  const plane = shape.slice(-2).reduce((product, length) => product * length, 1);
  const values = new Float32Array(steps.length);
  ranges.forEach(([low, high], number) => {
    const by = (high - low) / (none - 1);
    const end = (number + 1) * plane;
    for (let k = number * plane; k < end; k++) values[k] = steps[k] === none ? NaN : low + steps[k] * by;
  });
  return values;
}

/** The names of the places of an axis of an inspection; numbers where it has none. */
export function namesOf(shown, axis, count) {
  return shown.labels[axis] ?? Array.from({ length: count }, (_, k) => String(k));
}

/** What a place of an axis is called in a sentence: its name, where it has one, and its number. */
export function called(shown, axis, at) {
  const name = shown.labels[axis]?.[at];
  return name === undefined ? `step ${at}` : `${visible(name)} (step ${at})`;
}

/** Rows turned into columns. */
export function transposed(values, rows, columns) {
  const turned = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) turned[c * rows + r] = values[r * columns + c];
  return turned;
}
