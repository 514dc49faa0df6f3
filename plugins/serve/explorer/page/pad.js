// A pad to draw an image on, pixel by pixel, with pixels that are known and pixels that are not.

import { buttons, element, slider } from "./elements.js";

const HATCH = [[96, 112, 160], [128, 144, 192]];

export class Pad {
  // begin: "known" for a black image, "unknown" for one of which nothing is known; changed: called after each change.
  constructor(model, { begin, changed }) {
    [this.height, this.width, this.channels] = model.data.shape;
    this.most = model.data.levels - 1;
    this.begin = begin;
    this.changed = changed;
    this.tool = "draw";
    this.radius = Math.max(1, this.width / 20);
    this.colour = Array(this.channels).fill(this.most);
    this.at = [Math.floor(this.height / 2), Math.floor(this.width / 2)];
    this.canvas = element("canvas", {
      width: this.width, height: this.height, className: "image touch", tabIndex: 0, role: "application",
      ariaLabel: "drawing; arrow keys move the brush, the space bar draws",
    });
    this.canvas.style.width = "18rem";
    this.canvas.addEventListener("pointerdown", (event) => { this.canvas.setPointerCapture(event.pointerId); this.last = null; this.#stroke(event); });
    this.canvas.addEventListener("pointermove", (event) => { if (event.buttons) this.#stroke(event); });
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.clear(false);
  }

  tools() {
    const erase = this.begin === "unknown" ? "forget" : "erase";
    const options = [["draw", "draw"], ...(this.begin === "unknown" ? [["black", "draw black"]] : []), [erase, erase]];
    const parts = [
      buttons({ name: "Tool", options, value: "draw", change: (tool) => { this.tool = tool; } }),
      slider({ name: "brush", low: 0.5, high: this.width / 4, step: 0.5, value: this.radius, change: (value) => { this.radius = value; } }),
    ];
    if (this.channels === 3) {
      const input = element("input", { type: "color", value: "#ffffff" });
      input.addEventListener("input", () => {
        this.colour = [1, 3, 5].map((from) => Math.round((parseInt(input.value.slice(from, from + 2), 16) * this.most) / 255));
      });
      parts.push(element("label", {}, "Colour ", input));
    }
    return parts;
  }

  clear(tell = true) {
    this.image = grid(this.height, this.width, () => Array(this.channels).fill(0));
    this.known = grid(this.height, this.width, () => this.begin === "known");
    this.#draw();
    if (tell) this.changed();
  }

  set(image) {
    this.image = image.map((row) => row.map((pixel) => [...pixel]));
    this.known = grid(this.height, this.width, () => true);
    this.#draw();
    this.changed();
  }

  // Makes pixels unknown for which inside(row, column) is true.
  forget(inside) {
    this.known = this.known.map((row, y) => row.map((known, x) => known && !inside(y, x)));
    this.#draw();
    this.changed();
  }

  #stroke(event) {
    const box = this.canvas.getBoundingClientRect();
    const to = [((event.clientY - box.top) / box.height) * this.height - 0.5, ((event.clientX - box.left) / box.width) * this.width - 0.5];
    const from = this.last ?? to;
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) * 2));
    for (let k = 1; k <= steps; k += 1) {
      this.#dab(from[0] + ((to[0] - from[0]) * k) / steps, from[1] + ((to[1] - from[1]) * k) / steps);
    }
    this.last = to;
    this.#draw();
    this.changed();
  }

  #dab(y, x) {
    const reach = Math.ceil(this.radius);
    for (let row = Math.max(0, Math.round(y) - reach); row <= Math.min(this.height - 1, Math.round(y) + reach); row += 1) {
      for (let column = Math.max(0, Math.round(x) - reach); column <= Math.min(this.width - 1, Math.round(x) + reach); column += 1) {
        const share = Math.min(1, Math.max(0, this.radius + 0.5 - Math.hypot(row - y, column - x)));
        if (share > 0) this.#touch(row, column, share);
      }
    }
  }

  #touch(row, column, share) {
    if (this.tool === "forget") {
      if (share > 0.5) this.known[row][column] = false;
      return;
    }
    const clears = this.tool === "erase" || this.tool === "black";
    const pixel = this.known[row][column] ? this.image[row][column] : Array(this.channels).fill(0);
    this.image[row][column] = pixel.map((value, channel) => {
      if (clears) return Math.round(value * (1 - share));
      return Math.round(Math.max(value, 0) + share * (this.colour[channel] - value) * (this.colour[channel] > value || this.channels === 3 ? 1 : 0));
    });
    this.known[row][column] = true;
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    const pixels = context.createImageData(this.width, this.height);
    for (let row = 0; row < this.height; row += 1) {
      for (let column = 0; column < this.width; column += 1) {
        const place = 4 * (row * this.width + column);
        const known = this.known[row][column];
        for (let channel = 0; channel < 3; channel += 1) {
          const value = this.image[row][column][this.channels === 3 ? channel : 0];
          pixels.data[place + channel] = known ? Math.round((255 * value) / this.most) : HATCH[(row + column) % 2][channel];
        }
        pixels.data[place + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  }

  #key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (step) {
      const inside = (value, side) => Math.min(side - 1, Math.max(0, value));
      this.at = [inside(this.at[0] + step[0], this.height), inside(this.at[1] + step[1], this.width)];
      this.#draw();
      const context = this.canvas.getContext("2d");
      context.fillStyle = "#e33";
      context.fillRect(this.at[1], this.at[0], 1, 1);
    } else {
      this.#dab(...this.at);
      this.#draw();
      this.changed();
    }
  }
}

function grid(height, width, value) {
  return Array.from({ length: height }, () => Array.from({ length: width }, value));
}
