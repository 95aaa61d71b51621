/**
 * Tools of an ImageView that work on whole faces, see canvas.js.
 *
 *   new BoxTool(view, (box) => ...)                           draws a box: [x0, y0, x1, y1] in image coordinates
 *   new PlaceTool(view, { place(position), end(position) })   sets a point where the pointer is
 *   new FaceTool(view, { faces, current, choose(f), change(f, points), end(f, before, label) })
 *                                                             moves, scales and turns all points of the current face
 *
 * BoxTool and FaceTool have a method layer(context), which draws the box or the handles.
 */

import { faceBox } from "./shared/drawing.js";
import { transformed } from "./faces.js";

const COLOR = "#ff6ac1";
const MIN_SIDE = 8; // CSS pixels of a box
const HANDLE = 7; // CSS pixels
const REACH = { mouse: 14, pen: 16, touch: 26 }; // CSS pixels
const TURN_DISTANCE = 34; // CSS pixels from the box to the handle that turns
const MARGIN = 12; // CSS pixels between the points and their frame

export class BoxTool {
  #view;
  #onbox;
  #corners = null; // image coordinates

  constructor(view, onbox) {
    [this.#view, this.#onbox] = [view, onbox];
  }

  down(position) {
    const corner = this.#view.toImage(position);
    this.#corners = [corner, corner];
    return true;
  }

  move(position) {
    this.#corners = [this.#corners[0], this.#view.toImage(position)];
    this.#view.requestDraw();
  }

  up() {
    const [[ax, ay], [bx, by]] = this.#corners;
    this.cancel();
    const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    const smallest = MIN_SIDE / this.#view.scale;
    if (box[2] - box[0] >= smallest && box[3] - box[1] >= smallest) this.#onbox(box);
  }

  cancel() {
    this.#corners = null;
    this.#view.requestDraw();
  }

  // Without a mouse: a box in the middle of the view.
  key(event) {
    if (event.key !== "Enter") return false;
    const [width, height] = this.#view.size;
    const side = Math.min(width, height) / 4;
    const corners = [-1, 1].map((sign) => this.#view.toImage([width / 2 + sign * side, height / 2 + sign * side]));
    this.#onbox(corners.flat());
    return true;
  }

  layer(context) {
    if (!this.#corners) return;
    const [[x0, y0], [x1, y1]] = this.#corners.map((corner) => this.#view.toScreen(corner));
    context.lineWidth = 2;
    context.strokeStyle = COLOR;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
}

export class PlaceTool {
  #view;
  #options;

  constructor(view, options) {
    [this.#view, this.#options] = [view, options];
  }

  down(position) {
    return this.#options.place(this.#view.toImage(position));
  }

  move(position) {
    this.#options.place(this.#view.toImage(position));
  }

  up(position) {
    this.#options.end(this.#view.toImage(position));
  }

  cancel() {
    this.#options.end(null);
  }
}

export class FaceTool {
  #view;
  #options;
  #drag = null; // {kind, face, before, center, start}

  constructor(view, options) {
    [this.#view, this.#options] = [view, options];
  }

  down(position, event) {
    const { faces, current, choose } = this.#options;
    const reach = REACH[event?.pointerType] ?? REACH.mouse;
    let [face, kind] = [current(), this.#hit(faces()[current()], position, reach)];
    if (!kind) {
      face = faces().findIndex((other) => this.#hit(other, position, 0) === "move");
      if (face < 0) return false;
      choose(face);
      kind = "move";
    }
    const { points } = faces()[face];
    const [x0, y0, x1, y1] = faceBox(faces()[face]);
    this.#drag = { kind, face, before: points, center: [(x0 + x1) / 2, (y0 + y1) / 2], start: this.#view.toImage(position), moved: false };
    return true;
  }

  move(position) {
    const { kind, face, before, center, start } = this.#drag;
    const now = this.#view.toImage(position);
    const [a, b] = [start, now].map(([x, y]) => [x - center[0], y - center[1]]);
    const change = {
      move: () => ({ move: [now[0] - start[0], now[1] - start[1]] }),
      scale: () => ({ scale: Math.max(0.05, Math.hypot(...b) / Math.max(1e-6, Math.hypot(...a))) }),
      turn: () => ({ turn: ((Math.atan2(b[1], b[0]) - Math.atan2(a[1], a[0])) * 180) / Math.PI }),
    }[kind]();
    this.#drag.moved = true;
    this.#options.change(face, transformed(before, change, center));
  }

  up() {
    const drag = this.#drag;
    this.#drag = null;
    const labels = { move: "Move face", scale: "Scale face", turn: "Turn face" };
    if (drag?.moved) this.#options.end(drag.face, drag.before, labels[drag.kind]);
  }

  cancel() {
    if (this.#drag) this.#options.change(this.#drag.face, this.#drag.before);
    this.#drag = null;
  }

  layer(context) {
    const face = this.#options.faces()[this.#options.current()];
    const frame = this.#frame(face);
    if (!frame) return;
    const [x0, y0, x1, y1] = frame;
    context.lineWidth = 2;
    context.strokeStyle = COLOR;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    const top = [(x0 + x1) / 2, y0];
    const handle = this.#turnHandle(frame);
    context.beginPath();
    context.moveTo(...top);
    context.lineTo(...handle);
    context.stroke();
    context.fillStyle = "#fff";
    for (const [x, y] of [...this.#corners(frame), handle]) {
      context.beginPath();
      context.arc(x, y, HANDLE, 0, 7);
      context.fill();
      context.stroke();
    }
  }

  #frame(face) {
    if (!face?.points.some(Boolean)) return null;
    const [x0, y0, x1, y1] = faceBox(face);
    const [[left, top], [right, bottom]] = [[x0, y0], [x1, y1]].map((corner) => this.#view.toScreen(corner));
    return [left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN];
  }

  #corners([x0, y0, x1, y1]) {
    return [[x0, y0], [x1, y0], [x0, y1], [x1, y1]];
  }

  // Above the frame, or below it where there is no room.
  #turnHandle([x0, y0, x1, y1]) {
    return [(x0 + x1) / 2, y0 > TURN_DISTANCE + HANDLE ? y0 - TURN_DISTANCE : y1 + TURN_DISTANCE];
  }

  #hit(face, [x, y], reach) {
    const frame = this.#frame(face);
    if (!frame) return null;
    const isNear = ([hx, hy]) => Math.hypot(hx - x, hy - y) <= reach;
    if (isNear(this.#turnHandle(frame))) return "turn";
    if (this.#corners(frame).some(isNear)) return "scale";
    return x >= frame[0] && x <= frame[2] && y >= frame[1] && y <= frame[3] ? "move" : null;
  }
}
