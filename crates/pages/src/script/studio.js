// The studio: rooms that are reached by addresses behind the number sign, so that a reload stays where it was.

import { element } from "./base/dom.js";
import { hide } from "./base/figure.js";
import { send } from "./studio/api.js";
import { complain, messages, told } from "./studio/form.js";
import { startRoom } from "./studio/start.js";
import { planRoom } from "./studio/plan.js";
import { runRoom } from "./studio/run.js";

/** Rooms by their addresses. */
const ROOMS = [
  [/^$/, "Studio", startRoom],
  [/^new\/(builtin|upload|like)\/([^/]+)$/, "Train", planRoom],
  [/^lecture$/, "The lecture", lectureRoom],
  [/^run\/([^/]+)(?:\/(\w+))?$/, undefined, runRoom],
];

/** The page of the lecture: a file, which draws and is given nothing else. */
async function lectureRoom(host, { signal }) {
  const page = await (await send("GET", "/lecture", undefined, { signal })).text();
  host.append(element("iframe", { class: "lecture", title: "The lecture", sandbox: "allow-scripts", srcdoc: page }));
}

const main = document.getElementById("main");
let leaving = new AbortController();
let isFirst = true;

const go = (address) => {
  if (location.hash === `#/${address}`) enter();
  else location.hash = `#/${address}`;
};

/** Shows the room of the address. */
async function enter() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  hide();
  const [address, asked] = location.hash.replace(/^#\/?/, "").split("?");
  const query = new URLSearchParams(asked);
  const [found, title, room] = ROOMS.map(([pattern, title, room]) => [address.match(pattern), title, room]).find(([match]) => match) ?? [];
  const host = element("div", { class: "room" });
  document.documentElement.dataset.ready = "no";
  main.replaceChildren(host);
  scrollTo(0, 0);
  try {
    if (!found) throw told(`there is no room ${address} in the studio`);
    const parts = found.slice(1).map((part) => part && decodeURIComponent(part));
    document.title = `${title ?? parts[0]} · Anaphora`;
    await room(host, { signal, query, go, again: enter }, ...parts);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (error.status === undefined) console.error(error);
    const said = messages();
    if (!host.querySelector("h1")) host.prepend(element("h1", { text: found ? "This cannot be shown" : "There is no such room" }));
    document.title = `${host.querySelector("h1").textContent} · Anaphora`;
    host.append(said, element("p", {}, element("a", { href: "#/", text: "To all runs" })));
    complain(said, error);
  }
  if (signal.aborted) return;
  // What was done at once is done at once only.
  if (query.has("go")) history.replaceState(null, "", `#/${address}`);
  const heading = host.querySelector("h1");
  if (heading && !isFirst && !host.contains(document.activeElement)) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  isFirst = false;
  document.documentElement.dataset.ready = "yes";
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", enter);
enter();
