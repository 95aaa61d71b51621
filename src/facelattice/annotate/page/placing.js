/**
 * Placing points one by one: a click sets the selected point if it is absent, else the first absent one. If the face has
 * all points, it sets the first point of a new face.
 *
 *   new PlaceTool(view, { place, end })       see face_tools.js
 */

import { changePoints } from "./actions.js";
import { record, snapshot } from "./changes.js";
import { emptyFace, firstMissing } from "./faces.js";
import { currentFace, editor, names, showMessage, state, update } from "./session.js";

let before = null; // the faces before a drag in progress

export function place(position) {
  if (!before) {
    before = snapshot();
    if (!currentFace() || firstMissing(currentFace()) < 0) {
      state.image.faces.push(emptyFace(names().length));
      state.current = state.image.faces.length - 1;
    }
    const { face, point } = editor.selected ?? {};
    const isWanted = face === state.current && !currentFace().points[point];
    editor.selected = { face: state.current, point: isWanted ? point : firstMissing(currentFace()) };
  }
  changePoints(state.current, currentFace().points.map((old, i) => (i === editor.selected.point ? position : old)));
  return true;
}

// position: null if the drag was canceled
export function end(position) {
  const earlier = before;
  before = null;
  if (!earlier) return;
  if (!position) {
    state.image.faces = earlier.faces;
    editor.selected = null;
    update();
    return;
  }
  const { point } = editor.selected;
  record(`Place point ${point}`, earlier);
  const next = firstMissing(currentFace());
  editor.selected = { face: state.current, point: next < 0 ? point : next };
  showMessage(next < 0 ? "All points are placed. Press D when the image is done." : `Next: ${next} ${names()[next]}. Click its place, or press X if the face does not have it.`);
  update();
}
