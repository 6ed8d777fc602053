// Numbers: how they are written, scales, marks of an axis.

/** A number with about `digits` significant digits. */
export function written(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size >= 1e6 || size < 1e-4
      ? power(value, digits - 1)
      : size >= 10 ** digits
        ? Math.round(value).toLocaleString("en")
        : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

/** Digits with which any two marks of an axis differ. */
const FINEST = 12;

/** Marks of an axis as texts that differ from each other: powers of ten all of them, where one needs it. */
export function marksWritten(marks, log = false) {
  const wide = log && marks.some((mark) => mark < 0.001 || mark > 99_999);
  for (let digits = 3; ; digits++) {
    const texts = marks.map((mark) => (wide ? power(mark, digits - 1) : written(mark, digits)));
    if (digits === FINEST || new Set(texts).size === texts.length) return texts;
  }
}

function power(value, digits = 2) {
  let exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  let mantissa = Number((value / 10 ** exponent).toPrecision(digits));
  if (Math.abs(mantissa) === 10) [mantissa, exponent] = [mantissa / 10, exponent + 1];
  if (exponent === 0) return String(mantissa);
  const raised = String(exponent).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return mantissa === 1 ? `10${raised}` : `${mantissa}·10${raised}`;
}

/** A share as a percentage. */
export function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  const value = 100 * share;
  if (value > 0 && value < 0.01) return "< 0.01 %";
  return `${value >= 99.995 ? "100" : value >= 10 ? value.toFixed(1) : value.toFixed(2)} %`;
}

/** A scale from numbers to places: `at(value)`, its inverse, and its marks. */
export function scale({ low, high, from, to, log = false, most = 6, whole = false }) {
  const into = log ? Math.log10 : (value) => value;
  const [a, b] = [into(low), into(high)];
  const span = b - a || 1;
  return {
    at: (value) => from + ((into(value) - a) / span) * (to - from),
    inverse: (place) => {
      const value = a + ((place - from) / (to - from)) * span;
      return log ? 10 ** value : value;
    },
    marks: log ? powers(low, high, most) : rounds(low, high, most, whole),
  };
}

/** Round numbers within a range. */
function rounds(low, high, most, whole) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const ten = 10 ** Math.floor(Math.log10(span / most));
  let step = [1, 2, 5, 10, 20].map((by) => by * ten).find((by) => span / by <= most);
  if (whole) step = Math.max(1, Math.round(step));
  const marks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) marks.push(Number((k * step).toPrecision(12)));
  return marks;
}

/** The fewest marks of a logarithmic axis that has so many round numbers. */
const FEWEST = 4;

/** Round numbers on a logarithmic axis, as equally far from each other as can be: powers of ten, every so many of them, and where there are few some between. */
function powers(low, high, most) {
  const within = (value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const raised = (base, factors, every) => {
    const [first, last] = [low, high].map((value) => Math.floor(Math.log(value) / Math.log(base) / every + 1e-9));
    const marks = [];
    for (let k = first; k <= last; k++) for (const factor of factors) marks.push(Number((factor * base ** (k * every)).toPrecision(12)));
    return marks.filter(within);
  };
  let marks = raised(10, [1], 1);
  for (let every = 2; marks.length > most; every++) marks = raised(10, [1], every);
  if (marks.length >= FEWEST) return marks;
  const finer = [raised(10, [1, 3], 1), raised(10, [1, 2, 5], 1), raised(2, [1], 1), raised(10, [1, 2, 3, 5, 7], 1), rounds(low, high, most, false), rounds(low, high, most - 1, false)];
  const fitting = finer.filter((one) => one.length <= most);
  return fitting.find((one) => one.length >= FEWEST) ?? fitting.reduce((best, one) => (one.length > best.length ? one : best), marks);
}

/** The least and the greatest finite number; `[0, 1]` where there is none. */
export function range(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The mean of numbers. */
export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length ? sum / values.length : NaN;
}
