/**
 * Selects, drags and nudges points: a tool of an ImageView, see canvas.js.
 *
 *   const editor = new PointEditor(view, {
 *     faces: () => faces,                     the faces that are shown; their `points` are changed in place
 *     isShown: (face, i) => true,             points that are not shown cannot be selected
 *     isEditable: () => true,                 otherwise points can only be selected
 *     onselect(selected) {...},               {face, point}: two indices, or null
 *     onhover(found) {...},                   the point under the mouse, or null
 *     onchange({ face, before, after, label, key }) {...},   after a drag or a nudge; before, after: lists of points
 *   });
 *   view.tool = editor;
 *   editor.select({ face: 0, point: 30 }), editor.selectNext(1), editor.selected
 *   nearestPoint(view, faces, position, isShown, maxDistance)    {face, point} or null
 *
 * Keys: where points can be moved, an arrow moves the selected one by one pixel, with Shift by ten; N and P select the
 * next and the previous point. Otherwise arrows select. `key` of a change is the same for all nudges of one point, so
 * that the history can merge them. Escape ends the selection, and restores the points of a drag in progress.
 */

const HIT_DISTANCE = { mouse: 12, pen: 14, touch: 24 }; // CSS pixels
const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export function nearestPoint(view, faces, [x, y], isShown = () => true, maxDistance = HIT_DISTANCE.mouse) {
  let best = null;
  faces.forEach((face, f) => {
    face.points.forEach((point, i) => {
      if (!point || !isShown(face, i)) return;
      const [px, py] = view.toScreen(point);
      const distance = Math.hypot(px - x, py - y);
      if (distance < (best?.distance ?? maxDistance)) best = { face: f, point: i, distance };
    });
  });
  return best && { face: best.face, point: best.point };
}

const copyPoints = (points) => points.map((point) => point && [...point]);

export class PointEditor {
  selected = null;
  #view;
  #options;
  #drag = null; // {before, offset, moved}

  constructor(view, options) {
    this.#view = view;
    this.#options = { isShown: () => true, isEditable: () => true, onselect() {}, onhover() {}, onchange() {}, ...options };
  }

  select(selected) {
    this.selected = selected;
    this.#options.onselect(selected);
    this.#view.requestDraw();
  }

  selectNext(step) {
    const faces = this.#options.faces();
    const all = faces.flatMap((face, f) =>
      face.points.flatMap((point, i) => (point && this.#options.isShown(face, i) ? [{ face: f, point: i }] : [])),
    );
    if (!all.length) return;
    const current = all.findIndex(({ face, point }) => face === this.selected?.face && point === this.selected?.point);
    const start = current < 0 && step < 0 ? 0 : current; // without a selection: to the first or the last point
    this.select(all[(start + step + all.length) % all.length]);
    this.#view.reveal(this.#selectedPoint());
  }

  down(position, event) {
    this.cancel();
    const found = this.#find(position, event);
    this.select(found);
    if (!found || !this.#options.isEditable()) return Boolean(found);
    const [px, py] = this.#view.toScreen(this.#selectedPoint());
    this.#drag = {
      before: copyPoints(this.#selectedFace().points),
      offset: [px - position[0], py - position[1]], // the point does not jump to the pointer
      moved: false,
    };
    return true;
  }

  move([x, y]) {
    if (!this.#drag) return;
    const [dx, dy] = this.#drag.offset;
    this.#setPoint(this.#view.toImage([x + dx, y + dy]));
    this.#drag.moved = true;
  }

  up() {
    const drag = this.#drag;
    this.#drag = null;
    if (drag?.moved) this.#changed(drag.before, null);
  }

  cancel() {
    if (!this.#drag) return;
    this.#selectedFace().points = this.#drag.before;
    this.#drag = null;
    this.#view.requestDraw();
  }

  hover(position, event) {
    this.#options.onhover(this.#find(position, event));
  }

  leave() {
    this.#options.onhover(null);
  }

  key(event) {
    const step = STEPS[event.key];
    const letter = { n: 1, p: -1 }[event.key.toLowerCase()];
    if (event.key === "Escape" && (this.selected || this.#drag)) {
      this.cancel();
      this.select(null);
    } else if (step && this.#options.isEditable() && this.#selectedPoint()) {
      this.#nudge(step, event.shiftKey ? 10 : 1);
    } else if (letter) {
      this.selectNext(letter);
    } else if (step && !event.shiftKey && !this.#options.isEditable()) {
      this.selectNext(step[0] + step[1]);
    } else {
      return false;
    }
    return true;
  }

  #nudge([dx, dy], pixels) {
    const before = copyPoints(this.#selectedFace().points);
    const [x, y] = this.#selectedPoint();
    this.#setPoint([x + (this.#view.mirrored ? -dx : dx) * pixels, y + dy * pixels]);
    this.#view.reveal(this.#selectedPoint());
    this.#changed(before, `nudge ${this.selected.face} ${this.selected.point}`);
  }

  #setPoint(position) {
    const face = this.#selectedFace();
    face.points = face.points.map((point, i) => (i === this.selected.point ? position : point));
    this.#view.requestDraw();
  }

  #changed(before, key) {
    const face = this.#selectedFace();
    const label = `Move point ${this.selected.point}`;
    this.#options.onchange({ face, before, after: copyPoints(face.points), label, key });
  }

  #find(position, event) {
    const distance = HIT_DISTANCE[event?.pointerType] ?? HIT_DISTANCE.mouse;
    return nearestPoint(this.#view, this.#options.faces(), position, this.#options.isShown, distance);
  }

  #selectedFace() {
    return this.#options.faces()[this.selected?.face];
  }

  #selectedPoint() {
    return this.#selectedFace()?.points[this.selected.point];
  }
}
