/**
 * What the page shows, and the objects that its parts share: the state, the view, the editor of points, the saver.
 *
 *   state.project                         as the server describes it; null before the first response
 *   state.image                           the image that is shown, or null:
 *                                         {index, version, done, annotated, faces, width, height, element, history}
 *   state.current                         index of the face that tools for whole faces and the panel refer to
 *   state.tool                            "points", "box", "place" or "face"
 *   state.isPressed                       while a tool of the mouse is in use
 *   state.copied                          the faces of the image before, or null
 *   faces(), currentFace(), names()       of the image; its points are in `editor.selected`
 *   selectPoint(i), announcePoint()       of the current face; null: no point
 *   updated.subscribe(() => ...)          faces, selection or buttons have changed; update() calls it
 *   pointsChanged.subscribe(({ face, before, label, key }) => ...)     the editor has moved points
 *   imageSaved, saveRejected              signals of the saver with the image
 */

import { Saver } from "./saving.js";
import { ImageView } from "./shared/canvas.js";
import { $ } from "./shared/dom.js";
import { PointEditor } from "./shared/editing.js";
import { createSignal } from "./shared/state.js";
import { Tooltip } from "./shared/tooltip.js";

export const state = { project: null, image: null, current: 0, tool: "points", isPressed: false, copied: null };
export const view = new ImageView($("view"));
export const tooltip = new Tooltip($("tip"));
export const updated = createSignal();
export const pointsChanged = createSignal();
export const imageSaved = createSignal();
export const saveRejected = createSignal();

export const faces = () => state.image?.faces ?? [];
export const currentFace = () => faces()[state.current];
export const names = () => state.project?.scheme.names ?? [];
export const update = () => updated.emit();

export function showMessage(text, isError = false) {
  if ($("message").textContent !== text) $("message").textContent = text; // screen readers read it each time it is set
  $("message").classList.toggle("wrong", isError);
}

export const editor = new PointEditor(view, {
  faces,
  onselect: (selected) => {
    if (selected) state.current = selected.face;
    announcePoint();
    update();
  },
  onhover: (found) => {
    if (found) tooltip.show(`${found.point} ${names()[found.point]}`, view.toScreen(faces()[found.face].points[found.point]));
    else tooltip.hide();
  },
  onchange: (change) => pointsChanged.emit(change),
});

export function selectPoint(point) {
  editor.select(point === null ? null : { face: state.current, point });
}

export function announcePoint() {
  const { face, point } = editor.selected ?? {};
  if (point === undefined) return;
  const position = faces()[face]?.points[point];
  const text = !position ? ", absent" : faces()[face].hidden[point] ? ", hidden" : "";
  showMessage(`${point} ${names()[point]}${text}`);
}

export const saver = new Saver({
  onsaved: (image) => imageSaved.emit(image),
  onconflict: (image) => saveRejected.emit(image),
  onerror: (image, error) => showMessage(`Not saved: ${error.message}`, true),
  onstate: (text) => {
    $("saved").textContent = text;
    $("saved").classList.toggle("wrong", text === "Not saved");
  },
});
