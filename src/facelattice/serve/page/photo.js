/**
 * An opened image: its pixels, its paint, and the results of the models.
 *
 *   const photo = await Photo.open(file, "name.jpg")        throws an Error with a message for the user
 *   await photo.image()                                     a canvas to show, at most 4096 px large
 *   await photo.painted()                                   the same with the paint
 *   await photo.encode()                                    {body, scale}: what is sent to the server
 *   photo.width, photo.height                               of the file; faces are in these pixels
 *   photo.key(settings)                                     the results are stored by this key, see `results`
 *   photo.knownFaces(settings, faces)                       the same faces as another minimum score gave them
 *
 * Canvases need much memory, so only those of the last images are kept; the others are decoded again.
 */

import { createCanvas, copyCanvas, toBlob } from "./dom.js";

const MAX_FILE_BYTES = 60e6;
const MAX_SHOWN_SIDE = 4096;
const MAX_SENT_SIDE = 1600;
const THUMBNAIL_SIDE = 128;
const NUM_KEPT = 4;
const MAX_SAME = 1; // pixels between the sides of boxes of the same face
const PAINT_COLOR = "#8a7a6c";

const kept = []; // the photos whose canvas is in memory, the newest first

export class Photo {
  kind = "image";
  badge = "";
  tone = null;
  note = "";
  problem = ""; // shown together with the result
  strokes = []; // {width, points}, in pixels of the file
  results = new Map();
  failures = new Map();
  #file;
  #canvas = null;
  #found = []; // {key, box, face}: all faces, with the box that was found

  static async open(file, name) {
    if (file.size > MAX_FILE_BYTES) throw new Error(`${name} is larger than 60 MB. Make it smaller first.`);
    const photo = new Photo(file, name);
    const canvas = await photo.image();
    const scale = THUMBNAIL_SIDE / Math.min(canvas.width, canvas.height);
    const side = (length) => Math.max(1, Math.round(Math.min(length * scale, 4 * THUMBNAIL_SIDE)));
    photo.thumbnail = createCanvas(side(canvas.width), side(canvas.height));
    photo.thumbnail.getContext("2d").drawImage(canvas, 0, 0, photo.thumbnail.width, photo.thumbnail.height);
    return photo;
  }

  constructor(file, name) {
    this.#file = file;
    this.name = name;
  }

  key({ model, minScore }) {
    return `${minScore}|${this.#imageKey(model)}`;
  }

  #imageKey(model) {
    return `${model}|${this.strokes.map(({ id }) => id).join(" ")}`;
  }

  // Faces that were found before, with another minimum score, are the same objects: the user may have changed them.
  knownFaces({ model }, faces) {
    const key = this.#imageKey(model);
    return faces.map((face) => {
      const isSame = (other) => other.key === key && other.box.every((value, k) => Math.abs(value - face.box[k]) < MAX_SAME);
      const known = this.#found.find(isSame) ?? { key, box: face.box, face };
      if (known.face === face) this.#found.push(known);
      return known.face;
    });
  }

  async image() {
    if (!this.#canvas) {
      const bitmap = await createImageBitmap(this.#file).catch(() => {
        throw new Error(`${this.name} cannot be read: it is damaged, or this browser does not support its format.`);
      });
      [this.width, this.height] = [bitmap.width, bitmap.height];
      this.#canvas = scaledCanvas(bitmap, MAX_SHOWN_SIDE);
      bitmap.close();
    }
    const at = kept.indexOf(this);
    if (at >= 0) kept.splice(at, 1);
    kept.unshift(this);
    for (const photo of kept.splice(NUM_KEPT)) photo.#canvas = null;
    return this.#canvas;
  }

  async painted() {
    const image = await this.image();
    if (!this.strokes.length) return image;
    const canvas = copyCanvas(image);
    const context = canvas.getContext("2d");
    context.scale(canvas.width / this.width, canvas.height / this.height);
    this.drawPaint(context);
    return canvas;
  }

  // Draws the paint in pixels of the file.
  drawPaint(context) {
    context.strokeStyle = PAINT_COLOR;
    context.lineCap = context.lineJoin = "round";
    for (const { width, points } of this.strokes) {
      context.lineWidth = width;
      context.beginPath();
      points.forEach(([x, y], i) => (i ? context.lineTo(x + 0.5, y + 0.5) : context.moveTo(x + 0.5, y + 0.5)));
      if (points.length === 1) context.lineTo(points[0][0] + 0.5, points[0][1] + 0.5);
      context.stroke();
    }
  }

  // scale: pixels of the sent image per pixel of the file, along x and y; each side is rounded by itself.
  async encode() {
    const canvas = scaledCanvas(await this.painted(), MAX_SENT_SIDE);
    return { body: await toBlob(canvas), scale: [canvas.width / this.width, canvas.height / this.height] };
  }
}

function scaledCanvas(image, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height));
  const canvas = createCanvas(Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
