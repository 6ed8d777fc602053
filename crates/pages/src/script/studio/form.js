// Parts of forms, messages, files that are dropped or saved.

import { element } from "../base/dom.js";

let ids = 0;

/** A labelled input: `{label, hint, input}` as a row. */
export function labelled(label, input, hint) {
  input.id ||= `input-${++ids}`;
  const about = hint && element("small", { id: `${input.id}-hint`, text: hint });
  if (about) input.setAttribute("aria-describedby", about.id);
  return element("div", { class: "field" }, element("label", { for: input.id, text: label }), input, about);
}

/** A number with its bounds; empty where nothing is chosen. */
export function numeric(value, { min, max, step = "any", placeholder } = {}) {
  return element("input", { type: "number", inputmode: "decimal", value: value ?? "", min, max, step, placeholder });
}

/** A form in a frame; `submitted` is called where it would be sent. */
export function framed(submitted, ...children) {
  const submit = (event) => {
    event.preventDefault();
    submitted();
  };
  return element("form", { class: "panel", on: { submit } }, ...children);
}

/** A slider that tells its value. */
export function slider(label, value, { min, max, step, changed }) {
  const input = element("input", { type: "range", min, max, step, value });
  const output = element("output", { text: String(value) });
  input.addEventListener("input", () => {
    output.textContent = input.value;
    changed(Number(input.value));
  });
  const row = labelled(label, input);
  row.querySelector("label").append(" ", output);
  return row;
}

export const button = (label, press, kind) => element("button", { type: "button", class: kind, text: label, on: { click: press } });

/** An error that the page itself tells a person. */
export const told = (sentence) => Object.assign(new Error(sentence), { status: 0 });

/** What the server says to programs as it is said to a person: without fields of requests and addresses. */
function plainly(message) {
  const plain = message.replace(/^(?:inputs\[\d+\]|upload|data|file|prompt|model|recipe|abc|text|views): /, "").replace(/^the text given: /, "").replace(/[;,] [^;,]*\/(?:api|v1)\/[^;]*$/, "");
  // Names of files keep their letters.
  return /^[a-z]+[ ,:']/.test(plain) ? plain.charAt(0).toUpperCase() + plain.slice(1) : plain;
}

/** Says what went wrong in a place that is read out. */
export function complain(place, error) {
  if (error?.name === "AbortError") return;
  if (!error) {
    place.replaceChildren();
    return;
  }
  place.replaceChildren(element("p", { class: "wrong", dir: "auto", text: plainly(String(error.message ?? error)) }));
  place.scrollIntoView({ block: "nearest" });
}

/** Names with their values, for a list of them. */
export const factsOf = (pairs) => pairs.map(([label, text]) => element("div", {}, element("dt", { text: label }), element("dd", { dir: "auto", text })));

/** A place for messages. */
export const messages = () => element("div", { role: "alert", class: "messages" });

/** Does something that takes a while: the button rests meanwhile, and what goes wrong is said in a place. */
export async function busily(pressed, place, work) {
  if (pressed?.disabled) return;
  complain(place);
  if (pressed) pressed.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError" && error.status === undefined) console.error(error);
    complain(place, error);
  } finally {
    if (pressed) pressed.disabled = false;
  }
}

/** Saves a file where the browser keeps them. */
export function save(name, content) {
  const address = URL.createObjectURL(content);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** The files of what was dropped, folders gone through, each with its path. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const all = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      all.push({ path: entry.fullPath.replace(/^\//, ""), file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const one of some) await walk(one);
    }
  };
  for (const entry of entries) await walk(entry);
  return all;
}

/** A place to drop files at, or to choose them: `chosen` gets `[{path, file}]`. */
export function dropZone(words, { folders = false, several = false, accept, chosen }) {
  const pick = (attributes) => {
    const input = element("input", { type: "file", class: "unseen", tabindex: "-1", "aria-hidden": "true", ...attributes });
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      input.value = "";
      if (files.length) chosen(files);
    });
    return input;
  };
  const file = pick({ multiple: several, accept });
  const folder = folders && pick({ webkitdirectory: true });
  const zone = element(
    "div",
    { class: "drop" },
    element("p", { text: words }),
    element("div", { class: "controls" }, button(several ? "Choose files" : "Choose a file", () => file.click()), folder && button("Choose a folder", () => folder.click()), file, folder),
  );
  const over = (is) => zone.classList.toggle("over", is);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  zone.addEventListener("dragleave", () => over(false));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    try {
      const files = await dropped(event.dataTransfer);
      if (files.length) chosen(files);
    } catch (error) {
      zone.append(element("p", { class: "wrong", role: "alert", text: `What was dropped cannot be read: ${error.message}` }));
    }
  });
  return zone;
}

/** What was written into a form, through a reload of the page. */
export function remembered(name, otherwise) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keeps something through a reload; what is too large for the browser is not kept. */
export function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    sessionStorage.removeItem(name);
  }
}
