// A tune: its notes over time, its sound, a playhead.

import { element, svg } from "../base/dom.js";
import { redrawn } from "../base/figure.js";

/**
 * `spec`: `title`, `abc` (the tune as text), `notes` (`{start, seconds, pitch, step}`; times in seconds, MIDI pitch, step: the token that wrote it), `playing(step)`.
 */
export function tune(host, spec) {
  const notes = [...spec.notes].sort((a, b) => a.start - b.start);
  const end = notes.reduce((most, note) => Math.max(most, note.start + note.seconds), 0.1);
  const pitches = notes.map((note) => note.pitch);
  const [lowest, highest] = [Math.min(...pitches, 127) - 1, Math.max(...pitches, 0) + 1];
  const player = synthesiser(notes);
  let at = 0;
  let rects = [];
  let playhead;
  let geometry;
  const play = element("button", { type: "button", text: "▶ Play", "aria-pressed": "false", on: { click: () => (player.playing() ? pause() : start()) } });
  const seek = element("input", { type: "range", min: 0, max: end.toFixed(2), step: "0.05", value: "0", "aria-label": "Place in the tune, seconds" });
  const clock = element("span", { class: "said" });
  seek.addEventListener("input", () => {
    const on = player.playing();
    player.stop();
    move(Number(seek.value));
    if (on) player.start(at);
  });
  const roll = element("div", { class: "roll", tabindex: "0", role: "img", "aria-label": `Piano roll of ${notes.length} notes over ${end.toFixed(1)} seconds.` });
  host.classList.add("chart", "tune");
  host.append(
    ...[
      spec.title && element("div", { class: "chart-title", text: spec.title }),
      element("div", { class: "controls" }, play, seek, clock),
      roll,
      spec.abc && element("details", { class: "numbers" }, element("summary", { text: "In ABC notation" }), element("pre", { text: spec.abc })),
    ].filter(Boolean),
  );
  redrawn(roll, draw);
  move(0);

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
      seek.value = String(Math.max(0, time));
      seek.dispatchEvent(new Event("input"));
    });
    roll.replaceChildren(picture);
    move(at);
  }

  function move(time) {
    at = Math.min(end, Math.max(0, time));
    seek.value = String(at);
    clock.textContent = `${at.toFixed(1)} of ${end.toFixed(1)} s`;
    if (!geometry) return;
    const place = geometry.x(at);
    playhead.setAttribute("x1", place);
    playhead.setAttribute("x2", place);
    if (player.playing() && (place < roll.scrollLeft || place > roll.scrollLeft + geometry.width - 20)) roll.scrollLeft = place - 60;
    notes.forEach((note, k) => rects[k].classList.toggle("now", note.start <= at && at < note.start + note.seconds));
    const last = notes.filter((note) => note.start <= at).pop();
    if (last?.step !== undefined && last.step !== null && (player.playing() || at > 0)) spec.playing?.(last.step);
  }

  function start() {
    if (at >= end - 0.01) move(0);
    player.start(at);
    play.textContent = "⏸ Pause";
    play.setAttribute("aria-pressed", "true");
    const follow = () => {
      if (!player.playing()) return;
      move(player.time());
      if (at >= end) pause();
      else requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  }

  function pause() {
    player.stop();
    play.textContent = "▶ Play";
    play.setAttribute("aria-pressed", "false");
  }
}

/** Plays notes by an oscillator each, that is struck and dies away. */
function synthesiser(notes) {
  let sound;
  let output;
  let from = 0;
  let began;
  let timer;
  return {
    playing: () => began !== undefined,
    time: () => (began === undefined ? from : sound.currentTime - began + from),
    start(time) {
      sound ??= new AudioContext();
      sound.resume();
      output = sound.createGain();
      output.gain.value = 0.5;
      output.connect(sound.destination);
      from = time;
      began = sound.currentTime + 0.05;
      const waiting = notes.filter((note) => note.start + note.seconds > time);
      // Some seconds ahead, so that a long piece is not thousands of oscillators at once.
      const schedule = () => {
        const until = sound.currentTime - began + from + 4;
        while (waiting.length && waiting[0].start < until) strike(waiting.shift());
      };
      schedule();
      timer = setInterval(schedule, 1000);
    },
    stop() {
      if (began === undefined) return;
      from = this.time();
      began = undefined;
      clearInterval(timer);
      output.disconnect();
    },
  };

  function strike(note) {
    const start = Math.max(sound.currentTime, began + note.start - from);
    const stop = began + note.start + note.seconds - from;
    if (stop <= start) return;
    const voice = sound.createOscillator();
    const loudness = sound.createGain();
    voice.type = "triangle";
    voice.frequency.value = 440 * 2 ** ((note.pitch - 69) / 12);
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.35, start + 0.008);
    loudness.gain.exponentialRampToValueAtTime(0.12, Math.max(start + 0.02, stop));
    loudness.gain.linearRampToValueAtTime(0, stop + 0.06);
    voice.connect(loudness).connect(output);
    voice.start(start);
    voice.stop(stop + 0.08);
  }
}
