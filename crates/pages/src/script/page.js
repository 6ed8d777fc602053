// Draws the page once it is read.

import { drawAll } from "./chart/draw.js";
import { drawViews } from "./view/views.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);

await drawAll(document, read("charts"));
await drawViews(document, read("inspections"));
document.documentElement.dataset.ready = "yes";
