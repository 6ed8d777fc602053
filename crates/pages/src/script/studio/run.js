// The room of a run: its training, what it writes or predicts, what is inside, and another like it.

import { element } from "../base/dom.js";
import { fetched } from "./api.js";
import { trainingPart } from "./training.js";
import { writePart } from "./write.js";
import { composePart } from "./compose.js";
import { predictPart } from "./predict.js";
import { insidePart } from "./inside.js";
import { factsOf } from "./form.js";
import { backboneName, bestOf, composesMusic, grouped, taskName, writesText } from "./words.js";

/** The parts of the room of a run: name, heading, what draws it, whether it needs a model. */
function runParts(task) {
  const use = writesText(task) ? ["write", "Write", writePart] : composesMusic(task) ? ["write", "Write", composePart] : ["predict", "Predict", predictPart];
  return [
    ["training", "Training", trainingPart, false],
    [...use, true],
    ["inside", "Look inside", insidePart, true],
  ];
}

export async function runRoom(host, room, id, part) {
  const { signal } = room;
  const run = await fetched(`/api/runs/${encodeURIComponent(id)}`, signal);
  // What can be done with a run is known with its task.
  const parts = runParts(run.task).slice(0, run.task ? undefined : 1);
  const chosen = parts.find(([name]) => name === part) ?? (run.training || !run.has_model ? parts[0] : parts[1]);
  const address = (name) => `#/run/${encodeURIComponent(id)}/${name}`;
  const tabs = element(
    "nav",
    { class: "tabs", "aria-label": "Parts of the run" },
    ...parts.map(([name, label]) => element("a", { href: address(name), "aria-current": name === chosen[0] ? "page" : undefined, text: label })),
    run.task && element("a", { href: `#/new/like/${encodeURIComponent(id)}`, text: "Train another" }),
  );
  const facts = element("dl", { class: "facts" });
  const tell = (now) => facts.replaceChildren(...factsOf([["learns", taskName(now.task)], ["backbone", backboneName(now.backbone)], ["weights", grouped(now.parameters)], ["best validation", bestOf(now)]]));
  tell(run);
  host.append(element("h1", { text: id }), facts, tabs);
  document.title = `${id}, ${chosen[1]} · Anaphora`;
  const place = element("div", { class: "part" });
  host.append(place);
  if (chosen[3] && !run.has_model) {
    const why = run.training ? "It has no model yet: it can be asked as soon as it has been validated for the first time." : (run.error ?? "It has no model.");
    place.append(element("p", { class: "lead", text: why }), element("p", {}, element("a", { href: address("training"), text: "See its training" })));
    return;
  }
  await chosen[2](place, run, { ...room, tell });
}
