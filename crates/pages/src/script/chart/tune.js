// A tune: its notes over time, its sound, a playhead.

import { element, svg } from "../base/dom.js";
import { redrawn } from "../base/figure.js";

/**
 * `spec`: `title`, `abc` (the tune as text), `notes` (`{start, seconds, pitch, step}`; times in seconds, MIDI pitch, step: the token that wrote it),
 * `problems` (sentences: what of it could not be read as it stands), `sound` (`{wav, seconds}`: a WAV file in base64, and how many seconds of the notes are in it), `playing(step)`.
 */
export function tune(host, spec) {
  const notes = [...spec.notes].sort((a, b) => a.start - b.start);
  const end = notes.reduce((most, note) => Math.max(most, note.start + note.seconds), 0.1);
  const pitches = notes.map((note) => note.pitch);
  const [lowest, highest] = [Math.min(...pitches, 127) - 1, Math.max(...pitches, 0) + 1];
  let rects = [];
  let playhead;
  let geometry;
  const audio = element("audio", { controls: true, preload: "auto", "aria-label": spec.title || "The tune", src: `data:audio/wav;base64,${spec.sound.wav}` });
  const heard = spec.sound.seconds < end - 0.01 ? `The sound has the first ${Math.floor(spec.sound.seconds)} of ${Math.ceil(end)} seconds.` : undefined;
  const roll = element("div", { class: "roll", tabindex: "0", role: "img", "aria-label": `Piano roll of ${notes.length} notes over ${end.toFixed(1)} seconds.` });
  host.classList.add("chart", "tune");
  host.append(
    ...[
      spec.title && element("div", { class: "chart-title", text: spec.title }),
      audio,
      heard && element("p", { class: "said", text: heard }),
      roll,
      ...(spec.problems ?? []).map((problem) => element("p", { class: "said", text: problem })),
      spec.abc && element("details", { class: "numbers" }, element("summary", { text: "In ABC notation" }), element("pre", { text: spec.abc })),
    ].filter(Boolean),
  );
  redrawn(roll, draw);
  const follow = () => {
    move();
    if (!audio.paused && host.isConnected) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", follow);
  for (const event of ["seeking", "seeked", "timeupdate"]) audio.addEventListener(event, move);

  function draw(width) {
    const left = 34;
    const long = Math.max(width, left + end * 24);
    const row = Math.min(9, Math.max(4, 200 / (highest - lowest + 1)));
    const height = Math.round(row * (highest - lowest + 1)) + 22;
    const x = (time) => left + (time / end) * (long - left - 22);
    const y = (pitch) => (highest - pitch) * row;
    geometry = { x, width };
    const picture = svg("svg", { width: long, height, viewBox: `0 0 ${long} ${height}`, style: { "max-width": "none" } });
    for (let pitch = lowest; pitch <= highest; pitch++) {
      if (pitch % 12 !== 0) continue;
      picture.append(
        svg("line", { class: "rule", x1: left, x2: long, y1: y(pitch) + row, y2: y(pitch) + row }),
        svg("text", { class: "soft", x: left - 6, y: y(pitch) + row, "text-anchor": "end", text: `C${pitch / 12 - 1}` }),
      );
    }
    const every = [1, 2, 5, 10, 30, 60, 120].find((step) => (step / end) * long > 60) ?? 300;
    for (let time = 0; time <= end; time += every)
      picture.append(svg("text", { class: "soft", x: x(time), y: height - 5, "text-anchor": "middle", text: `${time} s` }));
    rects = notes.map((note) =>
      svg("rect", { class: "note", x: x(note.start), y: y(note.pitch), width: Math.max(2, x(note.start + note.seconds) - x(note.start) - 1), height: Math.max(3, row - 1), rx: 1.5 }),
    );
    playhead = svg("line", { class: "playhead", y1: 0, y2: height - 20 });
    picture.append(...rects, playhead);
    picture.addEventListener("click", (event) => {
      const time = ((event.clientX - picture.getBoundingClientRect().left - left) / (long - left - 22)) * end;
      audio.currentTime = Math.max(0, Math.min(end, time));
    });
    roll.replaceChildren(picture);
    move();
  }

  /** Moves the playhead, and the page, to where the sound is. */
  function move() {
    const at = Math.min(end, audio.currentTime);
    const place = geometry.x(at);
    playhead.setAttribute("x1", place);
    playhead.setAttribute("x2", place);
    if (!audio.paused && (place < roll.scrollLeft || place > roll.scrollLeft + geometry.width - 20)) roll.scrollLeft = place - 60;
    notes.forEach((note, k) => rects[k].classList.toggle("now", note.start <= at && at < note.start + note.seconds));
    const last = notes.filter((note) => note.start <= at).pop();
    if (last?.step !== undefined && last.step !== null && (!audio.paused || at > 0)) spec.playing?.(last.step);
  }
}
