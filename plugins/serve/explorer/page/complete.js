// Inpainting: draw or erase with the mouse, and the model completes what is unknown, with the log-likelihood of each.

import { ask } from "./api.js";
import { strip } from "./between.js";
import { button, classes, command, contexts, curl, element, given, number } from "./elements.js";
import { download, figures } from "./images.js";
import { Pad } from "./pad.js";

export const title = "Complete";
export const fits = (model) => model.data.kind === "image" && model.endpoints.includes("inpaint");

export function build(model, page) {
  const pad = new Pad(model, { begin: "unknown", changed: () => {} });
  const chosenClass = classes(model, () => {});
  const chosenContext = contexts(model, () => {});
  const count = number({ name: "Completions", low: 1, high: 32, value: 6, change: () => {} });
  const seed = number({ name: "Seed", low: 0, high: 2 ** 31 - 1, value: 0, change: () => {} });
  const pictures = element("div", { className: "pictures" });
  const note = element("p", { className: "note" });
  const line = command();

  const complete = button("Complete", async () => {
    const begin = performance.now();
    complete.disabled = true;
    const conditions = given(model, chosenClass, chosenContext);
    const fields = { x: [pad.image], known: [pad.known], samples: count.get(), seed: seed.get(), ...conditions };
    const found = await page.tried(async () => {
      const { x } = await ask(model, "inpaint", fields);
      const scores = model.endpoints.includes("log_prob") ? (await ask(model, "log_prob", { x: x[0], ...conditions })).log_prob : null;
      return { images: x[0], scores };
    });
    complete.disabled = false;
    if (!found) return;
    const captions = found.images.map((_, index) => (found.scores ? `${found.scores[index]?.toFixed(1) ?? "-inf"} nats` : ""));
    pictures.replaceChildren(...figures(found.images, model.data.levels, captions));
    const score = found.scores ? `Below each: ${model.class_of_score}, higher is more likely. ` : "";
    note.textContent = `${score}${Math.round(performance.now() - begin)} ms`;
    line.show(curl(model, "inpaint", { ...fields, format: "png" }, "completed.png"));
    seed.set(seed.get() + 1);
  }, "main");

  const [height, width] = model.data.shape;
  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {},
      element("h2", {}, "Draw what is known"), pad.canvas,
      element("p", { className: "note" }, "Blue pixels are unknown: the model draws them."),
      ...pad.tools(),
      element("div", { className: "row" },
        button("All unknown", () => pad.clear()),
        button("Forget the lower half", () => pad.forget((row) => row >= height / 2)),
        button("Forget the middle", () => pad.forget((row, column) => Math.abs(row - height / 2 + 0.5) < height / 4 && Math.abs(column - width / 2 + 0.5) < width / 4))),
      model.examples.x.length ? strip(model, "Or begin with a test example", -1, (picked) => pad.set(model.examples.x[picked])) : null),
    element("section", {},
      chosenClass, chosenContext, element("div", { className: "row" }, count, seed, complete),
      pictures, note,
      element("div", { className: "row" }, button("Download PNG", () => {
        const canvases = [...pictures.querySelectorAll("canvas")];
        if (canvases.length) download(canvases, 8, "completions.png");
      })), line)));
}
