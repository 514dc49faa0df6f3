// Images on canvases: grey levels 0 .. levels - 1, of one channel or three, pixel for pixel as the model made them.

import { element } from "./elements.js";

export function canvasFor(model, className = "image") {
  const [height, width] = model.data.shape;
  return element("canvas", { width, height, className });
}

export function paint(canvas, image, levels) {
  const [height, width] = [image.length, image[0].length];
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const scale = 255 / (levels - 1);
  let place = 0;
  for (const row of image) {
    for (const pixel of row) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels.data[place + channel] = Math.round((pixel[channel] ?? pixel[0]) * scale);
      }
      pixels.data[place + 3] = 255;
      place += 4;
    }
  }
  context.putImageData(pixels, 0, 0);
}

// Pictures in a grid, each a canvas of its own with a caption.
export function figures(images, levels, captions = []) {
  return images.map((image, index) => {
    const canvas = element("canvas", { className: "image" });
    paint(canvas, image, levels);
    const caption = captions[index];
    if (caption === undefined) return element("figure", {}, canvas);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", caption);
    return element("figure", {}, canvas, element("figcaption", {}, caption));
  });
}

// Writes canvases side by side, `columns` in a row, into a file of the browser's downloads.
export function download(canvases, columns, name) {
  const [width, height] = [canvases[0].width, canvases[0].height];
  const sheet = document.createElement("canvas");
  sheet.width = Math.min(columns, canvases.length) * width;
  sheet.height = Math.ceil(canvases.length / columns) * height;
  const context = sheet.getContext("2d");
  canvases.forEach((canvas, index) => {
    context.drawImage(canvas, (index % columns) * width, Math.floor(index / columns) * height);
  });
  sheet.toBlob((blob) => {
    const link = element("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
