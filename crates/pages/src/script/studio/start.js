// The first room: what can be trained, and what has been.

import { element } from "../base/dom.js";
import { fetched, send } from "./api.js";
import { button, busily, dropZone, messages } from "./form.js";
import { ago, backboneName, bestOf, grouped, stateOf, taskName } from "./words.js";

/** How often the list of runs is asked for while one is trained, and else, in milliseconds. */
const AGAIN = [3_000, 10_000];

export async function startRoom(host, { signal, go, again }) {
  const said = messages();
  const [{ builtins, trains, lecture }, { runs }] = await Promise.all([fetched("/api/builtins", signal), fetched("/api/runs", signal)]);
  const list = element("div", {});
  host.append(element("h1", { text: runs.length ? "Studio" : "Train your first model" }));
  if (!runs.length && trains) {
    host.append(element("p", { class: "lead", text: "Take built-in data, as the tunes: after a minute on this machine the model writes tunes of its own, and you can hear them. Or drop a file of yours. Nothing leaves this computer." }));
  }
  if (runs.length) host.append(element("h2", { id: "runs", text: "Runs" }), list);
  if (trains) {
    host.append(
      element("h2", { text: "Data of yours" }),
      dropZone("Drop a file or a folder here: tunes in ABC, MIDI, text, a table (CSV), pairs of sentences, a series of numbers, a folder of pictures or sounds.", {
        folders: true,
        several: true,
        chosen: (files) => busily(undefined, said, () => uploaded(files, said, { signal, go })),
      }),
      said,
      element("h2", { text: "Built-in data" }),
      element("ul", { class: "cards" }, ...builtins.map(({ name, task, about }) => element("li", {}, element("a", { href: `#/new/builtin/${encodeURIComponent(name)}` }, element("b", { text: name }), element("span", { class: "tag", text: taskName(task) }), element("span", { text: about }))))),
    );
  } else {
    host.append(element("p", { class: "said", text: "This server serves one run; start the studio on a folder of runs to train." }));
  }
  if (lecture) host.append(element("h2", { text: "The lecture" }), element("p", {}, element("a", { href: "#/lecture", text: "What a lecture on sequence models states" }), ", tried on this machine."));
  const update = async (found) => {
    list.replaceChildren(runsTable(found, async (run) => {
      await send("DELETE", `/api/runs/${encodeURIComponent(run.id)}`);
      list.replaceChildren();
      again();
    }));
    await new Promise((next) => setTimeout(next, AGAIN[found.some((run) => run.training) ? 0 : 1]));
    // A list in which a person stands stays as it is.
    const stays = () => document.hidden || list.contains(document.activeElement);
    if (!signal.aborted && host.isConnected) await update(stays() ? found : (await fetched("/api/runs", signal)).runs);
  };
  update(runs).catch((error) => error.name === "AbortError" || console.warn(error));
}

/** Sends files to the server and goes where they are looked at. */
async function uploaded(files, said, { signal, go }) {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  said.replaceChildren(element("p", { class: "said", text: `Sending ${files.length === 1 ? files[0].path : `${grouped(files.length)} files`}, ${grouped(Math.ceil(bytes / 1000))} KB …` }));
  const form = new FormData();
  for (const { path, file } of files) form.append("file", file, path);
  const { upload } = await (await send("POST", "/api/data", form, { signal })).json();
  go(`new/upload/${encodeURIComponent(upload)}`);
}

function runsTable(runs, remove) {
  const columns = ["Run", "Learns", "Backbone", "Best validation", "Steps", "Last saved", "State", ""];
  const rows = runs.map((run) => {
    const name = encodeURIComponent(run.id);
    const state = stateOf(run);
    const said = messages();
    const away = button("Delete", (event) => {
      if (confirm(`Delete the run “${run.id}” with its model and checkpoints? This cannot be undone.`)) busily(event.currentTarget, said, () => remove(run));
    }, "quiet");
    away.setAttribute("aria-label", `Delete ${run.id}`);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("a", { href: `#/run/${name}`, text: run.id })),
      ...[taskName(run.task), backboneName(run.backbone), bestOf(run), grouped(run.steps), run.saved ? ago(run.saved) : "–"].map((text) => element("td", { text })),
      element("td", {}, element("span", { class: `state ${state}`, title: run.error ?? run.ended ?? "", text: state })),
      element("td", {}, !run.training && away, said),
    );
  });
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" }, element("table", { class: "runs" }, element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col", text })))), element("tbody", {}, ...rows)));
}
