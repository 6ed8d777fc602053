// What happens inside a model, on the spot: the same views as on the page of an inspection.

import { element } from "../base/dom.js";
import { forget } from "../base/cursor.js";
import { drawAll } from "../chart/draw.js";
import { drawViews } from "../view/views.js";
import { base64Of, send } from "./api.js";
import { busily, button, dropZone, framed, labelled, messages, numeric, remember, remembered } from "./form.js";
import { readBy } from "./words.js";

/** The views that can be asked for, as people know them. */
const VIEW_NAMES = {
  next: "what it expects next",
  gates: "gates and states",
  units: "what units track",
  attention: "attention",
  search: "attention as search",
  saliency: "what the answer hangs on",
  gradients: "gradients by distance",
  context: "use of the past",
  embedding: "embedding",
  graph: "the model, unrolled",
  bottleneck: "bottleneck",
  speed: "time",
};

/** What is typed for a model to read. */
const INPUTS = { music: "A tune in ABC", text: "A text", numbers: "A row of numbers", translate: "A line to translate", tag: "A sentence", memory: "A problem" };

/** Draws views of what a model does while it reads something: `request` is that of `/api/inspect`; where `isPart` without what the page says of the run. */
export async function drawInside(host, request, signal, isPart = false) {
  const answer = await send("POST", "/api/inspect", request, { signal, accept: "text/html" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const read = (id) => JSON.parse(page.getElementById(id).textContent);
  const [charts, inspections] = [read("charts"), read("inspections")];
  const whole = element("div", { class: "inside" });
  for (const part of page.querySelector("main").children) {
    if (!["H1", "NOSCRIPT"].includes(part.tagName) && !(isPart && part.matches(".facts, .contents"))) whole.append(document.importNode(part, true));
  }
  // Addresses of this page are rooms: a link to a section goes there by hand.
  for (const link of whole.querySelectorAll(".contents a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const section = whole.querySelector(`[id="${CSS.escape(link.hash.slice(1))}"]`);
      section?.scrollIntoView();
      section?.querySelector("h2")?.setAttribute("tabindex", "-1");
      section?.querySelector("h2")?.focus({ preventScroll: true });
    });
  }
  forget();
  host.replaceChildren(whole);
  await drawAll(whole, charts);
  await drawViews(whole, inspections);
}

export async function insidePart(host, run, { signal, query }) {
  const store = `inside/${run.id}`;
  const own = { text: "", index: "", views: [], ...remembered(store, {}) };
  const reads = INPUTS[readBy(run)];
  let file;
  const said = messages();
  const result = element("div", {});
  const input = element("textarea", { rows: "4", dir: "auto", spellcheck: "false", text: own.text });
  const index = numeric(own.index, { min: 1, step: 1, placeholder: "first" });
  const looking = element("button", { type: "submit", class: "main", text: "Look inside" });
  const taken = element("p", { class: "said" });
  const drop = dropZone("Drop what it is to read here, as a file of the kind that it learnt from.", {
    chosen: ([{ file: chosen }]) =>
      busily(undefined, said, async () => {
        file = { name: chosen.name, data: await base64Of(chosen) };
        taken.replaceChildren(`${chosen.name} is read. `, button("Leave it out", () => ((file = undefined), taken.replaceChildren()), "quiet"));
      }),
  });
  const boxes = Object.entries(VIEW_NAMES).map(([name, label]) => element("label", { class: "option" }, element("input", { type: "checkbox", name: "view", value: name, checked: own.views.includes(name) }), label));

  async function look() {
    own.text = input.value;
    own.index = index.value;
    own.views = [...form.querySelectorAll("[name=view]:checked")].map((box) => box.value);
    remember(store, own);
    const request = { model: run.id };
    if (file) request.file = file;
    else if (own.text) request.text = own.text;
    if (own.index) request.index = Number(own.index);
    if (own.views.length) request.views = own.views;
    result.replaceChildren(element("p", { class: "said", text: "Looking …" }));
    try {
      await drawInside(result, request, signal);
    } catch (error) {
      result.replaceChildren();
      throw error;
    }
  }

  const form = framed(
    () => busily(looking, said, look),
    reads && labelled(reads, input, "Left empty, the model reads what its training held out."),
    element("details", { open: !reads }, element("summary", { text: "A file, or another example" }), drop, taken, labelled("Number of the example", index, "Of the file, or of what was held out; counted from 1.")),
    element("details", { open: own.views.length > 0 }, element("summary", { text: "Which views" }), element("fieldset", { class: "options" }, element("legend", { text: "None chosen: all that apply and are quick" }), ...boxes)),
    element("div", { class: "controls" }, looking),
    said,
  );
  host.append(form, result);
  if (query.has("go")) await busily(looking, said, look);
}
