// Music of several voices: written, seen, heard, carried on from a file.

import { element } from "../base/dom.js";
import { base64Of, posted } from "./api.js";
import { busily, button, dropZone, framed, messages } from "./form.js";
import { piece } from "./music.js";
import { sampling } from "./sampling.js";
import { sentenceOf } from "./words.js";

export async function composePart(host, run, { signal, query }) {
  const unit = run.task === "chorales" ? "chords" : "events";
  const { own, row } = sampling(`compose/${run.id}`, { max_tokens: run.task === "chorales" ? 64 : 400 }, `Length in ${unit}`, 20_000);
  let prompt;
  const said = messages();
  const result = element("div", { class: "result" });
  const writing = element("button", { type: "submit", class: "main", text: "Write a piece" });
  const carried = element("p", { class: "said" });
  const file = dropZone("Drop a MIDI file here, and it is carried on.", {
    accept: ".mid,.midi",
    chosen: ([{ file }]) =>
      busily(undefined, said, async () => {
        prompt = { name: file.name, data: await base64Of(file) };
        carried.replaceChildren(`${file.name} is carried on. `, button("Leave it out", () => ((prompt = undefined), carried.replaceChildren()), "quiet"));
      }),
  });

  async function write() {
    const request = { model: run.id, seed: own.seed === "" ? undefined : own.seed, temperature: own.temperature, top_p: own.top_p, max_tokens: own.max_tokens, prompt };
    result.replaceChildren(element("p", { class: "said", text: "Writing …" }));
    const { pieces, seed: used, notes } = await posted("/api/generate", { ...request, formats: ["roll", "abc"] }, signal);
    const [found] = pieces;
    const again = { ...request, seed: used };
    result.replaceChildren(
      element("h2", { text: "The piece" }),
      element("p", { class: "said", text: [`Seed ${used}.`, found.complete ? "It came to its end." : sentenceOf(found.reason), ...notes.map(sentenceOf)].join(" ") }),
    );
    const place = element("div", {});
    result.append(place);
    if (!found.roll) {
      place.append(element("p", { class: "wrong", text: "It has no note; write another." }));
      return;
    }
    piece(place, found.roll, {
      name: `${run.id}-${used}`,
      text: found.text,
      forms: async (format) => (await posted("/api/generate", { ...again, formats: [format] }, signal)).pieces[0][format],
    });
  }

  host.append(
    framed(
      () => busily(writing, said, write),
      row,
      element("details", {}, element("summary", { text: "Carry on a file" }), file, carried),
      element("div", { class: "controls" }, writing),
      said,
    ),
    result,
  );
  if (query.has("go")) busily(writing, said, write);
}
