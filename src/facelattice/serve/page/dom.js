// Short helpers for elements and canvases.

export const $ = (id) => document.getElementById(id);

export function createCanvas(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

export function copyCanvas(source) {
  const canvas = createCanvas(source.width, source.height);
  canvas.getContext("2d").drawImage(source, 0, 0);
  return canvas;
}

export function toBlob(canvas, type = "image/jpeg", quality = 0.92) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}
