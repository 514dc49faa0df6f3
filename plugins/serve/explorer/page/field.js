// Density of two numbers as a live field, with points of the data and samples over it.

import { ask, latest } from "./api.js";
import { button, classes, contexts, element, given, text } from "./elements.js";
import { Plane, frameOf } from "./plane.js";

export const title = "Density";
export const fits = (model) => model.data.kind === "vector" && model.data.shape[0] === 2 && model.endpoints.includes("log_prob");

const SIDE = 72;
// Stops of the colour map viridis, in equal steps.
const STOPS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

export function build(model, page) {
  const points = model.examples.x.length ? model.examples.x : [[-3, -3], [3, 3]];
  const frame = frameOf(points);
  const conditions = () => given(model, chosenClass, chosenContext);
  const note = element("p", { className: "note", ariaLive: "polite" });
  const scale = element("p", { className: "note" });

  const update = latest(async () => {
    const begin = performance.now();
    const between = ([low, high], k) => low + ((k + 0.5) / SIDE) * (high - low);
    const x = [];
    for (let row = SIDE - 1; row >= 0; row -= 1) for (let column = 0; column < SIDE; column += 1) x.push([between(frame.x, column), between(frame.y, row)]);
    const { log_prob: values } = await ask(model, "log_prob", { x, ...conditions() });
    const density = values.map((value) => (value === null ? 0 : Math.exp(value)));
    const most = Math.max(...density) || 1;
    plane.picture = picture(density.map((value) => value / most));
    plane.draw();
    read(plane.place);
    scale.textContent = `From dark to bright: density 0 to ${text(most)}. ${SIDE} x ${SIDE} points in ${Math.round(performance.now() - begin)} ms`;
    page.done();
  }, page.failed);
  const read = latest(async (place) => {
    const { log_prob: [value] } = await ask(model, "log_prob", { x: [place], ...conditions() });
    note.textContent = `log p(${place.map((entry) => text(Number(entry.toFixed(3)))).join(", ")}) = ${value === null ? "-inf" : value.toFixed(3)} nats`;
  }, page.failed);

  const plane = new Plane({ frame, moved: read, label: "density; arrow keys move the point at which it is read" });
  plane.colour = "#fff";
  let seed = 0;
  const draw = async (kind) => {
    if (kind === "none") plane.points = [];
    if (kind === "data") plane.points = model.examples.x;
    if (kind === "samples") {
      const answer = await page.tried(() => ask(model, "sample", { count: 1000, seed, ...conditions() }));
      if (answer) plane.points = answer.x;
      seed += 1;
    }
    plane.draw();
  };
  const chosenClass = classes(model, update);
  const chosenContext = contexts(model, update);
  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {}, element("h2", {}, "p(x)"), plane.canvas, note, scale),
    element("section", {}, chosenClass, chosenContext,
      element("div", { className: "row" },
        button("No points", () => draw("none")),
        model.examples.x.length ? button("Test examples", () => draw("data")) : null,
        model.endpoints.includes("sample") ? button("1,000 samples", () => draw("samples")) : null))));
  update();
  plane.move(plane.place);
}

function picture(shares) {
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(SIDE, SIDE);
  shares.forEach((share, index) => {
    const place = Math.min(share, 1) * (STOPS.length - 1);
    const low = Math.min(Math.floor(place), STOPS.length - 2);
    STOPS[low].forEach((value, channel) => {
      pixels.data[4 * index + channel] = value + (place - low) * (STOPS[low + 1][channel] - value);
    });
    pixels.data[4 * index + 3] = 255;
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}
