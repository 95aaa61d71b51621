/**
 * Paints over the face: a tool of an ImageView.
 *
 *   const brush = new Brush(view, { photo: () => photo, width: () => pixels, selected: () => [x, y], onstroke(photo, stroke) });
 *   view.tool = brush;
 *
 * A stroke is {id, width, points} in pixels of the file. While it is drawn, it is the last one of photo.strokes; then
 * `onstroke` is called. Enter and the space bar paint over the selected point.
 */

let numStrokes = 0;

export class Brush {
  #view;
  #options;
  #stroke = null;

  constructor(view, options) {
    this.#view = view;
    this.#options = options;
  }

  down(position) {
    const photo = this.#options.photo();
    if (!photo) return false;
    this.#stroke = { id: ++numStrokes, width: this.#options.width(), points: [this.#view.toImage(position)] };
    photo.strokes = [...photo.strokes, this.#stroke];
    this.#view.requestDraw();
    return true;
  }

  move(position) {
    this.#stroke?.points.push(this.#view.toImage(position));
    this.#view.requestDraw();
  }

  up() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.#options.onstroke(this.#options.photo(), stroke);
  }

  cancel() {
    const photo = this.#options.photo();
    if (photo) photo.strokes = photo.strokes.filter((stroke) => stroke !== this.#stroke);
    this.#stroke = null;
    this.#view.requestDraw();
  }

  key(event) {
    const point = this.#options.selected();
    if (!point || (event.key !== "Enter" && event.key !== " ")) return false;
    if (this.down(this.#view.toScreen(point))) this.up();
    return true;
  }
}
