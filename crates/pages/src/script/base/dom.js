// Elements, and texts as a person can see them.

/** An element of HTML with attributes (`on` holds listeners, `text` its text) and children. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name === "text") made.textContent = value;
    else if (name === "style") for (const [key, to] of Object.entries(value)) made.style.setProperty(key, to);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** A choice among options `[value, text]`, with its label. */
export function choice(label, options, chosen, changed) {
  const select = element(
    "select",
    { on: { change: () => changed(select.value) } },
    ...options.map(([value, text]) => element("option", { value, text, selected: String(value) === String(chosen) })),
  );
  return element("label", {}, label, select);
}

/** Whether a character would be invisible, or would turn the text around it. */
function unseen(code) {
  return (
    code < 0x20 ||
    (code >= 0x7f && code < 0xa0) ||
    code === 0xad ||
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202f) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff
  );
}

/** The name of an invisible character. */
function sign(code) {
  if (code === 0x0a) return "⏎";
  if (code === 0x09) return "⇥";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * A text in which blanks, line ends and invisible characters can be seen: for labels, not to be copied. A blank between two characters that are seen
 * is seen by itself.
 */
export function visible(text) {
  if (text === "") return "∅";
  const characters = [...text];
  const isSeen = (character) => character !== undefined && !/\s/.test(character) && !unseen(character.codePointAt(0));
  let all = "";
  for (const [k, character] of characters.entries()) {
    const code = character.codePointAt(0);
    if (unseen(code)) all += sign(code);
    else if (code === 0xa0 || (character === " " && !(isSeen(characters[k - 1]) && isSeen(characters[k + 1])))) all += "␣";
    else all += character;
  }
  return all;
}

/** The signs of the invisible characters of a text, blanks and tabs apart; empty where it has none. */
export function signs(text) {
  let all = "";
  for (const character of text) {
    const code = character.codePointAt(0);
    if (unseen(code) && code !== 0x09) all += sign(code);
  }
  return all;
}

/** Whether a text has a character that orders text from right to left or left to right. */
export function turns(text) {
  return /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text);
}

/** A text no longer than so many characters. */
export function shortened(text, most) {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
