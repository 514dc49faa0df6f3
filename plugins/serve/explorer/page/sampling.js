// Samples: a class, a seed, and the options of the model's sampler as sliders.

import { ask, latest } from "./api.js";
import { button, choice, classes, command, contexts, element, given, number, quoted, slider, text } from "./elements.js";
import { download, figures } from "./images.js";
import { Plane, frameOf } from "./plane.js";

export const title = "Samples";
export const fits = (model) => model.endpoints.includes("sample");

export function build(model, page) {
  const images = model.data.kind === "image";
  const count = number({ name: "Count", low: 1, high: images ? 100 : 1000, value: images ? 24 : 500, change: () => update() });
  const seed = number({ name: "Seed", low: 0, high: 2 ** 31 - 1, value: 0, change: () => update() });
  const chosen = {};
  const options = Object.entries(model.sampling_options ?? {}).map(([name, option]) => (
    control(name, option, (value) => {
      if (value === null) delete chosen[name];
      else chosen[name] = value;
      update();
    })));
  const shown = element("div", {});
  const note = element("p", { className: "note" });
  const line = command();

  const update = latest(async () => {
    const begin = performance.now();
    const fields = { count: count.get(), seed: seed.get(), ...given(model, chosenClass, chosenContext), ...chosen };
    const answer = await ask(model, "sample", fields);
    show(model, shown, answer);
    note.textContent = `${fields.count} samples in ${Math.round(performance.now() - begin)} ms`;
    line.show(commandOf(model, fields));
    page.done();
  }, page.failed);

  const chosenClass = classes(model, update, true);
  const chosenContext = contexts(model, update);
  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {},
      element("div", { className: "row" }, count, seed, button("Draw others", () => { seed.set(seed.get() + 1); update(); }, "main")),
      chosenClass, chosenContext, ...(options.length ? [element("h2", {}, "The sampler"), ...options] : []), line),
    element("section", {}, shown, note,
      images ? element("div", { className: "row" }, button("Download PNG", () => download([...shown.querySelectorAll("canvas")], 8, "samples.png"))) : null)));
  update();
}

// The control of an option: a slider for a number, a list for yes or no, a field for anything else.
function control(name, option, change) {
  const usual = option.default;
  if (typeof usual === "boolean") {
    return choice({ name, options: ["true", "false"], value: String(usual), change: (value) => change(value === "true") });
  }
  if (typeof usual === "number") {
    const whole = /int|whole/.test(option.type);
    const [low, high] = rangeOf(option.range, usual, whole);
    // The usual value is one of the steps.
    const step = whole ? 1 : (usual - low) / 50 || (high - low) / 100;
    return slider({ name, low, high, step, value: usual, change });
  }
  const input = element("input", { type: typeof usual === "string" ? "text" : "number", value: usual ?? "", step: "any" });
  input.addEventListener("change", () => {
    if (input.value === "") change(usual);
    else change(typeof usual === "string" ? input.value : Number(input.value));
  });
  return element("label", {}, `${name} `, input);
}

// Ends of a slider, from the words in which the server states the range ("above 0, at most 1"), as far as they say any.
function rangeOf(words, usual, whole) {
  const after = (pattern) => Number((words ?? "").match(pattern)?.[1] ?? NaN);
  const low = after(/(?:at least|from|>=) (-?[\d.]+)/);
  const above = after(/(?:above|more than|greater than|>) (-?[\d.]+)/);
  const high = after(/(?:at most|to|below|<=|<) (-?[\d.]+)/);
  const least = Number.isNaN(low) ? (Number.isNaN(above) ? Math.min(0, usual) : above + (whole ? 1 : 0.05)) : low;
  return [least, Number.isNaN(high) ? Math.max(2 * usual, least + (whole ? 100 : 2)) : high];
}

function show(model, place, answer) {
  if (model.data.kind === "image") {
    place.className = "pictures";
    place.replaceChildren(...figures(answer.x, model.data.levels));
    return;
  }
  const width = model.data.shape[0];
  if (width === 2) {
    place.className = "";
    const plane = new Plane({ frame: frameOf(model.examples.x.length ? model.examples.x : answer.x), moved: () => {}, label: "samples" });
    plane.points = answer.x;
    plane.labels = answer.labels ?? null;
    place.replaceChildren(plane.canvas);
    plane.draw();
    return;
  }
  const names = model.data.columns ?? Array.from({ length: width }, (_, index) => `x${index + 1}`);
  const head = element("tr", {}, ...names.map((name) => element("th", {}, name)));
  const rows = answer.x.slice(0, 50).map((row) => element("tr", {}, ...row.map((value) => element("td", {}, text(value)))));
  place.className = "table";
  place.replaceChildren(element("table", {}, head, ...rows));
}

function commandOf(model, fields) {
  const flags = Object.entries(fields).map(([name, value]) => {
    const flag = `--${name.replaceAll("_", "-")}`;
    if (typeof value === "boolean") return value ? flag : `--no-${flag.slice(2)}`;
    return `${flag} ${[value].flat().map((entry) => quoted(String(entry))).join(" ")}`;
  });
  return ["tfgen sample", quoted(model.folder), ...flags, "--out", model.data.kind === "image" ? "samples.png" : "samples.csv"].join(" ");
}
