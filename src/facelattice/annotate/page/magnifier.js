/**
 * A magnified part of the image around a point, in a corner of the view: fingers and points hide what is under them.
 *
 *   const magnifier = new Magnifier(view);
 *   magnifier.layer(context, { image, imageScale, position, face })
 *
 * `imageScale`: pixels of `image` per pixel of the coordinates. `position` and the points of `face` are in image
 * coordinates.
 */

const ZOOM = 3; // times the scale of the view
const MIN_SCALE = 3; // CSS pixels per image pixel
const MAX_SCALE = 24;

export class Magnifier {
  #view;

  constructor(view) {
    this.#view = view;
  }

  layer(context, { image, imageScale, position, face }) {
    const [width, height] = this.#view.size;
    const side = Math.min(170, width * 0.36, height * 0.36);
    const [px, py] = this.#view.toScreen(position);
    const left = px < width / 2 ? width - side - 8 : 8;
    const top = py < height / 2 && Math.abs(px - width / 2) < width / 6 ? height - side - 8 : 8;
    const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, ZOOM * this.#view.scale));
    const span = side / scale; // image pixels
    const [x0, y0] = [position[0] + 0.5 - span / 2, position[1] + 0.5 - span / 2];
    const toMagnifier = ([x, y]) => [left + (x + 0.5 - x0) * scale, top + (y + 0.5 - y0) * scale];
    context.beginPath();
    context.rect(left, top, side, side);
    context.fillStyle = "#000";
    context.fill();
    context.save();
    context.clip();
    context.imageSmoothingEnabled = scale < 8;
    const source = [x0, y0, span, span].map((value) => value * imageScale);
    context.drawImage(image, ...source, left, top, side, side);
    for (const point of face.points) {
      if (!point || (point[0] === position[0] && point[1] === position[1])) continue;
      context.beginPath();
      context.arc(...toMagnifier(point), 2.5, 0, 7);
      context.fillStyle = "rgb(64 208 255)";
      context.fill();
    }
    const [x, y] = toMagnifier(position);
    for (const [color, lineWidth] of [["rgb(0 0 0 / 0.8)", 3], ["#ff6ac1", 1]]) {
      context.strokeStyle = color;
      context.lineWidth = lineWidth;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 4 * dx, y + 4 * dy);
        context.lineTo(x + 18 * dx, y + 18 * dy);
      }
      context.stroke();
    }
    context.restore();
    context.lineWidth = 2;
    context.strokeStyle = "#fff";
    context.strokeRect(left, top, side, side);
  }
}
