// Which unit tracks what.

import { element, choice } from "../base/dom.js";
import { written } from "../base/number.js";
import { unpacked } from "../base/data.js";
import { follow, moveTo } from "../base/cursor.js";
import { table } from "../chart/table.js";
import { text } from "../chart/text.js";

export async function drawUnits(host, shown) {
  const { arrays, labels } = shown;
  const measures = [
    { of: "units.auroc", truths: "features", names: labels.features, size: (value) => Math.abs(value - 0.5), turned: (value) => Math.max(value, 1 - value), what: "AUROC", none: 0.5 },
    { of: "units.correlation", truths: "numbers", names: labels.numbers, size: Math.abs, turned: Math.abs, what: "rank correlation", none: 0 },
  ].filter(({ of, names }) => arrays[of] && names?.length);
  const rows = [];
  for (const measure of measures) {
    const own = await unpacked(arrays[measure.of]);
    const other = arrays[`untrained.${measure.of}`] && (await unpacked(arrays[`untrained.${measure.of}`]));
    const truth = arrays[measure.truths] && (await unpacked(arrays[measure.truths]));
    measure.names.forEach((property, column) => {
      const best = ranked(own, measure, column);
      rows.push({ property, measure, column, own, truth, best, untrained: other && other[ranked(other, measure, column)[0] * measure.names.length + column] });
    });
  }
  // What never changes in the text says nothing of any unit.
  const told = rows.filter((row) => row.best.length && row.measure.size(row.own[row.best[0] * row.measure.names.length + row.column]) > 1e-3);
  told.sort((a, b) => advantage(b) - advantage(a));
  const all = element("div");
  const detail = element("div");
  host.append(all, detail);
  table(all, {
    title: "The best unit for each property",
    columns: [{ name: "property" }, { name: "measure" }, { name: "best unit" }, { name: "trained", digits: 3 }, { name: "untrained", digits: 3 }],
    rows: told.map((row) => {
      const value = row.own[row.best[0] * row.measure.names.length + row.column];
      const sign = value < row.measure.none ? "−" : "";
      return [row.property, row.measure.what, sign + labels.tracked[row.best[0]], row.measure.turned(value), row.untrained === undefined ? null : row.measure.turned(row.untrained)];
    }),
    sortable: true,
    chosen: (number) => choose(told[number]),
  });
  if (!told.length) return;
  all.append(element("p", { class: "said", text: "− before a unit: it is low where the property holds, and is measured upside down." }));
  let shaded;
  await choose(told[0]);

  function advantage({ measure, own, best, column, untrained }) {
    return measure.size(own[best[0] * measure.names.length + column]) - measure.size(untrained ?? measure.none);
  }

  async function choose(row) {
    detail.replaceChildren();
    const options = row.best.slice(0, 12).map((unit) => [unit, `${labels.tracked[unit]}: ${written(row.own[unit * row.measure.names.length + row.column])}`]);
    const place = element("div");
    const shade = async (unit) => {
      place.replaceChildren();
      const found = await valuesOf(shown, Number(unit));
      if (!found) {
        place.append(element("p", { class: "said", text: "The values of this unit are not in the page; --show units,gates,attention has them." }));
        return;
      }
      const { pieces, between } = shown.texts.steps;
      const count = row.measure.names.length;
      const is = (step) => row.truth?.[step * count + row.column];
      const most = Math.max(...found.map(Math.abs), 1e-6);
      shaded = text(place, {
        title: `Text shaded by unit ${labels.tracked[unit]}`,
        label: "Value of the unit",
        tokens: pieces,
        between,
        shades: [...found],
        range: [-most, most],
        describe: (step) => `${labels.tracked[unit]}: ${written(found[step])}\n${row.property}: ${row.measure.truths === "features" ? { 1: "yes", 0: "no" }[is(step)] ?? "–" : written(is(step))}`,
        picked: moveTo,
      });
      if (row.measure.truths === "features") place.querySelectorAll("[data-step]").forEach((span, step) => span.classList.toggle("holds", is(step) === 1));
    };
    detail.append(
      element("div", { class: "controls" }, choice(`Units for “${row.property}”`, options, row.best[0], shade)),
      place,
    );
    if (row.measure.truths === "features") detail.append(element("p", { class: "said", text: `Underlined: where “${row.property}” holds.` }));
    await shade(row.best[0]);
  }

  follow(host, (step) => shaded?.mark(step));
}

/** Units from the best for a property. */
function ranked(values, { names, size }, column) {
  const count = values.length / names.length;
  const units = [...Array(count).keys()].filter((unit) => Number.isFinite(values[unit * names.length + column]));
  return units.sort((a, b) => size(values[b * names.length + column]) - size(values[a * names.length + column]));
}

/** The values of a tracked unit at each step: units are those of the planes, by name and number. */
async function valuesOf(shown, unit) {
  const [, part, where, number] = shown.labels.tracked[unit].match(/^(.*?)(l\d+(?:_reverse)?\.[hc]|b\d+\.)(\d+)$/) ?? [];
  if (where === undefined) return undefined;
  const name = where.startsWith("b") ? `${part}hidden.${where.slice(0, -1)}` : `${part}gates.${where}`;
  const plane = shown.planes.find((one) => one.name === name);
  if (!plane) return undefined;
  const values = await unpacked(plane.values);
  const [, units] = plane.values.shape;
  return shown.texts.steps.pieces.map((_, step) => values[Math.floor(step / plane.pooled) * units + Number(number)]);
}
