/**
 * The faces and the details of one of them as text, which screen readers can read.
 *
 *   const list = new FaceList(element, { onselect(f), onexclude(f) });
 *   list.show(faces, selected)                         f, selected: the index of a face
 *   showDetails(element, { face, number, names, point, neighbors })
 *   describePoint(face, point, names)                   "30 nose_tip, expected error 1.2 px, visible 98 %"
 */

import { createElement } from "./dom.js";
import { errorColor, faceSize, isHidden, meanError } from "./drawing.js";

const MEASURE_NAMES = {
  left_eye_openness: "left eye open", right_eye_openness: "right eye open", mouth_openness: "mouth open",
  mouth_width: "mouth width", brow_raise: "brow raise", size: "size",
};

const CELL_NAMES = ["Face", "score", "size", "expected error"];

const unseen = (text) => createElement("span", { className: "unseen" }, text);

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

export function describePoint(face, point, names) {
  const error = face.expected_errors ? `, expected error ${face.expected_errors[point].toFixed(1)} px` : "";
  const visibility = face.visibility ? `, visible ${percent(face.visibility[point])}` : "";
  return `${point} ${names[point] ?? ""}${error}${visibility}`;
}

export class FaceList {
  #element;
  #options;
  #rows = [];

  constructor(element, options) {
    this.#element = element;
    this.#options = options;
  }

  show(faces, selected) {
    while (this.#rows.length < faces.length) this.#addRow();
    for (const { row } of this.#rows.splice(faces.length)) row.remove();
    faces.forEach((face, f) => {
      const { row, button, cells, note, hide } = this.#rows[f];
      const error = meanError(face);
      const number = face.track ? `#${face.track}` : String(f + 1);
      const texts = [number, face.score?.toFixed(2) ?? "", `${Math.round(faceSize(face))} px`, error === null ? "" : percent(error, 1)];
      texts.forEach((text, k) => (cells[k].textContent = text));
      row.querySelector("i").style.background = errorColor(error ?? NaN);
      row.classList.toggle("excluded", Boolean(face.excluded));
      button.setAttribute("aria-pressed", String(f === selected));
      note.textContent = face.excluded ? ", hidden" : "";
      hide.textContent = face.excluded ? "Show" : "Hide";
      hide.setAttribute("aria-label", `${hide.textContent} face ${number}`);
    });
  }

  #addRow() {
    const f = this.#rows.length;
    const cells = CELL_NAMES.map(() => createElement("b"));
    // Screen readers read the names of the values as well.
    const named = cells.map((cell, k) => createElement("span", {}, unseen(`${CELL_NAMES[k]} `), cell));
    const note = unseen("");
    const button = createElement("button", { type: "button", className: "face" }, createElement("i"), ...named, note);
    button.onclick = () => this.#options.onselect(f);
    const hide = createElement("button", { type: "button", title: "Hidden faces are not drawn and not exported (H)" });
    hide.onclick = () => this.#options.onexclude(f);
    const row = createElement("li", {}, button, hide);
    this.#rows.push({ row, button, cells, note, hide });
    this.#element.append(row);
  }
}

export function showDetails(element, { face, number, names, point, neighbors }) {
  element.hidden = !face;
  if (!face) return element.replaceChildren();
  const parts = [];
  if (neighbors && point !== null && face.edge_weights) parts.push(neighborTable(face, point, names));
  if (face.pose) {
    const { yaw, pitch, roll } = face.pose;
    const side = (angle, positive, negative) => (Math.abs(angle) < 0.5 ? "" : angle > 0 ? positive : negative);
    parts.push(
      table(`Head pose of face ${number}`, [
        ["yaw", `${yaw.toFixed(1)}°`, side(yaw, "to the right", "to the left")],
        ["pitch", `${pitch.toFixed(1)}°`, side(pitch, "up", "down")],
        ["roll", `${roll.toFixed(1)}°`, side(roll, "clockwise", "counterclockwise")],
      ]),
    );
  }
  if (face.visibility) {
    const hidden = face.points.flatMap((_, i) => (isHidden(face, i) ? [i] : []));
    const regions = [...new Set(hidden.map((i) => (names[i] ?? "").replace(/_\d+$/, "")))].slice(0, 8).join(", ");
    parts.push(table("Visibility", [["visible points", `${face.points.length - hidden.length} of ${face.points.length}`, regions && `hidden: ${regions}`]]));
  }
  const measures = Object.entries(face.measures ?? {});
  if (measures.length) {
    parts.push(table("Measures", measures.map(([name, value]) => [MEASURE_NAMES[name] ?? name, name === "size" ? `${Math.round(value)} px` : value.toFixed(2), ""])));
  }
  element.replaceChildren(...parts);
}

function neighborTable(face, point, names) {
  const edges = face.edge_weights.filter(([start]) => start === point).sort((a, b) => b[2] - a[2]);
  const rows = edges.map(([, neighbor, weight]) => [neighbor === point ? "itself" : names[neighbor], percent(weight), ""]);
  return table(`Edge weights of ${names[point]}`, rows.length ? rows : [["none, as this model has no graph", "", ""]]);
}

function table(caption, rows) {
  const cells = rows.map(([name, value, note]) =>
    createElement("tr", {}, createElement("th", { scope: "row" }, name), createElement("td", { className: "number" }, value), createElement("td", {}, note ?? "")),
  );
  return createElement("table", {}, createElement("caption", {}, caption), createElement("tbody", {}, ...cells));
}
