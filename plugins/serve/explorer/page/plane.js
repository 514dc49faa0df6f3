// A plane with points and a cross that the pointer or the arrow keys move.

import { element } from "./elements.js";

export const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
const SIDE = 420;

export class Plane {
  // frame: {x: [low, high], y: [low, high]}; moved: called with the new place of the cross.
  constructor({ frame, moved, label }) {
    this.frame = frame;
    this.moved = moved;
    this.place = [(frame.x[0] + frame.x[1]) / 2, (frame.y[0] + frame.y[1]) / 2];
    this.points = [];
    this.labels = null;
    this.picture = null;
    const ratio = window.devicePixelRatio || 1;
    this.canvas = element("canvas", {
      width: SIDE * ratio, height: SIDE * ratio, tabIndex: 0, className: "touch", role: "application", ariaLabel: label,
    });
    this.canvas.style.width = `${SIDE}px`;
    this.canvas.style.aspectRatio = "1";
    this.canvas.addEventListener("pointerdown", (event) => { this.canvas.setPointerCapture(event.pointerId); this.#point(event); });
    this.canvas.addEventListener("pointermove", (event) => { if (event.buttons) this.#point(event); });
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  // Draws anew: a picture behind, points, the cross.
  draw() {
    const context = this.canvas.getContext("2d");
    const [width, height] = [this.canvas.width, this.canvas.height];
    context.clearRect(0, 0, width, height);
    if (this.picture) {
      context.imageSmoothingEnabled = true;
      context.drawImage(this.picture, 0, 0, width, height);
    }
    context.globalAlpha = 0.75;
    const size = Math.max(2, width / 140);
    this.points.forEach((point, index) => {
      context.fillStyle = this.labels ? COLOURS[this.labels[index] % COLOURS.length] : this.colour ?? COLOURS[0];
      const [x, y] = this.#pixel(point);
      context.fillRect(x - size / 2, y - size / 2, size, size);
    });
    context.globalAlpha = 1;
    this.canvas.dataset.points = String(this.points.length);
    const [x, y] = this.#pixel(this.place);
    const arm = width / 30;
    for (const [colour, thick] of [["#fff", 5], ["#111", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = (thick * width) / SIDE;
      context.beginPath();
      context.moveTo(x - arm, y); context.lineTo(x + arm, y);
      context.moveTo(x, y - arm); context.lineTo(x, y + arm);
      context.stroke();
    }
  }

  move(place) {
    const inside = ([low, high], value) => Math.min(high, Math.max(low, value));
    this.place = [inside(this.frame.x, place[0]), inside(this.frame.y, place[1])];
    this.draw();
    this.moved(this.place);
  }

  #pixel([x, y]) {
    const along = ([low, high], value) => (value - low) / (high - low);
    return [along(this.frame.x, x) * this.canvas.width, (1 - along(this.frame.y, y)) * this.canvas.height];
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    const between = ([low, high], share) => low + share * (high - low);
    this.move([between(this.frame.x, across), between(this.frame.y, 1 - down)]);
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!steps) return;
    event.preventDefault();
    const share = event.shiftKey ? 0.1 : 0.02;
    const [x, y] = this.place;
    const [width, height] = [this.frame.x, this.frame.y].map(([low, high]) => high - low);
    this.move([x + steps[0] * share * width, y + steps[1] * share * height]);
  }
}

export function frameOf(points, least = 0) {
  const side = (column) => {
    const values = points.map((point) => point[column]);
    const [low, high] = [Math.min(...values, -least), Math.max(...values, least)];
    const room = 0.05 * (high - low) || 1;
    return [low - room, high + room];
  };
  return { x: side(0), y: side(1) };
}
