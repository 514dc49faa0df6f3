// Interpolation between two examples: a slider from the one to the other, along a linear, sinusoidal or spherical path.

import { ask, latest } from "./api.js";
import { button, buttons, classes, command, contexts, curl, element, quoted, slider, text } from "./elements.js";
import { canvasFor, download, figures, paint } from "./images.js";

export const title = "Between two";
export const fits = (model) => model.data.kind === "image" && ["interpolate", "encode"].every((name) => model.endpoints.includes(name)) && model.examples.x.length > 1;

const STEPS = 41;

export function build(model, page) {
  const { x, labels, index } = model.examples;
  const ends = [0, x.length - 1];
  let steps = null;
  const image = canvasFor(model, "image");
  image.style.width = "16rem";
  image.setAttribute("role", "img");
  const row = element("div", { className: "pictures" });
  const note = element("p", { className: "note" });
  const line = command();

  const show = (share) => {
    if (!steps) return;
    const step = Math.round(share * (STEPS - 1));
    paint(image, steps.x[step], model.data.levels);
    image.setAttribute("aria-label", `step at ${text(steps.l[step])}`);
    image.dataset.step = String(step);
  };
  const update = latest(async () => {
    const fields = {
      x: ends.map((end) => x[end]), steps: STEPS, path: path.get(),
      ...(model.labels ? { labels: chosenClass.get() === "own" ? ends.map((end) => labels[end]) : [chosenClass.get()] } : {}),
      ...(chosenContext ? { context: chosenContext.get() } : {}),
    };
    const begin = performance.now();
    steps = await ask(model, "interpolate", fields);
    const few = Array.from({ length: 11 }, (_, k) => k * 4);
    row.replaceChildren(...figures(few.map((k) => steps.x[k]), model.data.levels, few.map((k) => text(steps.l[k]))));
    show(share.get());
    note.textContent = `${STEPS} steps in ${Math.round(performance.now() - begin)} ms`;
    if (chosenContext) line.show(curl(model, "interpolate", { ...fields, format: "png" }, "interpolation.png"));
    else line.show(`tfgen interpolate ${quoted(model.folder)} --from-index ${index[ends[0]]} --to-index ${index[ends[1]]} --path ${path.get()}${labelled()} --out interpolation.png`);
    page.done();
  }, page.failed);

  const labelled = () => (model.labels && chosenClass.get() !== "own" ? ` --labels ${chosenClass.get()} ${chosenClass.get()}` : "");
  const share = slider({ name: "from first to second", low: 0, high: 1, step: 1 / (STEPS - 1), value: 0.5, change: show });
  const path = buttons({
    name: "Path", value: "linear", change: update,
    options: [["linear", "linear"], ["sinusoidal", "sinusoidal"], ["spherical", "spherical"]],
  });
  const chosenClass = ownClass(model, labels, update);
  const chosenContext = contexts(model, update);
  const strips = ends.map((_, which) => strip(model, which ? "Second end" : "First end", ends[which], (picked) => { ends[which] = picked; update(); }));

  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {}, ...strips, path, chosenClass, chosenContext),
    element("section", {}, element("h2", {}, "Drag from the one to the other"), image, share, note,
      element("div", { className: "row" }, button("Download PNG", () => download([...row.querySelectorAll("canvas")], 11, "interpolation.png"))),
      row, line)));
  update();
}

// Classes to decode under: that of the nearer end, or one for the whole path.
function ownClass(model, labels, change) {
  if (!model.labels) return null;
  if (labels === null) return classes(model, change);
  const made = classes(model, change);
  const options = [["own", "that of the nearer end"], ...[...made.querySelectorAll("button")].map((entry, label) => [label, entry.textContent])];
  return buttons({ name: "Class", options, value: "own", change });
}

// Test examples to pick from, in a row that scrolls.
export function strip(model, name, first, change) {
  const group = element("div", { className: "strip", role: "group", ariaLabel: name });
  const made = model.examples.x.map((image, number) => {
    const canvas = element("canvas", { className: "image" });
    paint(canvas, image, model.data.levels);
    const label = model.examples.labels ? `, class ${model.examples.labels[number]}` : "";
    const entry = element("button", { type: "button", ariaPressed: String(number === first), ariaLabel: `test example ${model.examples.index[number]}${label}` }, canvas);
    entry.addEventListener("click", () => {
      made.forEach((other, place) => { other.ariaPressed = String(place === number); });
      change(number);
    });
    return entry;
  });
  group.append(...made);
  requestAnimationFrame(() => { if (first > 0) group.scrollLeft = made[first].offsetLeft - group.offsetLeft - 40; });
  return element("div", {}, element("h2", {}, name), group);
}
