// What the page asks its server.

import { element } from "../base/dom.js";

/** An answer that is an error: its sentence, and the field that it is about. */
class Refusal extends Error {
  constructor(status, { message, param }) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

/** What a header can hold of a key. */
const PLAIN = /^[!-~]*$/;

let apiKey = sessionStorage.getItem("api-key") ?? "";
if (!PLAIN.test(apiKey)) apiKey = "";
let asking;

/** Asks for the key of a server that needs one. */
function askForKey() {
  asking ??= new Promise((answered) => {
    const input = element("input", { type: "password", autocomplete: "off", required: true, pattern: "[!-~]+", title: "Printable ASCII characters without blanks" });
    const wrong = apiKey && element("p", { class: "wrong", role: "alert", text: "This is none of the server's keys." });
    const dialog = element(
      "dialog",
      { class: "ask" },
      element(
        "form",
        { method: "dialog", on: { submit: () => ((apiKey = input.value.trim()), sessionStorage.setItem("api-key", apiKey)) } },
        element("h2", { text: "This server asks for a key" }),
        element("p", { class: "said", text: "It is one of those in the file that the server was started with." }),
        wrong,
        element("label", {}, "Key", input),
        element("div", { class: "controls" }, element("button", { class: "main", text: "Use this key" })),
      ),
    );
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      asking = undefined;
      answered();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

/** Sends a request and returns the answer. A body is sent as JSON, a form as it is. */
export async function send(method, path, body, { signal, accept } = {}) {
  const headers = {};
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  if (accept) headers.Accept = accept;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === undefined || isForm ? body : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { message: "The server cannot be reached; it may have ended. Start it again with: anaphora studio" });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => undefined);
  const refusal = new Refusal(answer.status, told?.error ?? { message: `the server answered ${answer.status} ${answer.statusText}` });
  if (answer.status !== 401) throw refusal;
  await askForKey();
  return send(method, path, body, { signal, accept });
}

export const fetched = async (path, signal) => (await send("GET", path, undefined, { signal })).json();
export const posted = async (path, body, signal) => (await send("POST", path, body ?? {}, { signal })).json();

/** The events of a stream, `{event, data}` each. */
export async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    left += value;
    const parts = left.split(/\r?\n\r?\n/);
    left = parts.pop();
    for (const part of parts) {
      let event = "message";
      const data = [];
      for (const line of part.split(/\r?\n/)) {
        if (line.startsWith("event:")) event = line.slice(6).trim();
        if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      }
      if (data.length) yield { event, data: data.join("\n") };
    }
  }
}

/** The content of a file in base64. */
export async function base64Of(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let all = "";
  for (let at = 0; at < bytes.length; at += 0x8000) all += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(all);
}

/** Bytes in base64 as a file to be saved. */
export function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type });
}
