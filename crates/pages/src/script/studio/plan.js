// What would be learnt: data looked at, a backbone and a budget chosen, and the training begun.

import { element, choice } from "../base/dom.js";
import { fetched, posted } from "./api.js";
import { busily, complain, factsOf, labelled, messages, numeric } from "./form.js";
import { backboneName, grouped, sentenceOf, taskName } from "./words.js";

/** Minutes that can be chosen without typing. */
const BUDGETS = [1, 3, 10, 30];

/** Fields of the recipe that have a place of their own in the form. */
const OWN = ["task", "model.backbone", "training.minutes", "training.steps", "training.epochs"];

/** Tasks that data may be taken for otherwise than they look. */
const OTHERWISE = ["auto", "text", "music", "classify", "regress", "translate", "caption", "forecast", "trajectory", "chorales", "events", "tag"];

/** `kind` is `builtin`, `upload` or `like`, `name` which of them. */
export async function planRoom(host, { signal, go }, kind, name) {
  const isAgain = kind === "like";
  const source = { [kind]: name };
  const { backbones } = await fetched("/api/builtins", signal);
  // What was changed, by the recipe's fields; a first training is to be heard soon.
  const asked = isAgain ? {} : { "training.minutes": 1 };
  let runName = "";
  let last;
  // What a person has opened stays open.
  const opened = { settings: isAgain, more: false, other: false };
  const heading = element("h1", { text: isAgain ? `Train another like ${name}` : kind === "builtin" ? `Train on built-in ${name}` : "Train on your data" });
  const place = element("div", {});
  const said = messages();
  host.append(heading, said, place);
  place.append(element("p", { class: "said", text: "Looking at the data …" }));

  async function look() {
    last = await posted("/api/look", { ...source, recipe: asked }, signal);
    if (kind === "upload") heading.textContent = `Train on ${last.name}`;
    draw();
  }

  function draw() {
    const focused = document.activeElement?.id;
    place.replaceChildren(...parts(last));
    if (focused) document.getElementById(focused)?.focus();
  }

  /** Changes a field and looks again, for other fields may have other defaults then. */
  let waiting = Promise.resolve();
  const change = (field, value) => (waiting = waiting.then(() => changeOne(field, value)));
  const changeOne = (field, value) => {
    const before = { ...asked };
    if (value === undefined) delete asked[field];
    else asked[field] = value;
    place.classList.add("waiting");
    return look()
      .then(() => complain(said))
      .catch((error) => {
        for (const key of Object.keys(asked)) delete asked[key];
        Object.assign(asked, before);
        if (error.name === "AbortError") return;
        // The page says again what holds, and beside the field what was wrong.
        if (last) draw();
        const input = document.getElementById(`field-${error.param ?? field}`);
        input?.setAttribute("aria-invalid", "true");
        complain(input?.closest(".field").appendChild(messages()) ?? said, error);
      })
      .finally(() => place.classList.remove("waiting"));
  };

  function parts(found) {
    const value = (field) => found.fields.find((one) => one.field === field)?.value;
    const train = element("button", { type: "submit", class: "main", text: isAgain ? "Train another" : "Train" });
    const wrong = messages();
    const form = element(
      "form",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            busily(train, wrong, async () => {
              const { id } = await posted("/api/train", { ...source, recipe: asked, name: runName || undefined }, signal);
              go(`run/${encodeURIComponent(id)}/training${isAgain ? `?with=${encodeURIComponent(name)}` : ""}`);
            });
          },
        },
      },
      element("h2", { text: "How" }),
      backboneChoice(value("model.backbone"), backbones, (to) => change("model.backbone", to)),
      budgetChoice(asked, value, (changed) => {
        for (const field of ["training.minutes", "training.steps", "training.epochs"]) delete asked[field];
        Object.assign(asked, changed);
      }, opened),
      nameInput(runName, (to) => (runName = to)),
      settings(found.fields, asked, change, opened),
      wrong,
      element("div", { class: "controls" }, train, element("span", { class: "said", text: `${grouped(found.parameters)} weights.` })),
    );
    return [...dataParts(found), form];
  }

  /** What was found in the data. */
  function dataParts(found) {
    const taken = found.found ? sentenceOf(`it ${found.found}; it is learnt as ${taskName(found.task)}`) : sentenceOf(`learns ${taskName(found.task)}`);
    const other = kind === "upload" && choice("Take it for", OTHERWISE.map((task) => [task, task === "auto" ? "what it looks like" : taskName(task)]), asked.task ?? "auto", (to) => change("task", to === "auto" ? undefined : to));
    const facts = [["training", found.train], ["validation", found.validation], ["predicts", found.predicts]].filter(([, text]) => text);
    return [
      element("h2", { text: "What was found" }),
      element("p", { text: taken }),
      other && element("div", { class: "controls" }, other),
      element("dl", { class: "facts" }, ...factsOf(facts)),
      found.examples.length > 0 && element("div", { class: "examples" }, ...found.examples.map(exampleOf)),
      found.notes.length > 0 && element("details", { open: found.notes.length <= 6 }, element("summary", { text: found.notes.length === 1 ? "One note" : `${found.notes.length} notes` }), element("ul", { class: "notes" }, ...found.notes.map((note) => element("li", { dir: "auto", text: sentenceOf(note) })))),
    ].filter(Boolean);
  }

  try {
    await look();
  } catch (error) {
    if (error.name === "AbortError") return;
    complain(said, error);
    place.replaceChildren();
    if (kind === "upload" && error.status !== 404) {
      const other = choice("Take it for", [["", "choose"], ...OTHERWISE.slice(1).map((task) => [task, taskName(task)])], "", (to) => to && change("task", to));
      place.append(element("div", { class: "controls" }, other));
    }
    place.append(element("p", {}, element("a", { href: "#/", text: "Choose other data" })));
  }
}

function exampleOf({ text, label, picture }) {
  return element(
    "figure",
    { class: "example" },
    picture && element("img", { src: picture, alt: label ?? "An example" }),
    text && element("pre", { dir: "auto", text }),
    label && element("figcaption", {}, element("bdi", { text: label })),
  );
}

function backboneChoice(chosen, backbones, changed) {
  const options = backbones.map(({ name, about }) =>
    element("label", { class: "option" }, element("input", { type: "radio", id: `backbone-${name}`, name: "backbone", value: name, checked: name === chosen, on: { change: () => changed(name) } }), element("b", { text: backboneName(name) }), element("small", { text: about })),
  );
  return element("fieldset", { class: "options" }, element("legend", { text: "Backbone" }), ...options);
}

/** How long: minutes, or another end. */
function budgetChoice(asked, value, changed, opened) {
  const kinds = { "training.minutes": "minutes", "training.steps": "optimizer steps", "training.epochs": "passes over the data" };
  const own = Object.keys(kinds).find((field) => asked[field] !== undefined);
  const set = own ?? Object.keys(kinds).find((field) => value(field) !== null && value(field) !== undefined) ?? "training.minutes";
  const isUsual = !opened.other && set === "training.minutes" && BUDGETS.includes(asked[set] ?? value(set));
  const number = numeric(asked[set] ?? value(set) ?? "", { min: 0.1 });
  const kind = element("select", { "aria-label": "Counted in" }, ...Object.entries(kinds).map(([field, text]) => element("option", { value: field, text, selected: field === set })));
  const tell = () => {
    number.min = kind.value === "training.steps" ? 1 : 0.1;
    if (number.value) changed({ [kind.value]: Number(number.value) });
  };
  number.addEventListener("change", tell);
  kind.addEventListener("change", tell);
  number.setAttribute("aria-label", "How long");
  const other = element("span", { class: "controls", hidden: isUsual }, number, kind);
  // What cannot be seen does not keep the form from being sent.
  number.disabled = isUsual;
  const option = (minutes, label) =>
    element(
      "label",
      { class: "option" },
      element("input", {
        type: "radio",
        name: "budget",
        checked: minutes ? isUsual && (asked[set] ?? value(set)) === minutes : !isUsual,
        on: {
          change: () => {
            other.hidden = Boolean(minutes);
            number.disabled = other.hidden;
            opened.other = !minutes;
            if (minutes) changed({ "training.minutes": minutes });
            else tell();
          },
        },
      }),
      element("b", { text: label }),
    );
  return element("fieldset", { class: "options" }, element("legend", { text: "How long" }), ...BUDGETS.map((minutes) => option(minutes, minutes === 1 ? "1 minute" : `${minutes} minutes`)), option(undefined, "otherwise"), other);
}

function nameInput(name, changed) {
  const input = element("input", { type: "text", value: name, maxlength: "64", autocomplete: "off", spellcheck: "false", placeholder: "after the data", on: { input: () => changed(input.value.trim()) } });
  input.id = "run-name";
  return labelled("Name of the run", input);
}

/** All other fields of the recipe, those first that are changed most. */
function settings(fields, asked, change, opened) {
  const shown = fields.filter(({ field }) => !OWN.includes(field));
  const row = (one) => {
    const changed = (text) => change(one.field, text === "" ? undefined : one.kind === "whole" || one.kind === "number" ? Number(text) : one.kind === "bool" ? text === "true" : text);
    const options = one.kind === "bool" ? ["true", "false"] : one.choices;
    const input = options
      ? element("select", {}, ...options.map((text) => element("option", { value: text, text, selected: String(one.value) === text })))
      : element("input", { type: one.kind === "whole" || one.kind === "number" ? "number" : "text", step: "any", value: one.value === null || one.value === undefined ? "" : Array.isArray(one.value) ? one.value.join(",") : one.value, placeholder: "by default none" });
    input.id = `field-${one.field}`;
    input.addEventListener("change", () => changed(input.value));
    const line = labelled(one.field, input, `${one.about}. It takes ${one.takes}.`);
    line.classList.toggle("changed", asked[one.field] !== undefined);
    return line;
  };
  const common = shown.filter((one) => one.common);
  const others = shown.filter((one) => !one.common);
  return element(
    "details",
    { class: "settings", open: opened.settings, on: { toggle: (event) => (opened.settings = event.target.open) } },
    element("summary", { text: "Settings" }),
    ...common.map(row),
    others.length > 0 && element("details", { open: opened.more, on: { toggle: (event) => { event.stopPropagation(); opened.more = event.target.open; } } }, element("summary", { text: "More settings" }), ...others.map(row)),
  );
}
