/**
 * The panel beside the image: its faces, and the points of the current face.
 *
 *   const panel = new Panel({ onface(f) {...}, onpoint(i) {...} });
 *   panel.show(faces, current, selectedPoint, names)      current: index of the face; selectedPoint: index or null
 */

import { $, createElement } from "./shared/dom.js";
import { numKnown } from "./faces.js";

export class Panel {
  #options;
  #rows = [];

  constructor(options) {
    this.#options = options;
  }

  show(faces, current, selectedPoint, names) {
    this.#showFaces(faces, current);
    const face = faces[current];
    if (this.#rows.length !== (face ? names.length : 0)) this.#addRows(face ? names.length : 0);
    this.#rows.forEach(({ button, state, name }, i) => {
      const text = !face.points[i] ? "absent" : face.hidden[i] ? "hidden" : "";
      if (state.textContent !== text) state.textContent = text;
      if (name.textContent !== names[i]) name.textContent = names[i];
      button.setAttribute("aria-current", String(i === selectedPoint));
      button.tabIndex = i === (selectedPoint ?? 0) ? 0 : -1;
    });
    this.#rows[selectedPoint]?.button.scrollIntoView({ block: "nearest" });
  }

  #showFaces(faces, current) {
    const buttons = faces.map((face, f) => {
      const button = createElement("button", { type: "button", "aria-pressed": String(f === current) }, `Face ${f + 1}`);
      button.title = `${numKnown(face)} of ${face.points.length} points`;
      button.onclick = () => this.#options.onface(f);
      return button;
    });
    const focused = [...$("faces").children].indexOf(document.activeElement);
    $("faces").replaceChildren(...(buttons.length ? buttons : [createElement("span", { className: "hint" }, "No face yet.")]));
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)]?.focus();
  }

  #addRows(count) {
    this.#rows = Array.from({ length: count }, (_, i) => {
      const [name, state] = [createElement("span", { className: "name" }), createElement("span", { className: "status" })];
      const button = createElement("button", { type: "button" }, createElement("span", { className: "number" }, String(i)), name, state);
      button.onclick = () => this.#options.onpoint(i);
      button.onkeydown = (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        const target = (i + step + count) % count;
        this.#options.onpoint(target);
        this.#rows[target].button.focus();
      };
      return { item: createElement("li", {}, button), button, name, state };
    });
    $("points").replaceChildren(...this.#rows.map(({ item }) => item));
  }
}
