/**
 * What buttons and keys do with faces and points: add, remove, copy, move a whole face; hidden, absent, done.
 */

import { send } from "./api.js";
import { edit } from "./changes.js";
import { copyFace, makeFace, numKnown, transformed } from "./faces.js";
import { openNextToDo } from "./opening.js";
import { announcePoint, currentFace, editor, faces, saver, selectPoint, showMessage, state, update, view } from "./session.js";
import { faceBox } from "./shared/drawing.js";

const MIN_POINTS = 2; // of a face

// ---- faces ----------------------------------------------------------------------------------------------------------

// Adds a face with the points that the server suggests in a box; false if it cannot.
export async function suggestInBox(box) {
  const target = state.image;
  try {
    const face = await send("POST", `api/images/${target.index}/face`, { box });
    if (state.image !== target) return false;
    edit("Add face", () => target.faces.push(makeFace(face)));
    state.current = target.faces.length - 1;
    selectPoint(null);
    return true;
  } catch (error) {
    showMessage(error.message, true);
    return false;
  }
}

export function removeFace() {
  if (!currentFace()) return;
  edit(`Remove face ${state.current + 1}`, () => state.image.faces.splice(state.current, 1));
  state.current = Math.max(0, state.current - 1);
  selectPoint(null);
}

export function copyPrevious() {
  const { image, copied } = state;
  if (!image || !copied) return;
  edit("Copy the faces of the image before", () => (image.faces = copied.map(copyFace)));
  state.current = 0;
  selectPoint(null);
}

export function changePoints(f, points) {
  faces()[f].points = points;
  view.requestDraw();
}

// change: see faces.js
export function transformFace(change, label) {
  const face = currentFace();
  if (!face) return;
  const [x0, y0, x1, y1] = faceBox(face);
  const points = transformed(face.points, change, [(x0 + x1) / 2, (y0 + y1) / 2]);
  edit(label, () => changePoints(state.current, points), `${label} ${state.current}`);
}

// ---- points ---------------------------------------------------------------------------------------------------------

export function toggleHidden() {
  const { face, point } = editor.selected ?? {};
  if (!faces()[face]?.points[point]) return;
  edit(`Point ${point} hidden or visible`, () => (faces()[face].hidden[point] = !faces()[face].hidden[point]));
  announcePoint();
}

export function toggleAbsent() {
  if (!editor.selected) return;
  const { face: f, point } = editor.selected;
  const face = faces()[f];
  if (face.points[point]) {
    if (numKnown(face) <= MIN_POINTS) {
      showMessage(`A face needs ${MIN_POINTS} points. Remove the face instead.`, true);
      return;
    }
    edit(`Point ${point} absent`, () => {
      face.points[point] = null;
      face.hidden[point] = false;
    });
  } else if (state.tool === "place") {
    const next = face.points.findIndex((other, i) => !other && i > point);
    editor.selected = { face: f, point: next < 0 ? point : next };
    update();
  } else {
    const [x0, y0, x1, y1] = faceBox(face);
    edit(`Point ${point} present`, () => (face.points[point] = [(x0 + x1) / 2, (y0 + y1) / 2]));
  }
  announcePoint();
}

// ---- the image ------------------------------------------------------------------------------------------------------

export async function markDone() {
  const { image, project } = state;
  if (!image) return;
  if (image.faces.some((face) => numKnown(face) < MIN_POINTS)) {
    showMessage("A face has too few points. Place them, or remove the face.", true);
    return;
  }
  if (!image.done) edit("Done", () => (image.done = true)); // done already: the key was pressed again while the next image is loaded
  project.images[image.index].done = true;
  await saver.finished; // the suggestion for the next image includes this one
  if (state.image === image) await openNextToDo();
}

export const reopen = () => edit("Not done", () => (state.image.done = false));
