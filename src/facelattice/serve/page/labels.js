/**
 * Places short texts beside points so that they do not cover each other.
 *
 *   const labels = new Labels(context, { size: 11 });
 *   labels.avoid([x, y], radius)                  a place that no label may cover
 *   labels.avoidLabels(others)                    the places of other labels
 *   labels.add("12", [x, y], { gap: 5, away: [x, y], color: "#fff", required: false })
 *   labels.draw()
 *
 * A label is placed at the side of its point that is farthest `away` from another position, if there is room, else at
 * another side. One without any room is left out, and appears when the user zooms in; `required` ones always appear,
 * farther away if necessary.
 */

const DIRECTIONS = [0, 1, -1, 2, -2, 3, -3, 4].map((k) => (k * Math.PI) / 4);

export class Labels {
  #context;
  #font;
  #size;
  #obstacles = [];
  #placed = [];

  constructor(context, { size = 11, bold = false } = {}) {
    this.#context = context;
    this.#size = size;
    this.#font = `${bold ? 600 : 400} ${size}px system-ui, sans-serif`;
  }

  avoid([x, y], radius) {
    this.#obstacles.push([x - radius, y - radius, x + radius, y + radius]);
  }

  width(text) {
    this.#context.font = this.#font;
    return this.#context.measureText(text).width;
  }

  avoidLabels({ boxes }) {
    this.#obstacles.push(...boxes);
  }

  get boxes() {
    return this.#placed.map(({ box }) => box);
  }

  add(text, [x, y], { gap = 5, away = null, color = "#fff", required = false } = {}) {
    const width = this.width(text) + 2;
    const height = this.#size + 1;
    const start = away ? Math.atan2(y - away[1], x - away[0]) : -Math.PI / 4;
    let box = null;
    const places = (required ? [gap, 2 * gap + 8, 3 * gap + 20] : [gap]).flatMap((distance) => DIRECTIONS.map((direction) => [distance, direction]));
    for (const [distance, direction] of places) {
      const [dx, dy] = [Math.cos(start + direction), Math.sin(start + direction)];
      const [cx, cy] = [x + dx * (distance + width / 2), y + dy * (distance + height / 2)];
      const candidate = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2];
      if (this.#isFree(candidate)) {
        box = candidate;
        break;
      }
      if (required) box ??= candidate;
    }
    if (!box) return;
    this.#obstacles.push(box);
    this.#placed.push({ text, box, color });
  }

  draw() {
    const context = this.#context;
    context.font = this.#font;
    context.textBaseline = "middle";
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 0.8)";
    for (const { text, box, color } of this.#placed) {
      const center = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      context.strokeText(text, ...center);
      context.fillStyle = color;
      context.fillText(text, ...center);
    }
  }

  #isFree([x0, y0, x1, y1]) {
    return !this.#obstacles.some(([a0, b0, a1, b1]) => x0 < a1 && a0 < x1 && y0 < b1 && b0 < y1);
  }
}
