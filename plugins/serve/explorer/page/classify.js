// Classification by Bayes' rule: draw an image and see p(y|x) = p(x|y) p(y) / sum over y of the same, from a conditional model.

import { ask, latest } from "./api.js";
import { strip } from "./between.js";
import { button, className, contexts, element } from "./elements.js";
import { Pad } from "./pad.js";

export const title = "Classify";
export const fits = (model) => model.data.kind === "image" && model.labels !== null && model.endpoints.includes("log_prob");

export function build(model, page) {
  const labels = Array.from({ length: model.labels.classes }, (_, label) => label);
  const note = element("p", { className: "note", ariaLive: "polite" });
  const rows = labels.map((label) => ({
    name: element("span", {}, className(model, label)), fill: element("i", {}), share: element("span", {}, "–"),
  }));
  const bars = element("div", { className: "bars" }, ...rows.flatMap((row) => [row.name, element("div", { className: "bar" }, row.fill), row.share]));

  const update = latest(async () => {
    const begin = performance.now();
    const context = chosenContext ? { context: chosenContext.get() } : {};
    // A request for each class, so that the noise of dequantisation, which follows from the row, is the same in all.
    const asked = labels.map((label) => ask(model, "log_prob", { x: [pad.image], labels: [label], ...context }));
    const scores = (await Promise.all(asked)).map((answer) => answer.log_prob[0] ?? -Infinity);
    const joint = scores.map((score, label) => score + model.examples.log_prior[label]);
    const most = Math.max(...joint);
    const weights = joint.map((value) => Math.exp(value - most));
    const total = weights.reduce((sum, value) => sum + value, 0);
    rows.forEach((row, label) => {
      const share = weights[label] / total;
      row.fill.style.width = `${100 * share}%`;
      row.share.textContent = share > 0.9995 ? "100 %" : `${(100 * share).toFixed(1)} %`;
      for (const part of [row.name, row.share]) part.className = joint[label] === most ? "most" : "";
    });
    const best = joint.indexOf(most);
    note.textContent = `Most likely: ${className(model, best)}. log p(x|y) there: ${scores[best].toFixed(1)} nats. ${Math.round(performance.now() - begin)} ms`;
    bars.dataset.best = String(best);
    page.done();
  }, page.failed);

  const pad = new Pad(model, { begin: "known", changed: update });
  const chosenContext = contexts(model, update);
  page.root.replaceChildren(element("div", { className: "columns" },
    element("section", {},
      element("h2", {}, "Draw an image"), pad.canvas, ...pad.tools(),
      element("div", { className: "row" }, button("Clear", () => pad.clear())),
      model.examples.x.length ? strip(model, "Or take a test example", -1, (picked) => pad.set(model.examples.x[picked])) : null),
    element("section", {},
      element("h2", {}, "p(y|x)"), bars, note, chosenContext,
      element("p", { className: "note" }, `By Bayes' rule from ${model.class_of_score.replace("p(x)", "p(x|y)")} and the frequencies of the classes. A drawing that looks like no training image gets some class all the same.`))));
}
