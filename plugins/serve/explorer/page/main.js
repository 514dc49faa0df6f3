// The page: which model, which view of it; the address keeps both, so that a view can be linked to.

import { get } from "./api.js";
import * as between from "./between.js";
import * as classify from "./classify.js";
import * as complete from "./complete.js";
import { element } from "./elements.js";
import * as field from "./field.js";
import * as latent from "./latent.js";
import * as sampling from "./sampling.js";

const VIEWS = { latent, between, field, complete, classify, samples: sampling };
const models = new Map();
const part = (id) => document.getElementById(id);

const page = {
  root: part("view"),
  failed(error) { part("status").className = "error"; part("status").textContent = error.message; },
  done() { part("status").className = ""; part("status").textContent = ""; },
  async tried(work) {
    try {
      const found = await work();
      page.done();
      return found;
    } catch (error) {
      page.failed(error);
      return null;
    }
  },
};

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

async function show() {
  const hash = location.hash;
  const [asked, view] = hash.slice(1).split("|").map(decoded);
  const name = models.has(asked) ? asked : models.keys().next().value;
  part("model").value = name;
  const model = models.get(name) ?? await page.tried(() => get(`/explore/models/${encodeURIComponent(name)}`));
  if (!model || location.hash !== hash) return; // another one was chosen meanwhile
  models.set(name, model);
  part("about").textContent = `${model.summary} Data: ${model.data.name}.${model.examples.missing ? ` Without test examples: ${model.examples.missing}` : ""}`;
  const fitting = Object.keys(VIEWS).filter((key) => VIEWS[key].fits(model));
  const chosen = fitting.includes(view) ? view : fitting[0];
  part("views").replaceChildren(...fitting.map((key) => {
    const tab = element("button", { type: "button", role: "tab", ariaSelected: String(key === chosen), id: `view-${key}` }, VIEWS[key].title);
    tab.addEventListener("click", () => { location.hash = `${encodeURIComponent(name)}|${key}`; });
    return tab;
  }));
  document.title = `${name}: ${chosen ? VIEWS[chosen].title : "nothing to show"} – tfgen explorer`;
  if (chosen) VIEWS[chosen].build(model, page);
  else page.root.replaceChildren("This model offers nothing that the page can show.");
  page.root.dataset.shown = hash;
}

async function begin() {
  const found = await page.tried(() => get("/explore/models"));
  if (!found) return;
  for (const { name, model } of found) {
    models.set(name, null);
    part("model").append(element("option", { value: name }, `${name} (${model})`));
  }
  part("model").addEventListener("change", () => { location.hash = encodeURIComponent(part("model").value); });
  window.addEventListener("hashchange", show);
  await show();
}

begin();
