// Latent space: a point of the plane and sliders along principal axes, decoded at once; one code under every class.

import { ask, latest } from "./api.js";
import { button, className, classes, command, contexts, curl, element, given, slider, text } from "./elements.js";
import { canvasFor, download, figures, paint } from "./images.js";
import { Plane, frameOf } from "./plane.js";

export const title = "Latent space";
export const fits = (model) => model.plane !== null && model.data.kind === "image" && model.endpoints.includes("decode");

export function build(model, page) {
  const { center, axes, deviations, points, labels } = model.plane;
  const place = axes.map(() => 0);
  const plain = model.latent <= 2;
  const image = canvasFor(model, "image");
  image.style.width = "16rem";
  image.setAttribute("role", "img");
  const where = element("p", { className: "note" });
  const line = command();

  const code = () => center.map((start, index) => start + axes.reduce((sum, axis, k) => sum + place[k] * axis[index], 0));
  const update = latest(async () => {
    const begin = performance.now();
    const fields = { z: [code()], ...given(model, chosenClass, chosenContext) };
    const answer = await ask(model, "decode", fields);
    paint(image, answer.x[0], model.data.levels);
    image.dataset.place = JSON.stringify(place);
    const shown = place.slice(0, 2).map((value) => text(Number(value.toFixed(3)))).join(", ");
    image.setAttribute("aria-label", `decoded image at ${shown}`);
    where.textContent = `${plain ? "z" : "principal axes 1, 2"} = (${shown}), ${Math.round(performance.now() - begin)} ms`;
    line.show(curl(model, "decode", { ...fields, format: "png" }, "decoded.png"));
    page.done();
  }, page.failed);

  const plane = new Plane({
    frame: frameOf(points, plain ? 3 : 0),
    label: "latent plane; arrow keys move the point, with shift further",
    moved: ([x, y]) => { place[0] = x; if (place.length > 1) place[1] = y; update(); },
  });
  plane.points = points;
  plane.labels = labels;
  const sliders = axes.slice(2).map((_, index) => {
    const k = index + 2;
    const reach = 3 * deviations[k];
    return slider({
      name: `axis ${k + 1}`, low: -reach, high: reach, step: reach / 100 || 1, value: 0,
      change: (value) => { place[k] = value; update(); },
    });
  });
  const chosenClass = classes(model, update);
  const chosenContext = contexts(model, update);
  const every = element("div", { className: "pictures" });
  const everyClass = model.labels && button("This code as every class", async () => {
    const names = Array.from({ length: model.labels.classes }, (_, label) => label);
    const fields = { z: names.map(code), labels: names, ...(chosenContext ? { context: chosenContext.get() } : {}) };
    const answer = await page.tried(() => ask(model, "decode", fields));
    if (answer) every.replaceChildren(...figures(answer.x, model.data.levels, names.map((label) => className(model, label))));
  });

  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {},
      element("h2", {}, plain ? "The plane of codes" : "The first two principal axes of the codes"), plane.canvas,
      element("p", { className: "note" }, labels ? "Points: codes of test examples, coloured by class." : "Points: codes."),
      sliders.length ? element("h2", {}, "Further principal axes") : null, ...sliders),
    element("section", {},
      element("h2", {}, "Decoded"), image, where, chosenClass, chosenContext,
      element("div", { className: "row" },
        button("Download PNG", () => download([image], 1, "decoded.png")),
        button("To the middle", () => {
          place.fill(0); sliders.forEach((entry) => entry.set(0)); plane.move([0, 0]);
        }), everyClass),
      every, line)));
  plane.move([0, 0]);
}
