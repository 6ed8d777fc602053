// Draws the page once it is read.

import { drawAll } from "./chart/draw.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);

await drawAll(read("charts"));
document.documentElement.dataset.ready = "yes";
