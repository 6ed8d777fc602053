// Notes that are seen and heard, and saved in any form.

import { element } from "../base/dom.js";
import { tune } from "../chart/tune.js";
import { blobOf, posted } from "./api.js";
import { busily, button, messages, save } from "./form.js";

const SAVED = { midi: ["MIDI", "mid", "audio/midi"], wav: ["WAV", "wav", "audio/wav"] };

/** Draws notes with their sound; `forms` gets a form of the piece, as `midi`, in base64, and `text` is it in ABC. */
export function piece(host, roll, { name, text, forms, playing }) {
  const said = messages();
  const saved = (format) =>
    button(`Save ${SAVED[format][0]}`, (event) =>
      busily(event.currentTarget, said, async () => save(`${name}.${SAVED[format][1]}`, blobOf(await forms(format), SAVED[format][2]))),
    );
  const place = element("div", {});
  host.append(place);
  tune(place, { ...roll, title: "", abc: undefined, playing });
  host.append(element("div", { class: "controls" }, text && button("Save ABC", () => save(`${name}.abc`, new Blob([text], { type: "text/vnd.abc" }))), ...Object.keys(SAVED).map(saved)), said);
}

/** The notes of a text in ABC, with what is wrong in it. */
export async function soundOf(abc, formats, signal) {
  return posted("/api/sound", { abc, formats }, signal);
}
