// Elements of the page: built by short calls, with names for screen readers and keys for the keyboard.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && name !== "style") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function slider({ name, low, high, step, value, change }) {
  const shown = element("output", {}, text(value));
  const input = element("input", { type: "range", min: low, max: high, step, value });
  input.addEventListener("input", () => {
    shown.textContent = text(Number(input.value));
    change(Number(input.value));
  });
  const made = element("label", { className: "slider" }, element("span", {}, name), input, shown);
  made.set = (number) => { input.value = number; shown.textContent = text(number); };
  made.get = () => Number(input.value);
  return made;
}

export function number({ name, low, high, value, change }) {
  const input = element("input", { type: "number", min: low, max: high, step: 1, value });
  input.addEventListener("change", () => {
    const asked = Math.round(Number(input.value)) || 0;
    input.value = Math.min(high, Math.max(low, asked));
    change(Number(input.value));
  });
  const made = element("label", {}, `${name} `, input);
  made.get = () => Number(input.value);
  made.set = (wanted) => { input.value = wanted; };
  return made;
}

export function choice({ name, options, value, change }) {
  const input = element("select", {}, ...options.map((option) => element("option", { value: option }, option)));
  input.value = value;
  input.addEventListener("change", () => change(input.value));
  const made = element("label", {}, `${name} `, input);
  made.get = () => input.value;
  return made;
}

// A row of buttons of which one is pressed.
export function buttons({ name, options, value, change }) {
  const row = element("div", { className: "row", role: "group", ariaLabel: name }, element("span", {}, name));
  let pressed = value;
  const made = options.map(([key, title]) => {
    const button = element("button", { type: "button", ariaPressed: String(key === pressed) }, title);
    button.addEventListener("click", () => {
      pressed = key;
      for (const [index, other] of made.entries()) other.ariaPressed = String(options[index][0] === key);
      change(key);
    });
    return button;
  });
  row.append(...made);
  row.get = () => pressed;
  return row;
}

export function button(title, click, className = "") {
  const made = element("button", { type: "button", className }, title);
  made.addEventListener("click", click);
  return made;
}

// The command that makes the same outside of the page, with a button that copies it.
export function command() {
  const code = element("code", {});
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  const made = element("div", { className: "command" }, code, copy);
  made.show = (line) => { code.textContent = line; };
  return made;
}

export const quoted = (word) => (/^[\w./:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// The command that sends a request and writes the answer into a file.
export function curl(model, endpoint, fields, file) {
  const path = `${location.origin}/v1/models/${encodeURIComponent(model.name)}/${endpoint}`;
  return `curl --json ${quoted(JSON.stringify(fields))} ${quoted(path)} --output ${file}`;
}

export function text(value) {
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(4)).toString();
}

// Buttons for the classes of a conditional model; null for another.
export function classes(model, change, withAll = false) {
  if (!model.labels) return null;
  const names = Array.from({ length: model.labels.classes }, (_, label) => [label, className(model, label)]);
  const extra = [...(withAll ? [["all", "all"]] : []), ...(model.labels.optional ? [[-1, "none"]] : [])];
  const options = [...extra, ...names];
  return buttons({ name: "Class", options, value: options[0][0], change });
}

export function className(model, label) {
  return model.labels?.names ? model.labels.names[label] : String(label);
}

// Sliders for the numbers that a model is given; null for a model without.
export function contexts(model, change) {
  if (!model.context) return null;
  const known = model.examples.context ?? [];
  const group = element("div", {}, element("h2", {}, "Given"));
  const made = model.context.map((name, column) => {
    const values = known.map((row) => row[column]);
    const low = values.length ? Math.min(...values) : -3;
    const high = values.length ? Math.max(...values) : 3;
    const middle = values.length ? [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] : 0;
    const whole = values.length > 0 && values.every(Number.isInteger);
    const step = whole ? 1 : (high - low) / 200 || 1;
    return slider({ name, low, high, step, value: middle, change });
  });
  group.append(...made);
  group.get = () => made.map((entry) => entry.get());
  return group;
}

// Fields of a request for the class and the context that are chosen.
export function given(model, chosenClass, chosenContext) {
  return {
    ...(chosenClass && chosenClass.get() !== "all" ? { labels: [chosenClass.get()] } : {}),
    ...(chosenContext ? { context: chosenContext.get() } : {}),
  };
}
